"""The known name that a misspelt one may mean, for error messages."""

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(name: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The known name most like `name`, in any case; None where difflib's ratio (0 to 1) is below `cutoff` for all."""
    folded = {one.casefold(): one for one in known}
    close = get_close_matches(name.strip().casefold(), folded, n=1, cutoff=cutoff)
    return folded[close[0]] if close else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of an error message, such as `: did you mean xquad?`; empty where no known name is similar."""
    found = nearest(name, known)
    return "" if found is None else f": did you mean {found}?"
