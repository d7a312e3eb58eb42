"""The two drops of an entropy curve: found where they are, and never invented."""

from __future__ import annotations

import numpy as np
import pytest

from deepsuper.inside.layers.drops import choose, largest_fall

# Mean entropy in nats, layers 0..L, of 20 Chinese questions, read with the final norm, of two real models.
GEMMA_3_270M = "0.00 0.31 1.34 1.28 1.15 1.42 2.40 2.27 4.33 4.78 5.63 7.07 4.59 3.84 5.35 4.80 4.38 4.58 4.22"
SMOLLM2_135M = (
    "0.06 1.70 1.23 1.44 1.46 1.36 1.28 1.24 1.16 1.13 1.07 1.04 0.93 0.95 0.92 1.01 0.85 0.92 0.90 0.97 1.08 1.26 "
    "1.18 1.15 1.44 1.74 1.96 1.99 3.15 4.66 2.80"
)


def paper_curve(layers: int = 32, i: int = 2, j: int = 15, noise: float = 0.0, seed: int = 0) -> np.ndarray:
    """The shape of the paper's LLaMA-2-7B: a drop that ends at i, a rest, a fall that begins at j."""
    curve = np.interp(np.arange(layers + 1), [0, i - 1, i, j, layers], [10.3, 10.0, 7.2, 7.0, 2.0])
    return curve + np.random.default_rng(seed).normal(0.0, noise, layers + 1)


@pytest.mark.parametrize(("layers", "i", "j"), [(32, 2, 15), (26, 2, 12), (80, 4, 38), (18, 2, 8)])
def test_the_papers_shape_gives_the_papers_layers(layers, i, j):
    choice = choose(paper_curve(layers, i, j))
    assert (choice.layer_lc, choice.layer_et) == (i, j)
    assert [round(drop.size, 1) for drop in choice.drops] == [3.1, 5.0]


def test_noise_moves_the_layers_little():
    choices = [choose(paper_curve(noise=0.1, seed=seed)) for seed in range(100)]
    assert all(choice.found for choice in choices)
    exact = [(choice.layer_lc, choice.layer_et) == (2, 15) for choice in choices]
    assert np.mean(exact) >= 0.8
    assert all(abs(choice.layer_lc - 2) <= 1 and abs(choice.layer_et - 15) <= 2 for choice in choices)
    assert np.median([abs(choice.noise - 0.1) for choice in choices]) < 0.05


@pytest.mark.parametrize("curve", [GEMMA_3_270M, SMOLLM2_135M], ids=["gemma", "smollm"])
def test_no_drop_is_invented_in_the_curves_of_tied_models(curve):
    values = np.array([float(x) for x in curve.split()])
    for seed in range(50):
        choice = choose(values + np.random.default_rng(seed).normal(0.0, 0.05 * (seed > 0), len(values)))
        assert choice.layer_lc is None and choice.layer_et is None and "need" in choice.reason


@pytest.mark.parametrize(
    "shape", [[0, 0], [8, 0], [0, 8], [8, 8, 2, 2], [2, 8, 2]], ids=["flat", "slope", "rise", "one drop", "hill"]
)
def test_other_shapes_have_no_two_drops(shape):
    line = np.interp(np.arange(33), np.linspace(0, 32, len(shape)), shape)
    found = [choose(line + np.random.default_rng(seed).normal(0.0, 0.1, 33)).found for seed in range(50)]
    assert np.mean(found) <= 0.02


def test_a_drop_right_before_a_climb_is_no_rest():
    curve = np.interp(np.arange(33), [0, 4, 6, 15, 16, 32], [9, 9, 5, 9, 9, 2])
    choice = choose(curve)
    assert not choice.found and "between its drops" in choice.reason


def test_three_like_drops_are_named():
    curve = np.interp(np.arange(33), [0, 4, 6, 14, 16, 24, 26, 32], [12, 12, 9, 9, 6, 6, 3, 3])
    assert "3 drops of like size" in choose(curve).reason


def test_sampling_error_larger_than_the_wiggle_is_the_noise():
    assert choose(paper_curve(), np.full(33, 0.3)).noise == pytest.approx(0.3)


def test_largest_fall_is_unbroken():
    assert largest_fall(np.array([5.0, 4.0, 4.5, 2.0, 1.0, 3.0])) == (2, 4)
    assert largest_fall(np.array([1.0, 2.0, 3.0])) == (0, 0)
