"""Log-probabilities of the choices of multiple-choice items: a context that several share is read once."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import torch
import torch.nn.functional as F

from deepsuper.evaluation.past import compose, pad
from deepsuper.evaluation.prefixes import PrefixCache, Tokens

Scored = tuple[float, bool]


def trim(context: Sequence[int], choice: Sequence[int], max_length: int) -> tuple[Tokens, Tokens]:
    """Both, cut on the left to what the model can read: the last token of a choice is never read."""
    cut = max(0, len(context) + len(choice) - max_length - 1)
    return tuple(context[min(cut, len(context) - 1) :]), tuple(choice)


def score_choices(cache: PrefixCache, rows: Sequence[tuple[Tokens, Tokens]], dtype: torch.dtype | None) -> list[Scored]:
    """log P(choice | context), and whether it is what the model would say, of each (context, choice).

    All but the last token of every context run once, as `cache` reads them; their keys and values are then dealt to
    the choices, which run padded on the right behind the context's last token. Only positions that predict a choice's
    token are projected to the vocabulary. Choices that differ in their last token alone share a row.
    """
    model = cache.model
    contexts = list(dict.fromkeys(context for context, _ in rows))
    number = {context: n for n, context in enumerate(contexts)}
    read = list(dict.fromkeys((number[context], choice[:-1]) for context, choice in rows))
    place = {key: n for n, key in enumerate(read)}
    past = cache.read([context[:-1] for context in contexts])
    ids, behind = pad([(contexts[n][-1], *tokens) for n, tokens in read], model.device, left=False)
    options: dict[str, Any] = {}
    if past.width:
        past = compose(past.pieces(n for n, _ in read), spend=True)
        whole = torch.cat([past.mask, behind], dim=1)
        positions = (whole.cumsum(1) - 1).clamp(min=0)[:, past.width :]
        options = {"past_key_values": past.cache, "attention_mask": whole, "position_ids": positions}
    lengths = [len(tokens) + 1 for _, tokens in read]
    logits = logits_at(model, ids, lengths, options)
    said = logits.argmax(-1)
    # In place where it may be: pages that are touched for the first time cost more than what is written there.
    in_place = dtype in (None, logits.dtype)
    values = torch.log_softmax(logits, -1, out=logits) if in_place else F.log_softmax(logits, -1, dtype=dtype)
    starts = [0, *accumulate(lengths)]
    scored = []
    for context, choice in rows:
        start = starts[place[number[context], choice[:-1]]]
        at, wanted = slice(start, start + len(choice)), torch.tensor(choice, device=model.device)
        total = values[at].gather(1, wanted[:, None]).sum()
        scored.append((float(total), bool((said[at] == wanted).all())))
    return scored


def logits_at(model: Any, ids: torch.Tensor, lengths: Sequence[int], options: dict[str, Any]) -> torch.Tensor:
    """The logits at the first `lengths[n]` positions of each row n, one row behind the other. (B, T) -> (N, V).

    The states behind them never reach W_out, which for a large vocabulary is most of the work; what the model does
    with its logits (a soft cap, a scale) stays its own.
    """
    kept = torch.arange(ids.shape[1]) < torch.tensor(lengths)[:, None]

    def keep(_: Any, states: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
        return (states[0][kept.to(states[0].device)][None],)

    hook = model.get_output_embeddings().register_forward_pre_hook(keep)
    try:
        with torch.no_grad():
            logits: torch.Tensor = model(ids, **options).logits[0]
    finally:
        hook.remove()
    return logits
