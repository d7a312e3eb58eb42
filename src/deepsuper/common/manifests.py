"""How every manifest begins: when and by what command it was made, with which versions."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib import metadata
from typing import Any, Literal

PACKAGES = (
    "deepsuper", "torch", "transformers", "accelerate", "peft", "datasets", "tokenizers", "numpy", "liger-kernel",
)  # fmt: skip
"""Those that a result may hang on, installed or not."""


def manifest_head(command: Sequence[str], time: Literal["started", "written"] = "started") -> dict[str, Any]:
    """The fields that manifests have in common; `time` names that of the time, which is now."""
    return {
        time: datetime.now(UTC).isoformat(timespec="seconds"),
        "command": list(command),
        "python": platform.python_version(),
        "packages": versions(),
    }


def versions(packages: Iterable[str] = PACKAGES) -> dict[str, str | None]:
    """The versions of the packages that a result may hang on; null: not installed."""
    return {name: _version(name) for name in packages}


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
