"""What is done of a study: the markers of its jobs."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from deepsuper.study.jobs import StudyJob

Status = Literal["done", "stale", "missing"]


@dataclass(frozen=True)
class State:
    """The state of one job. `changed`: the inputs that are not those of its marker; `marker`: what the marker holds."""

    status: Status
    changed: tuple[str, ...] = ()
    marker: Mapping[str, Any] | None = None


def state_of(job: StudyJob) -> State:
    """Whether a job is done, was done with other inputs, or is missing."""
    try:
        marker = json.loads(job.marker.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return State("missing")
    now = json.loads(json.dumps(job.inputs))
    changed = tuple(_differences(marker["inputs"], now))
    return State("stale" if changed else "done", changed, marker)


def _differences(before: Any, now: Any, name: str = "") -> Iterable[str]:
    """The dotted names of the values that differ."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in sorted(before.keys() | now.keys()):
            yield from _differences(before.get(key), now.get(key), f"{name}.{key}" if name else key)
    elif before != now:
        yield name
