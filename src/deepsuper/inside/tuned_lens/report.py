"""What `deepsuper layers --fit_lens` prints, and what the file of a lens says of itself."""

import json

from rich.console import Console
from rich.table import Table

from deepsuper.inside.tuned_lens.fit import Fitted


def print_fitted(console: Console, fitted: Fitted, name: str) -> None:
    """Prints the divergence of each layer, before and after."""
    table = Table("layer", "logit lens", "tuned lens", title=f"{name}: KL(model || lens) on held-out text, nats")
    for layer, (before, after) in enumerate(zip(fitted.logit, fitted.tuned, strict=True)):
        table.add_row(str(layer), f"{before:.2f}", f"{after:.2f}")
    console.print(table)


def about(fitted: Fitted, *, model: str, weights: str, text: str, sentences: int, steps: int) -> dict[str, str]:
    """The metadata of the file. `weights`: the fingerprint of the model's."""
    numbers = {"tokens": fitted.tokens, "sentences": sentences, "steps": steps}
    divergences = {"kl_logit": fitted.logit, "kl_tuned": fitted.tuned}
    return {
        "model": model,
        "weights": weights,
        "text": text,
        **{name: str(value) for name, value in numbers.items()},
        **{name: json.dumps([round(value, 4) for value in values]) for name, values in divergences.items()},
    }
