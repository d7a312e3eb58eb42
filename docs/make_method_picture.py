"""Draws docs/pictures/method.light.svg and method.dark.svg, the picture of the method: `make docs`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from drawing import Colors, Drawing, write_themes

PICTURES = Path(__file__).with_name("pictures")
BLOCKS, I, J = 12, 3, 7
"""How many blocks are drawn, and after which ones the two English texts are read."""
LEFT, WIDTH, TOP, HEIGHT, GAP = 224, 250, 50, 25, 7
CARD_LEFT, CARD_WIDTH = 560, 370
TITLE = "Deep supervision: layer i learns the English question, layer j the English answer, layer L the answer itself"


@dataclass(frozen=True)
class Supervision:
    """What one layer is trained to give: the text, what it is, and the loss by logits and by features."""

    block: int
    text: str
    what: str
    equations: str
    logits: str
    feature: str = ""


CARDS = (
    Supervision(I, "What is the capital of Austria?", "the question in English, x^{en}", "eq. 4, 5",
                "L_{LC} = −log P(x^{en} | x^{tgt})", "L_{LC} = 1 − cos(h_{i}^{en}, h_{i}^{tgt})"),
    Supervision(J, "Vienna", "the answer in English, y^{en}", "eq. 6, 7",
                "L_{ET} = −log P(y^{en} | x^{tgt})", "L_{ET} = 1 − cos(h_{L}^{en}, h_{j}^{tgt})"),
    Supervision(BLOCKS, "Viên", "the answer in the target language, y^{tgt}", "eq. 2",
                "L_{TFT} = −log P(y^{tgt} | x^{tgt})"),
)  # fmt: skip


def draw(colors: Colors) -> Drawing:
    """The picture in one of the two themes."""
    picture = Drawing(950, 524, TITLE)
    picture.text(LEFT + WIDTH / 2, 28, "the model", color=colors.muted, size=13, anchor="middle")
    picture.text(CARD_LEFT, 28, "what its layers are trained to give", color=colors.muted, size=13)
    _stages(picture, colors)
    _blocks(picture, colors)
    _question(picture, colors)
    for stage, card in enumerate(CARDS):
        _card(picture, colors.stages[stage][1], colors, card)
    y = _top(1) + HEIGHT + 62
    picture.text(CARD_LEFT, y, "L = L_{TFT} + L_{LC} + L_{ET}", color=colors.ink, size=16, weight=600)
    picture.text(CARD_LEFT + CARD_WIDTH, y, "eq. 8", color=colors.muted, size=12.5, anchor="end")
    return picture


def _top(block: int) -> float:
    """The upper edge of a block; the first one is the lowest."""
    return TOP + (BLOCKS - block) * (HEIGHT + GAP)


def _stages(picture: Drawing, colors: Colors) -> None:
    """The names of the three stages, with a bar beside the blocks of each."""
    names = ("Language conversion", "English thinking", "Language reversion")
    for stage, (first, last) in enumerate(((1, I), (I + 1, J), (J + 1, BLOCKS))):
        color = colors.stages[stage][1]
        top, bottom = _top(last), _top(first) + HEIGHT
        picture.box(LEFT - 22, top, 4, bottom - top, fill=color, radius=2)
        picture.text(LEFT - 36, (top + bottom) / 2 + 5, names[stage], color=color, weight=600, anchor="end")


def _blocks(picture: Drawing, colors: Colors) -> None:
    """The stack; the three layers that are read are filled with their stage's colour."""
    names = {1: "layer 1", I: "layer i", J: "layer j", BLOCKS: "layer L"}
    for block in range(1, BLOCKS + 1):
        fill, ink = colors.stages[(block > I) + (block > J)]
        read = block in (I, J, BLOCKS)
        picture.box(LEFT, _top(block), WIDTH, HEIGHT, fill=ink if read else fill, edge=ink, radius=6)
        if block in names:
            color, x, y = colors.card if read else ink, LEFT + WIDTH / 2, _top(block) + 17.5
            picture.text(x, y, names[block], color=color, size=13, weight=600, anchor="middle")


def _question(picture: Drawing, colors: Colors) -> None:
    """What goes in at the bottom."""
    middle, top = LEFT + WIDTH / 2, _top(1) + HEIGHT + 28
    picture.box(LEFT - 30, top, WIDTH + 60, 52, fill=colors.card, edge=colors.edge)
    picture.text(middle, top + 23, "Thủ đô của nước Áo là gì?", color=colors.ink, size=16, weight=600, anchor="middle")
    what = "the question in the target language, x^{tgt}"
    picture.text(middle, top + 42, what, color=colors.muted, size=12.5, anchor="middle")
    picture.path(f"M{middle:g} {top:g} V{_top(1) + HEIGHT + 4:g}", color=colors.line)


def _card(picture: Drawing, color: str, colors: Colors, card: Supervision) -> None:
    """A card with what a layer learns, and an arrow from the layer to it."""
    middle, height = _top(card.block) + HEIGHT / 2, 108 if card.feature else 84
    top, left = middle - 26, CARD_LEFT + 18
    picture.path(f"M{LEFT + WIDTH:g} {middle:g} H{CARD_LEFT - 4:g}", color=color, width=2)
    picture.box(CARD_LEFT, top, CARD_WIDTH, height, fill=colors.card, edge=color)
    picture.text(left, top + 29, card.text, color=colors.ink, size=17, weight=600)
    picture.text(left, top + 48, card.what, color=colors.muted, size=12.5)
    picture.text(CARD_LEFT + CARD_WIDTH - 14, top + 48, card.equations, color=colors.muted, size=12.5, anchor="end")
    picture.text(left, top + 73, "by logits" if card.feature else "as usual", color=colors.muted, size=12.5)
    picture.text(left + 98, top + 73, card.logits, color=color, size=14.5)
    if card.feature:
        picture.text(left, top + 96, "or by feature", color=colors.muted, size=12.5)
        picture.text(left + 98, top + 96, card.feature, color=color, size=14.5)


if __name__ == "__main__":
    write_themes("method", draw, PICTURES)
