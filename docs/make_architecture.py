"""Draws docs/pictures/rooms.*.svg and fills in docs/architecture.md from the imports: `make docs`.

In every page of docs/ it also sets the line of each link to a function, class or constant, and the file where that
has moved. Nothing is written by hand but the text around it.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from drawing import THEMES, Colors, Drawing
from structure import Tree, floors

DOCS = Path(__file__).parent
ROOT = DOCS.parent
TREE = Tree()
LINK = re.compile(r"\[`([\w.]+)`\]\(\.\./(src/deepsuper/[\w/]+\.py)(?:#L\d+)?\)")
TITLE = "The rooms of deepsuper, floor by floor; an arrow means: imports"
TABLE = re.compile(r"(<!-- rooms -->\n).*?(<!-- /rooms -->)", re.DOTALL)

BOX, GAP, LINE, ROW_GAP = 430, 36, 17, 40
"""Width of a room's box, space between two boxes, height of a line of text, space between two floors."""


def outputs() -> dict[Path, str]:
    """Every file that this script writes, and what belongs in it."""
    found = {DOCS / "pictures" / f"rooms.{theme}.svg": draw(colors).svg() for theme, colors in THEMES.items()}
    for page in sorted(DOCS.glob("*.md")):
        text = page.read_text(encoding="utf-8")
        filled = TABLE.sub(lambda match: match[1] + table() + match[2], LINK.sub(_link, text))
        if filled != text or LINK.search(text):
            found[page] = filled
    return found


def table() -> str:
    """The rooms from the top floor down: purpose, and the rooms that each imports."""
    rows = ["| floor | room | what it is for | it imports |", "| --: | --- | --- | --- |"]
    for floor, rooms in _by_floor():
        for room in rooms:
            imported = ", ".join(f"`{other}`" for other in sorted(TREE.rooms[room])) or "nothing"
            rows.append(
                f"| {floor} | [`{room}/`](../src/deepsuper/{room}/__init__.py) | {TREE.purpose(room)} | {imported} |"
            )
    return "\n".join(rows) + "\n"


def _by_floor() -> list[tuple[int, list[str]]]:
    """The rooms of each floor, the highest first."""
    found = floors(TREE.rooms)
    return [(n, sorted(room for room in found if found[room] == n)) for n in sorted(set(found.values()), reverse=True)]


def shortest(room: str) -> set[str]:
    """The rooms that `room` imports, without those that one of the others imports, directly or not."""
    reached = {other: _below(other) for other in TREE.rooms[room]}
    return {other for other in reached if not any(other in below for below in reached.values())}


@lru_cache
def _below(room: str) -> frozenset[str]:
    """All rooms that a room stands on."""
    direct = TREE.rooms[room]
    return frozenset(direct).union(*map(_below, direct))


def draw(colors: Colors) -> Drawing:
    """The rooms, floor by floor, in one of the two themes."""
    texts = {room: textwrap.wrap(TREE.purpose(room).replace("`", ""), 60) for room in TREE.rooms}
    most = max(len(rooms) for _, rooms in _by_floor())
    width = most * (BOX + GAP) - GAP + 40
    boxes: dict[str, tuple[float, float, float]] = {}
    top = 20.0
    for _, rooms in _by_floor():
        height = 38 + LINE * max(len(texts[room]) for room in rooms)
        left = (width - len(rooms) * BOX - (len(rooms) - 1) * GAP) / 2
        for n, room in enumerate(rooms):
            boxes[room] = (left + n * (BOX + GAP), top, height)
        top += height + ROW_GAP
    picture = Drawing(
        width, int(top - ROW_GAP + 20), "The rooms of deepsuper; an arrow leads to a room that is imported"
    )
    for room in TREE.rooms:
        for other in sorted(shortest(room)):
            _arrow(picture, colors, boxes[room], boxes[other])
    for room, (x, y, height) in boxes.items():
        fill, ink = colors.stages[_kind(room)]
        picture.box(x, y, BOX, height, fill=fill, edge=ink)
        picture.text(x + 16, y + 24, room, color=ink, size=15, weight=600)
        for n, line in enumerate(texts[room]):
            picture.text(x + 16, y + 43 + n * LINE, line, color=colors.ink, size=12.5)
    return picture


def _kind(room: str) -> int:
    """The colour of a room: the method itself, what stands below it, and everything else."""
    return 1 if room == "method" else 0 if room in _below("method") else 2


def _arrow(
    picture: Drawing, colors: Colors, start: tuple[float, float, float], end: tuple[float, float, float]
) -> None:
    """A curve from the lower edge of one box to the upper edge of another."""
    x, y = start[0] + BOX / 2, start[1] + start[2]
    to_x, to_y = end[0] + BOX / 2, end[1] - 2
    bend = to_y - 14
    picture.path(f"M{x:g} {y:g} C{x:g} {bend:g} {to_x:g} {y:g} {to_x:g} {bend:g} V{to_y:g}", color=colors.line)


def _link(match: re.Match[str]) -> str:
    name, file = match[1], match[2]
    file, line = where(name, file)
    return f"[`{name}`](../{file}#L{line})"


def where(name: str, file: str) -> tuple[str, int]:
    """File and line of a name such as `load_corpus` or `Supervised.forward`; `file` is where it was last.

    Raises: LookupError where no file defines it, or several do and `file` is none of them.
    """
    found = {path: lines[name] for path, lines in _definitions().items() if name in lines}
    if file in found:
        return file, found[file]
    if len(found) != 1:
        raise LookupError(f"`{name}`: {file} has no such name, and {len(found)} other files have: {[*found]}")
    return next(iter(found.items()))


@lru_cache
def _definitions() -> dict[str, dict[str, int]]:
    """File -> name -> line, of what it defines at its top level and inside its classes."""
    return {
        str(file.relative_to(ROOT)): dict(_named(ast.parse(file.read_text(encoding="utf-8"))))
        for file in sorted(TREE.source.rglob("*.py"))
    }


def _named(tree: ast.Module | ast.ClassDef, prefix: str = "") -> Iterator[tuple[str, int]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield prefix + node.name, node.lineno
        if isinstance(node, ast.ClassDef):
            yield from _named(node, f"{prefix}{node.name}.")
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from ((prefix + target.id, node.lineno) for target in targets if isinstance(target, ast.Name))


if __name__ == "__main__":
    for path, text in outputs().items():
        path.write_text(text, encoding="utf-8")
