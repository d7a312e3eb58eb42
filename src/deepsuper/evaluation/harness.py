"""lm-evaluation-harness as a library: its tasks, and models as it runs them."""

from __future__ import annotations

import importlib.util
import sys
import types
from functools import lru_cache
from pathlib import Path
from typing import Any

from deepsuper.config import ModelConfig
from deepsuper.evaluation.scorers import exact_match, mkqa_f1, squad_rules
from deepsuper.models import inside_run, load_for_reading, load_tokenizer

_SQUAD = "transformers.data.metrics.squad_metrics"


@lru_cache(maxsize=1)
def task_manager() -> Any:
    """The harness's index of its tasks, read once: it walks through thousands of files."""
    from lm_eval.tasks import TaskManager

    return TaskManager()


def task_file(task: str) -> Path:
    """The file of one of the harness's own tasks."""
    return Path(task_manager().task_index[task].yaml_path)


def load_harness_model(config: ModelConfig, batch_size: int) -> Any:
    """A model as the harness runs it; a run folder or an adapter too."""
    from lm_eval.models.huggingface import HFLM

    source = inside_run(config)
    return HFLM(pretrained=load_for_reading(source), tokenizer=load_tokenizer(source), batch_size=batch_size)


def run_task(model: Any, task: str, limit: int | None) -> tuple[list[dict[str, Any]], Any]:
    """The samples of one task (a name or a file), in the order of its rows, and the task's version."""
    from lm_eval import simple_evaluate

    provide_squad_metrics()
    done = simple_evaluate(
        model=model, tasks=[task], limit=limit, log_samples=True, bootstrap_iters=0, task_manager=task_manager()
    )
    ((name, samples),) = done["samples"].items()
    return sorted(samples, key=lambda sample: int(sample["doc_id"])), done["versions"].get(name)


def provide_squad_metrics() -> None:
    """Gives the harness's xquad tasks the scorer that they import from transformers, where it is there no more.

    transformers dropped the module in 5.x; the rules are SQuAD 1.1's, an empty answer right where the gold is empty.
    """
    if _SQUAD in sys.modules or importlib.util.find_spec("transformers.data.metrics") is not None:
        return
    rules = squad_rules("en")
    module: Any = types.ModuleType(_SQUAD, "SQuAD 1.1's F1 and exact match, by deepsuper.")
    module.compute_f1 = lambda gold, said: mkqa_f1(said, gold, rules)
    module.compute_exact = lambda gold, said: int(exact_match(said, gold, rules))
    for name in ("transformers.data.metrics", _SQUAD):
        sys.modules[name] = module
    import transformers.data

    transformers.data.metrics = module
    module.squad_metrics = module
