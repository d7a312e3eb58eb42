"""Optional packages: whether they are installed, and how to install them."""

import importlib.util

from deepsuper.common.errors import UserError


def installed(module: str) -> bool:
    """Whether a module can be imported, without importing it."""
    return importlib.util.find_spec(module) is not None


def need_packages(extra: str, *modules: str) -> None:
    """Raises: UserError with the command to install an extra, where one of its packages is missing."""
    for module in modules:
        if not installed(module):
            raise UserError(f"needs the package {module}: pip install 'deepsuper[{extra}]'")
