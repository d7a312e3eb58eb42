"""The runs to compare: folders that `deepsuper eval` wrote, with their names."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from deepsuper.common.errors import UserError
from deepsuper.evaluation.compare.pairing import Run
from deepsuper.evaluation.compare.seeds import pool
from deepsuper.evaluation.items import AGAIN
from deepsuper.evaluation.results import read_results

DEPTH = 3
"""How many levels below a given folder results.json may be."""


def find_runs(given: Sequence[str]) -> list[Run]:
    """Every run in the folders, in order, each with a unique name. Raises: UserError naming the folder."""
    runs = [run for one in given for run in _runs_of(one)]
    with_profile = _unique_names(runs, lambda run: run.profile)
    named = _unique_names(with_profile, lambda run: run.folder.as_posix())
    twice = next((name for name, count in Counter(run.name for run in named).items() if count > 1), None)
    if twice is not None:
        raise UserError(f"runs: two are called {twice!r}: name them as NAME=FOLDER")
    for run in named:
        if not run.name.strip() or not run.name.isprintable():
            raise UserError(
                f"{run.folder}: the name {run.name!r} is empty or has control characters: name it as NAME=FOLDER"
            )
    return named


def by_profile(runs: Sequence[Run]) -> list[tuple[Run, list[Run]]]:
    """For each profile its first run, the baseline, and all its runs. A profile's only run joins the first group."""
    profiles: dict[str, list[Run]] = {}
    for run in runs:
        profiles.setdefault(run.profile, []).append(run)
    groups = [group for group in profiles.values() if len(group) > 1]
    if not groups:
        return [(runs[0], list(runs))]
    groups[0] += [group[0] for group in profiles.values() if len(group) == 1]
    return [(group[0], group) for group in groups]


def _unique_names(runs: Sequence[Run], by: Callable[[Run], str]) -> list[Run]:
    """The runs; where several have one name, `by` is added to it in parentheses."""
    count = Counter(run.name for run in runs)
    return [run if count[run.name] == 1 else replace(run, name=f"{run.name} ({by(run)})") for run in runs]


def _runs_of(given: str) -> Iterator[Run]:
    name, folders = _split(given)
    if len(folders) > 1:
        yield from pool(name, given, [_in_folder(folder) for folder in folders])
        return
    runs = _in_folder(folders[0])
    models = {run.name for run in runs}  # in several profiles, which are told apart later
    for run in runs:
        called = run.name if not name else name if len(models) == 1 else f"{name}/{run.name}"
        yield replace(run, name=called, given=given if len(runs) == 1 else None)


def _in_folder(folder: Path) -> list[Run]:
    """The runs in a folder, each by the name of its model."""
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder (from {Path.cwd()}): give one that `deepsuper eval` wrote")
    files = [file] if (file := folder / "results.json").is_file() else []
    files = files or sorted(file for n in range(1, DEPTH + 1) for file in folder.glob("*/" * n + "results.json"))
    if not files:
        raise UserError(f"{folder}: holds no results.json, nor do its folders: give one that `deepsuper eval` wrote")
    return [_read(file) for file in files]


def _read(file: Path) -> Run:
    record = read_results(file, AGAIN)
    if not record["scores"]:
        raise UserError(f"{file}: holds no score: {AGAIN}")
    asked = record["asked"]
    own = Path(str(asked["model"]["name"])).name
    return Run(own, file.parent, None, str(asked["profile"]), record["scores"], asked.get("files") or {})


def _split(given: str) -> tuple[str, list[Path]]:
    """Name and folders of FOLDER or NAME=FOLDER, where FOLDER may be several with commas: the seeds of one run.

    A folder's own name may hold both signs: the folders that exist decide. Raises: UserError for a seed that is absent.
    """
    pieces = given.split("=")
    texts = ["=".join(pieces[n:]) for n in range(len(pieces))]
    for n, text in enumerate(texts):
        if Path(text).is_dir():
            return "=".join(pieces[:n]), [Path(text)]
    for n, text in enumerate(texts):
        if len(folders := _folders(text.split(","))) > 1:
            return "=".join(pieces[:n]), folders
    parts = max((text.split(",") for text in texts), key=lambda parts: sum(map(_there, parts)))
    if any(map(_there, parts)):
        absent = next((part for part in parts if part and not _there(part)), None)
        what = "no folder beside a comma" if absent is None else f"{absent}: no such folder (from {Path.cwd()})"
        raise UserError(f"runs {given}: {what}: need NAME=FOLDER,FOLDER with a folder for each seed")
    return "", [Path(given)]


def _there(folder: str) -> bool:
    return folder != "" and Path(folder).is_dir()


def _folders(parts: Sequence[str]) -> list[Path]:
    """The folders that the parts, joined by commas, name: each as long as it can be. Empty where one is absent."""
    for n in range(len(parts), 0, -1):
        folder = ",".join(parts[:n])
        if _there(folder) and (n == len(parts) or (rest := _folders(parts[n:]))):
            return [Path(folder), *([] if n == len(parts) else rest)]
    return []
