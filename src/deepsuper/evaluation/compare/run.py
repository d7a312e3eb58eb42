"""`deepsuper compare`: runs of `deepsuper eval` -> the paper's tables, with uncertainty and tests."""

from collections.abc import Sequence
from pathlib import Path

from deepsuper.common.errors import UserError
from deepsuper.config import CompareConfig
from deepsuper.evaluation.compare.check import check_compare
from deepsuper.evaluation.compare.pairing import Run
from deepsuper.evaluation.compare.pictures import draw_differences
from deepsuper.evaluation.compare.report import write_report
from deepsuper.evaluation.compare.runs import by_profile, find_runs
from deepsuper.evaluation.compare.tables import Comparison, build


def run_compare(config: CompareConfig) -> Comparison:
    """The comparison, which is printed or written. Raises: UserError naming the option, or the file and line."""
    check_compare(config)
    comparison = build(groups_of(find_runs(config.runs), config.baseline), config)
    if config.picture is not None and not any(comparison.differences()):
        baselines = " or ".join(comparison.baselines)
        raise UserError(f"picture {config.picture}: no run can be compared with {baselines}: nothing to draw")
    write_report(comparison, config)
    if config.picture is not None:
        Path(config.picture).parent.mkdir(parents=True, exist_ok=True)
        draw_differences(Path(config.picture), comparison)
    return comparison


def groups_of(runs: Sequence[Run], baseline: str | None) -> list[tuple[Run, list[Run]]]:
    """Each baseline with the runs that are compared with it. Raises: UserError with the names of the runs.

    `baseline`: a run's name or what the user gave for it, or a name that runs of several profiles share: each is then
    the baseline of its own profile, as without one (None) the first run of each profile.
    """
    if baseline is None:
        return by_profile(runs)
    for run in runs:
        folders = [] if run.given is None else [seed.folder for seed in run.parts]
        if baseline in (run.name, run.given) or Path(baseline) in folders:
            return [(run, list(runs))]
    if shared := [run for run in runs if run.name == f"{baseline} ({run.profile})"]:
        profiles = {run.profile for run in shared}
        groups = [(base, [run for run in runs if run.profile == base.profile]) for base in shared]
        groups[0][1].extend(run for run in runs if run.profile not in profiles)
        return groups
    raise UserError(f"baseline: need one of {', '.join(run.name for run in runs)}, got {baseline!r}")
