"""A bar for the steps that take long, on standard error: what a command prints can be piped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from rich.console import Console
from rich.progress import track

T = TypeVar("T")


def progress(items: Sequence[T], title: str) -> Iterable[T]:
    """`items`, with a bar that goes when it is done; without one where standard error is no terminal."""
    console = Console(stderr=True)
    return track(items, title, console=console, transient=True, disable=not console.is_terminal)
