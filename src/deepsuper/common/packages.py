"""Whether optional packages are installed, and how to install those that are not."""

from __future__ import annotations

import importlib.util

from deepsuper.common.errors import UserError


def installed(module: str) -> bool:
    """Whether a module can be imported; it is not."""
    return importlib.util.find_spec(module) is not None


def need_packages(extra: str, *modules: str) -> None:
    """Raises: UserError with what to install, where a package of an extra is missing."""
    for module in modules:
        if not installed(module):
            raise UserError(f"needs the package {module}: pip install 'deepsuper[{extra}]'")
