"""Rows that come with the package, known by name: `packaged:xquad.zh.train` in place of a file's path.

They are the questions of XQuAD in Chinese, Vietnamese and Arabic, each beside English (see ATTRIBUTION.md). No article
is in both parts, `train` and `held_out`. A name stays as it is in configurations and manifests, so that a recipe works
from any folder, and a run can be resumed where the package is installed elsewhere.
"""

from pathlib import Path

from deepsuper.common.errors import UserError

FOLDER = Path(__file__).parent
PREFIX, SUFFIX = "packaged:", ".jsonl.gz"


def packaged_names() -> list[str]:
    """Every name of packaged rows, sorted."""
    return sorted(PREFIX + path.name.removesuffix(SUFFIX) for path in FOLDER.glob(f"*{SUFFIX}"))


def rows_path(path: str, option: str) -> Path:
    """The file of packaged rows that `path` names, or the path itself. `option`: what the user knows it as.

    Raises: UserError listing the names where no packaged rows are called so.
    """
    if not path.startswith(PREFIX):
        return Path(path)
    if path not in packaged_names():
        raise UserError(f"{option}: need a file or one of {', '.join(packaged_names())}, got {path!r}")
    return FOLDER / (path.removeprefix(PREFIX) + SUFFIX)
