"""Progress bars for long steps. They go to standard error, so that what a command prints can be piped."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import Progress

T = TypeVar("T")


@contextmanager
def progress_bar(title: str, total: float, *, shown: bool = True) -> Iterator[Callable[[float], None]]:
    """A function that advances the bar by an amount. The bar is shown in a terminal only, and removed at the end."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not (shown and console.is_terminal)) as bar:
        task = bar.add_task(title, total=total)
        yield lambda amount: bar.advance(task, amount)


def progress(items: Sequence[T], title: str, *, shown: bool = True) -> Iterable[T]:
    """The items, with a progress bar while they are used."""
    with progress_bar(title, len(items), shown=shown) as advance:
        for item in items:
            yield item
            advance(1)
