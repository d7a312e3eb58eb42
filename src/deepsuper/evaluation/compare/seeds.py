"""Several folders as the seeds of one run, and why folders cannot be that."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from deepsuper.common.errors import UserError
from deepsuper.evaluation.compare.pairing import Run, comet_obstacle, other_settings, refuse_seed
from deepsuper.evaluation.measures import measures_of


def pool(name: str, given: str, found: Sequence[Sequence[Run]]) -> Iterator[Run]:
    """One run for each profile, with its seeds. `found`: the runs in the folder of each seed; `name`: or the first's.

    Raises: UserError naming two folders and what they differ in.
    """
    for runs in found:
        for n, run in enumerate(runs):
            before = next((one for one in runs[:n] if one.profile == run.profile), None)
            if before is not None:
                what = f"a second run in profile {run.profile} beside {before.folder}"
                raise UserError(f"{run.folder}: {what}: name the folder of one seed after each comma")
    first, *others = found
    for runs in others:
        mine, its = (sorted(run.profile for run in each) for each in (runs, first))
        if mine != its:
            refuse_seed(runs[0], first[0], f"profile {', '.join(mine)}, but {', '.join(its)} there")
    for run in first:
        seeds = tuple(seed for runs in found for seed in runs if seed.profile == run.profile)
        named = tuple(replace(seed, name=seed.folder.as_posix()) for seed in seeds)
        _check(named)
        yield replace(run, name=name or run.name, given=given if len(first) == 1 else None, seeds=named)


def _check(seeds: Sequence[Run]) -> None:
    """Raises: UserError for a seed that was given before, or was not made as the first one. Items are read later."""
    first = seeds[0]
    for n, seed in enumerate(seeds):
        for before in seeds[:n]:
            if seed.folder.resolve() == before.folder.resolve():
                raise UserError(f"{seed.folder}: given twice as a seed of one run: name each folder once")
            if seed.weights and seed.weights == before.weights:
                refuse_seed(seed, before, "it has the same weights")
        if seed.scores.keys() != first.scores.keys():
            refuse_seed(seed, first, _only_in_one(list(seed.scores), list(first.scores)))
        for key, score in seed.scores.items():
            mine, its = (list(measures_of(scores)) for scores in (score, first.scores[key]))
            if mine != its:
                refuse_seed(seed, first, f"{key}: {_only_in_one(mine, its)}")
            why = other_settings(seed, first, key)
            if why is None and "comet" in mine:
                why = comet_obstacle(seed, first, key)
            if why is not None:
                refuse_seed(seed, first, f"{key}: {why}")


def _only_in_one(mine: Sequence[str], its: Sequence[str]) -> str:
    """What only one of two seeds has, in words."""
    lacks = [one for one in its if one not in mine]
    return f"it has no {', '.join(lacks)}" if lacks else f"only it has {', '.join(n for n in mine if n not in its)}"
