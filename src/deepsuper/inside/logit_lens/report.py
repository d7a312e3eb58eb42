"""A view in the terminal: the likeliest token at each layer and position, top layer first, bold from 50% on."""

from rich.console import Console
from rich.style import Style
from rich.table import Table
from rich.text import Text

from deepsuper.inside.logit_lens.view import Cell, View

WIDTH = 12
"""The width of a position in the terminal, in characters."""
COLOURS = {"Latin": "cyan", "Han": "red", "Arabic": "green", "bytes": "yellow"}


def print_view(console: Console, view: View) -> None:
    """Prints as many positions side by side as fit into the terminal, and the others below."""
    side_by_side = max(1, (console.width - 6) // (WIDTH + 3))
    for start in range(0, len(view.tokens), side_by_side):
        positions = range(start, min(start + side_by_side, len(view.tokens)))
        table = Table(title=f"{view.model}, positions {positions[0]} to {positions[-1]}", title_justify="left")
        table.add_column("layer", justify="right", no_wrap=True)
        for position in positions:
            table.add_column(Text(view.tokens[position]), width=WIDTH, no_wrap=True, overflow="ellipsis")
        for layer in range(len(view.cells) - 1, -1, -1):
            table.add_row(str(layer), *(_cell(view.cells[layer][position]) for position in positions))
        console.print(table)
    scripts = "  ".join(f"[{colour}]{script}[/]" for script, colour in COLOURS.items())
    console.print(f"each cell: the likeliest next token, its probability in percent; {scripts}; bold from 50% on")


def _cell(cell: Cell) -> Text:
    token, probability, script = cell.top[0]
    style = Style(color=COLOURS.get(script), bold=probability >= 0.5, dim=probability < 0.1)
    return Text.assemble((f"{100 * probability:3.0f} ", Style(dim=True)), (token, style))
