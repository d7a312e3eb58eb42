"""One picture of a model's layers: the curves of each criterion over each other, and the heatmap of figure 2a."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from deepsuper.common.figures import figure, font_for
from deepsuper.common.scripts import BYTES, NONE
from deepsuper.inside.vocabulary import ENGLISH, OTHER, SHARED, TARGET

COLOURS = {ENGLISH: "C0", TARGET: "C3", SHARED: "C4", BYTES: "C1", OTHER: "C2", NONE: "0.7"}


def draw(path: Path, record: Mapping[str, Any]) -> None:
    """Writes a PNG of what layers.json holds."""
    by_name = {verdict["criterion"]: verdict for verdict in record["criteria"]}
    panels = ["entropy", *(["language"] if "language" in by_name else [])]
    if by_name.get("alignment", {}).get("evidence"):  # none without English sentences
        panels.append("alignment")
    height = 2.6 * len(panels) + 3.6
    model, language = record["config"]["model"]["name"], record["config"]["language"]
    with figure(path, figsize=(8.5, height)) as drawn:
        drawn.suptitle(f"{model}, {language}: {record['sentences']} sentences of {record['source']}", fontsize=10)
        axes = drawn.subplots(len(panels) + 1, 1, height_ratios=[1.0] * len(panels) + [1.4])
        for panel, name in zip(axes, panels, strict=False):
            PANELS[name](panel, record, by_name)
            panel.set_xlim(0, len(record["entropy"]) - 1)
            for other in panels:
                _mark(panel, by_name.get(other), own=other == name)
        axes[len(panels) - 1].set_xlabel("layer (0: embeddings, L: after the final norm)")
        _draw_heatmap(drawn, axes[-1], record["sample"])


def _draw_entropy(axes: Any, record: Mapping[str, Any], verdicts: Mapping[str, Any]) -> None:
    layers = np.arange(len(record["entropy"]))
    axes.plot(layers, record["entropy"], "o-", markersize=3, color="C0", label="mean over tokens")
    if record["entropy_95"] is not None:
        axes.fill_between(layers, *record["entropy_95"], color="C0", alpha=0.25, label="95% over sentences")
    axes.plot(layers, record["fit"], color="0.4", linewidth=1, linestyle="--", label="fit of joined lines")
    for drop in verdicts.get("entropy", {}).get("evidence", {}).get("drops", []):
        axes.axvspan(drop["start"], drop["end"], color="C3", alpha=0.1)
    axes.set_ylabel("entropy (nats)")
    axes.legend(fontsize=7)


def _draw_language(axes: Any, record: Mapping[str, Any], verdicts: Mapping[str, Any]) -> None:
    for name, masses in zip(record["groups"], np.array(record["mass"]).T, strict=True):
        if masses.max() > 0.005:
            label = "digits, marks" if name == NONE else record["config"]["language"] if name == TARGET else name
            axes.plot(masses, color=COLOURS[name], label=label)
    axes.set(ylabel="probability", ylim=(0, 1))
    axes.legend(fontsize=7, ncols=2)


def _draw_alignment(axes: Any, record: Mapping[str, Any], verdicts: Mapping[str, Any]) -> None:
    axes.plot(verdicts["alignment"]["evidence"]["retrieval"], "o-", markersize=3, color="C2")
    axes.set(ylabel="retrieval accuracy", ylim=(0, 1))


PANELS = {"entropy": _draw_entropy, "language": _draw_language, "alignment": _draw_alignment}


def _mark(axes: Any, verdict: Mapping[str, Any] | None, *, own: bool) -> None:
    """The layers that a criterion names: with intervals in its own panel, as thin lines in the others."""
    for name, key in (("i", "lc"), ("j", "et")):
        if verdict is None or verdict[f"layer_{key}"] is None:
            continue
        layer, (low, high) = verdict[f"layer_{key}"], verdict[f"interval_{key}"]
        axes.axvline(layer, color="k", linewidth=1 if own else 0.7, linestyle="-" if own else ":")
        if not own:
            continue
        axes.axvspan(low - 0.15, high + 0.15, color="k", alpha=0.12)
        axes.annotate(
            f"{name} = {layer}", (layer, 0.97), xycoords=("data", "axes fraction"), va="top", fontsize=8,
            xytext=(4, 0), textcoords="offset points",
        )  # fmt: skip


def _draw_heatmap(drawn: Any, axes: Any, sample: Mapping[str, Any]) -> None:
    """Entropy of each token at each layer, the top layer above, as in figure 2a."""
    image = axes.imshow(sample["entropy"], aspect="auto", origin="lower", cmap="viridis", interpolation="nearest")
    drawn.colorbar(image, ax=axes, label="entropy (nats)")
    axes.set_ylabel("layer")
    axes.yaxis.get_major_locator().set_params(integer=True)
    tokens, font = sample["tokens"], font_for("".join(sample["tokens"]))
    if font is None:
        axes.set_xlabel("token (no installed font has these letters: they are in layers.json)")
    else:
        # matplotlib writes from left to right: the tokens of an Arabic sentence stand in the order of reading.
        axes.set_xticks(range(len(tokens)), [token.replace("$", r"\$") for token in tokens], rotation=60, fontsize=7)
        for label in axes.get_xticklabels():
            label.set_fontfamily(font)
