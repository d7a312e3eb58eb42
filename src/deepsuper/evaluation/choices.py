"""Log-probabilities of the choices of multiple-choice items: a context that several share is read once."""

from __future__ import annotations

from collections.abc import Sequence
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
    with torch.no_grad():
        logits = model(ids, **options).logits
    scored = []
    for context, choice in rows:
        row = logits[place[number[context], choice[:-1]], : len(choice)]
        wanted = torch.tensor(choice, device=model.device)
        values = F.log_softmax(row, dim=-1, dtype=dtype).gather(1, wanted[:, None])
        scored.append((float(values.sum()), bool((row.argmax(-1) == wanted).all())))
    return scored
