"""The private names of transformers and of the harness that the own engine uses, and what happens without them."""

import logging
from functools import lru_cache
from importlib import import_module

log = logging.getLogger("deepsuper")

PRIVATE_NAMES = {
    "transformers.cache_utils Cache.get_seq_length": "how many tokens a cache holds after a forward pass",
    "transformers.cache_utils DynamicCache": "the layers of a model's cache tell whether it keeps keys and values only",
    "transformers.cache_utils DynamicLayer.lazy_initialization": "RoomyLayer makes its first tensors in it",
    "transformers.cache_utils DynamicLayer.update": "RoomyLayer appends to its tensors in place of copying them",
    "transformers.cache_utils DynamicSlidingWindowLayer": "a layer with a window keeps keys and values too",
    "transformers.modeling_utils PreTrainedModel._is_stateful": "models with another state than keys and values",
    "lm_eval.models.huggingface HFLM._loglikelihood_tokens": "the scores of choices; Decoder replaces it",
    "lm_eval.models.huggingface HFLM.eot_token_id": "the token that ends an answer",
    "lm_eval.models.huggingface HFLM.max_gen_toks": "the length of an answer, where a task has none",
    "lm_eval.models.huggingface HFLM.max_length": "the longest text that the model reads",
    "lm_eval.models.huggingface HFLM.tok_batch_encode": "prompts to tokens, as the harness makes them",
    "lm_eval.models.huggingface HFLM.tok_decode": "tokens to text",
    "lm_eval.models.utils handle_stop_sequences": "the texts that end an answer",
    "lm_eval.models.utils normalize_gen_kwargs": "the generation options of a task",
    "lm_eval.models.utils postprocess_generated_text": "cuts an answer at the texts that end it",
}
"""Module and name of all that the own engine uses and that a new release may change, each with its use."""


def missing_name() -> str | None:
    """The first of `PRIVATE_NAMES` that is not there."""
    for place in PRIVATE_NAMES:
        module, _, path = place.partition(" ")
        try:
            found = import_module(module)
            for name in path.split("."):
                found = getattr(found, name)
        except (ImportError, AttributeError):
            return place.replace(" ", ".")
    return None


@lru_cache(maxsize=1)
def warn_harness_runs(why: str) -> None:
    """One line in the log, once for the same reason."""
    log.warning("engine own: not possible here (%s): the harness's engine runs, with the same answers", why)
