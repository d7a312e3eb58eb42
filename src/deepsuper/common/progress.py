"""Progress bars for long steps. They go to standard error, so that what a command prints can be piped."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

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


@contextmanager
def spinner(text: str = "") -> Iterator[Callable[[str], None]]:
    """A function that shows a text behind a spinner, for work whose length is not known. It is removed at the end."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, transient=True, console=Console(stderr=True)) as bar:
        task = bar.add_task(text)
        yield lambda told: bar.update(task, description=told)
