"""Which engine runs a model: our own (`decoder.Decoder`), faster on a CPU, or the harness's, which answers alike."""

from typing import Any

from deepsuper.evaluation.engine.private_names import missing_name, warn_harness_runs


def engine_class(asked: str, model: Any) -> Any:
    """The class that runs a loaded model. `asked`: own, harness, or auto, which is own except on CUDA."""
    from lm_eval.models.huggingface import HFLM

    if asked == "harness" or (asked == "auto" and model.device.type == "cuda"):
        return HFLM
    if absent := missing_name():
        warn_harness_runs(f"{absent} is missing")
        return HFLM
    try:
        from deepsuper.evaluation.engine.decoder import Decoder
        from deepsuper.evaluation.engine.prefixes import keeps_keys

        suitable = keeps_keys(model)
    except (ImportError, AttributeError, TypeError) as error:
        warn_harness_runs(str(error))
        return HFLM
    if not suitable and asked == "own":
        warn_harness_runs("the model's state is more than keys and values")
    return Decoder if suitable else HFLM
