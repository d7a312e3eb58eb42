"""lm-evaluation-harness as a library: its tasks and its models."""

import importlib.util
import sys
import types
from functools import lru_cache
from pathlib import Path
from typing import Any

from deepsuper.common.errors import UserError
from deepsuper.config import EvalConfig, ModelConfig
from deepsuper.evaluation.benchmarks import BENCHMARKS
from deepsuper.evaluation.scorers import exact_match, mkqa_f1, squad_rules
from deepsuper.models.load import inside_run, load_for_reading, load_tokenizer

_SQUAD = "transformers.data.metrics.squad_metrics"


@lru_cache(maxsize=1)
def task_manager() -> Any:
    """The harness's index of the tasks of `BENCHMARKS`, read once. That of all tasks takes 20 times as long."""
    from lm_eval import tasks

    root = Path(tasks.__file__).parent
    folders = sorted({folder for benchmark in BENCHMARKS.values() for folder in benchmark.folders})
    return tasks.TaskManager(include_path=[root / folder for folder in folders], include_defaults=False)


def load_harness_model(model: ModelConfig, config: EvalConfig) -> Any:
    """A model as the harness runs it, by any backend. With `hf` also a run folder, an adapter or a packaged model."""
    if config.backend == "hf":
        from deepsuper.evaluation.engine.choose import engine_class

        source = inside_run(model)
        loaded, tokenizer = load_for_reading(source), load_tokenizer(source)
        kind = engine_class(config.engine, loaded)
        return kind(pretrained=loaded, tokenizer=tokenizer, batch_size=config.batch_size)
    from lm_eval.models.api_models import TemplateAPI

    kind = backend(config.backend)
    name = "model" if issubclass(kind, TemplateAPI) else "pretrained"
    arguments = ",".join(part for part in (f"{name}={model.name}", config.backend_args) if part)
    return kind.create_from_arg_string(arguments, {"batch_size": config.batch_size})


def scored_by(model: Any, config: EvalConfig) -> str:
    """The engine that runs a model of `load_harness_model`: own, harness, or another backend by its name."""
    return getattr(model, "scored_by", "harness") if config.backend == EvalConfig.backend else config.backend


def backend(name: str) -> Any:
    """A model class of the harness. Raises: UserError for an unknown name."""
    from lm_eval.api.registry import get_model

    try:
        return get_model(name)
    except (ImportError, ValueError, KeyError) as error:
        raise UserError(f"backend {name!r}: {error}") from error


def load_task(task: str) -> Any:
    """A task (a name or a file) with its rows; zero-shot where it does not say how many examples."""
    provide_squad_metrics()
    (loaded,) = task_manager().load([task])["tasks"].values()
    if loaded.get_config("num_fewshot") is None:
        loaded.set_config(key="num_fewshot", value=0)
    return loaded


def run_task(model: Any, task: Any, limit: int | None, answers: Path) -> tuple[list[dict[str, Any]], Any]:
    """The samples of a task in the order of its rows, and its version. `answers`: the database of earlier answers."""
    from lm_eval.api.model import CachingLM
    from lm_eval.evaluator import evaluate

    done = evaluate(
        CachingLM(model, str(answers)), task_manager().load([task]), limit=limit, log_samples=True, bootstrap_iters=0
    )
    ((name, samples),) = done["samples"].items()
    return sorted(samples, key=lambda sample: int(sample["doc_id"])), done["versions"].get(name)


def provide_squad_metrics() -> None:
    """Provides what the harness's xquad tasks import from transformers, which release 5 no longer has: SQuAD 1.1's."""
    if _SQUAD in sys.modules or importlib.util.find_spec("transformers.data.metrics") is not None:
        return
    rules = squad_rules()
    module: Any = types.ModuleType(_SQUAD, "SQuAD 1.1's F1 and exact match, by deepsuper.")
    module.compute_f1 = lambda gold, said: mkqa_f1(said, gold, rules)
    module.compute_exact = lambda gold, said: int(exact_match(said, gold, rules))
    for name in ("transformers.data.metrics", _SQUAD):
        sys.modules[name] = module
    import transformers.data

    transformers.data.metrics = module
    module.squad_metrics = module
