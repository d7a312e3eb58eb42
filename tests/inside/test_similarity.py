"""Measures of alignment against hand-worked numbers and second sources."""

from __future__ import annotations

import numpy as np
import pytest

from deepsuper.inside.similarity import (
    centered,
    cka_interval,
    cloud_distance,
    linear_cka,
    mismatched_cosine,
    pair_cosines,
    retrieved,
)

rng = np.random.default_rng(0)
A, B = rng.normal(size=(30, 8)), rng.normal(size=(30, 6))


def test_linear_cka_equals_its_feature_form_and_its_hsic_form():
    a, b = A - A.mean(0), B - B.mean(0)
    features = np.linalg.norm(a.T @ b) ** 2 / (np.linalg.norm(a.T @ a) * np.linalg.norm(b.T @ b))
    center = np.eye(30) - 1 / 30

    def hsic(k, l):
        return np.trace(k @ center @ l @ center)

    ka, kb = A @ A.T, B @ B.T
    kernels = hsic(ka, kb) / np.sqrt(hsic(ka, ka) * hsic(kb, kb))
    assert linear_cka(A, B) == pytest.approx(features) == pytest.approx(kernels)


def test_cka_ignores_rotation_scale_and_shift():
    rotation = np.linalg.qr(rng.normal(size=(8, 8)))[0]
    assert linear_cka(A, 3.0 * A @ rotation + 5.0) == pytest.approx(1.0)
    interval = cka_interval(A, A + 0.3 * rng.normal(size=A.shape))
    assert interval.low < interval.mean < interval.high <= 1.0


def test_retrieval_by_hand():
    queries = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    candidates = np.array([[2.0, 0.1], [1.0, 0.9], [0.0, 3.0]])
    assert retrieved(queries, candidates).tolist() == [1.0, 0.0, 0.0]
    assert retrieved(centered(A), centered(A)).mean() == 1.0


def test_a_shared_direction_hides_in_raw_cosines_what_centring_shows():
    shared = 50.0 * np.ones(8)
    a, b = A + shared, rng.normal(size=A.shape) + shared
    assert pair_cosines(a, b).min() > 0.99 and mismatched_cosine(a, b) > 0.99
    assert pair_cosines(A, A).tolist() == pytest.approx([1.0] * 30)
    assert retrieved(centered(a), centered(A + shared)).mean() == 1.0


def test_cloud_distance_by_hand():
    square = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    assert cloud_distance(square, square + np.array([4.0, 0.0])) == pytest.approx(4.0 / np.sqrt(2.0))
    assert cloud_distance(square, square) == 0.0
