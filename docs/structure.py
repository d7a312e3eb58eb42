"""Counts the structure of the source: rooms, arrows, floors, circles, lines, functions, shared names.

    python docs/structure.py                 # this tree
    python docs/structure.py --source DIR    # another tree's src/deepsuper, of an earlier commit for example

A room is a module or package directly below the source folder. An arrow goes from a room to another one that it
imports, also where the import stands inside a function. A floor is the length of the longest chain of arrows below a
room. A circle is a group of rooms (or files) that all reach each other.
"""

from __future__ import annotations

import argparse
import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import median, quantiles

SOURCE = Path(__file__).parents[1] / "src" / "deepsuper"
DOORS = ("__init__", "__main__")
Graph = Mapping[str, set[str]]


@dataclass(frozen=True)
class Tree:
    """The Python files below a source folder, and what imports what."""

    source: Path = SOURCE

    @cached_property
    def files(self) -> dict[str, ast.Module]:
        """Module name -> parsed file. The names begin with the package's own."""
        found = {}
        for file in sorted(self.source.rglob("*.py")):
            parts = (self.source.name, *file.relative_to(self.source).with_suffix("").parts)
            found[".".join(parts).removesuffix(".__init__")] = ast.parse(file.read_text(encoding="utf-8"))
        return found

    @cached_property
    def imports(self) -> Graph:
        """Module -> the modules of the package that it imports."""
        return {name: set(self._imported(tree)) - {name} for name, tree in self.files.items()}

    def _imported(self, tree: ast.Module) -> Iterator[str]:
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    within = f"{node.module}.{alias.name}"
                    yield from [name for name in (within, node.module) if name in self.files][:1]
            elif isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names if alias.name in self.files)

    @cached_property
    def rooms(self) -> Graph:
        """Room -> the rooms that it imports."""
        graph: dict[str, set[str]] = {}
        for module, imported in self.imports.items():
            if (room := self._room(module)) is not None:
                graph.setdefault(room, set()).update(other for name in imported if (other := self._room(name)))
        return {room: others - {room} for room, others in graph.items()}

    def _room(self, module: str) -> str | None:
        """The room of a module; none for the package's own `__init__` and `__main__`, which are its doors."""
        parts = module.split(".")
        return parts[1] if len(parts) > 1 and parts[1] not in DOORS else None

    def purpose(self, room: str) -> str:
        """The first sentence of a room's docstring."""
        text = " ".join((ast.get_docstring(self.files[f"{self.source.name}.{room}"]) or "").split())
        return re.split(r"(?<=[.;])\s|\. ", text)[0].rstrip(".;")

    def functions(self) -> list[tuple[int, str]]:
        """Length in lines, and name, of each function; the shortest first."""
        found = []
        for module, tree in self.files.items():
            for node in ast.walk(tree):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    found.append(((node.end_lineno or 0) - node.lineno + 1, f"{module}.{node.name}"))
        return sorted(found)

    def shared_names(self) -> dict[str, list[str]]:
        """Names of classes and type aliases that more than one module defines."""
        found: defaultdict[str, list[str]] = defaultdict(list)
        for module, tree in self.files.items():
            for name in sorted(set(_types(tree))):
                found[name].append(module)
        return {name: modules for name, modules in sorted(found.items()) if len(modules) > 1}


def _types(tree: ast.Module) -> Iterator[str]:
    """The classes and type aliases that a file defines at its top level."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Subscript | ast.Attribute | ast.BinOp):
            names = (target.id for target in node.targets if isinstance(target, ast.Name))
            yield from (name for name in names if re.fullmatch(r"_?[A-Z]+[a-z]\w*", name))


def circles(graph: Graph) -> list[list[str]]:
    """The groups of nodes that all reach each other, of two or more nodes."""
    reach = {node: _reachable(graph, node) for node in graph}
    groups = {frozenset(n for n in reach[node] if node in reach[n]) for node in graph if node in reach[node]}
    return sorted(sorted(group) for group in groups)


def _reachable(graph: Graph, start: str) -> set[str]:
    """The nodes that one or more arrows lead to from `start`."""
    found: set[str] = set()
    waiting = [*graph[start]]
    while waiting:
        if (node := waiting.pop()) not in found:
            found.add(node)
            waiting += graph.get(node, ())
    return found


def floors(graph: Graph) -> dict[str, int]:
    """Node -> the longest chain of arrows below it. The nodes of a circle stand on one floor."""
    group = {node: node for node in graph} | {node: members[0] for members in circles(graph) for node in members}
    found: dict[str, int] = {}

    def floor(node: str) -> int:
        if node not in found:
            members = [n for n in graph if group[n] == node]
            below = {group[other] for n in members for other in graph[n]} - {node}
            found[node] = 1 + max(map(floor, below), default=-1)
        return found[node]

    return {node: floor(group[node]) for node in graph}


def report(tree: Tree) -> Iterator[str]:
    """The counts, one line each."""
    levels, lengths = floors(tree.rooms), [length for length, _ in tree.functions()]
    of_rooms, of_files = circles(tree.rooms), circles(tree.imports)
    shared = tree.shared_names()
    lines = sum(len(file.read_text(encoding="utf-8").splitlines()) for file in tree.source.rglob("*.py"))
    yield f"rooms                 {len(tree.rooms)}"
    yield f"arrows between rooms  {sum(map(len, tree.rooms.values()))}"
    yield f"floors                {1 + max(levels.values())}"
    yield f"circles of rooms      {len(of_rooms)}{_listed(of_rooms)}"
    yield f"circles of files      {len(of_files)}{_listed(of_files)}"
    yield f"files                 {len(tree.files)}"
    yield f"lines                 {lines:,}"
    yield (
        f"functions             {len(lengths):,}: median {median(lengths):g} lines, "
        f"p90 {quantiles(lengths, n=10)[-1]:.0f}, max {lengths[-1]} ({tree.functions()[-1][1]})"
    )
    yield f"shared type names     {len(shared)}{_listed([[name, *modules] for name, modules in shared.items()])}"


def _listed(groups: list[list[str]]) -> str:
    return "".join(f"\n    {' '.join(group)}" for group in groups)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path, default=SOURCE, help="folder of the package (default: this tree's)")
    print("\n".join(report(Tree(parser.parse_args().source.resolve()))))
