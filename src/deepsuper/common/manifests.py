"""The fields that all manifests begin with: time, command and versions of packages."""

import platform
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib import metadata
from typing import Any, Literal

PACKAGES = (
    "deepsuper", "torch", "transformers", "accelerate", "peft", "datasets", "tokenizers", "numpy", "liger-kernel",
)  # fmt: skip
"""The packages that can change a result."""


def manifest_head(command: Sequence[str], time: Literal["started", "written"] = "started") -> dict[str, Any]:
    """The fields that manifests have in common. `time` is the name of the field for the current time."""
    return {
        time: datetime.now(UTC).isoformat(timespec="seconds"),
        "command": list(command),
        "python": platform.python_version(),
        "packages": versions(),
    }


def versions(packages: Iterable[str] = PACKAGES) -> dict[str, str | None]:
    """Package -> version; None if it is not installed."""
    return {name: next((one.version for one in metadata.distributions(name=name)), None) for name in packages}
