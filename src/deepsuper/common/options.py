"""Checks of options: values against their ranges, and the packages that an option needs."""

import importlib.util
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


def installed(module: str) -> bool:
    """Whether a module can be imported, without importing it."""
    return importlib.util.find_spec(module) is not None


def need_packages(extra: str, *modules: str) -> None:
    """Raises: UserError with the command to install an extra, where one of its packages is missing."""
    for module in modules:
        if not installed(module):
            raise UserError(f"needs the package {module}: pip install 'deepsuper[{extra}]'")
