"""Checks of the values of options against their ranges."""

from collections.abc import Iterable
from typing import Any

from deepsuper.common.errors import UserError

Range = tuple[str, Any, str, bool]
"""The name of an option, its value, the values that are allowed in words, and whether the value is one of them."""


def check_ranges(ranges: Iterable[Range]) -> None:
    """Raises: UserError naming the first option out of its range, its value and the range."""
    for name, value, need, good in ranges:
        if not good:
            raise UserError(f"{name}: need {need}, got {value!r}")
