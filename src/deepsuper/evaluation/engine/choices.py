"""Log-probabilities of the choices of multiple-choice items. A context that several choices share is read once."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F

from deepsuper.evaluation.engine.past import Past, compose, in_passes, pad
from deepsuper.evaluation.engine.prefixes import PrefixCache, Tokens

ChoiceScore = tuple[float, bool]
"""log P(choice | context), and whether it is what the model would say."""

ContextAndChoice = tuple[Tokens, Tokens]


def trim(context: Sequence[int], choice: Sequence[int], max_length: int) -> ContextAndChoice:
    """Both, cut on the left to the model's longest input, which need not hold the last token of the choice."""
    cut = max(0, len(context) + len(choice) - max_length - 1)
    return tuple(context[min(cut, len(context) - 1) :]), tuple(choice)


def score_choices(cache: PrefixCache, rows: Sequence[ContextAndChoice], dtype: torch.dtype | None) -> list[ChoiceScore]:
    """The score of each (context, choice).

    All but the last token of every context are read once, by `cache`. Their keys and values are copied to the rows of
    the choices. A row is the context's last token and the choice, padded on the right; rows of similar length are read
    together. Choices that differ in their last token alone share a row.
    """
    contexts = list(dict.fromkeys(context for context, _ in rows))
    number = {context: n for n, context in enumerate(contexts)}
    sharing: dict[tuple[int, Tokens], list[int]] = {}
    for n, (context, choice) in enumerate(rows):
        sharing.setdefault((number[context], choice[:-1]), []).append(n)
    past = cache.read([context[:-1] for context in contexts])
    read = list(sharing)
    scored: list[ChoiceScore] = [(0.0, False)] * len(rows)
    passes = in_passes([len(tokens) + 1 for _, tokens in read])
    for one in passes:
        places = [read[n][0] for n in one]
        behind = compose(past.pieces(places), spend=one is passes[-1]) if past.width else past
        tokens = [(contexts[place][-1], *read[n][1]) for place, n in zip(places, one, strict=True)]
        all_values, all_said = _read_behind(cache.model, behind, tokens, dtype)
        for n, values, said in zip(one, all_values, all_said, strict=True):
            for row in sharing[read[n]]:
                wanted = torch.tensor(rows[row][1], device=values.device)
                total = values.gather(1, wanted[:, None]).sum()
                scored[row] = float(total), torch.equal(said, wanted)
    return scored


def _read_behind(
    model: Any, past: Past, rows: Sequence[Tokens], dtype: torch.dtype | None
) -> tuple[Sequence[torch.Tensor], Sequence[torch.Tensor]]:
    """The log-probabilities after each token of each row, [tokens, V], and the most likely next tokens, [tokens]."""
    ids, behind = pad(rows, model.device, left=False)
    options: dict[str, Any] = {}
    if past.width:
        whole = torch.cat([past.mask, behind], dim=1)
        positions = (whole.cumsum(1) - 1).clamp(min=0)[:, past.width :]
        options = {"past_key_values": past.cache, "attention_mask": whole, "position_ids": positions}
    lengths = [len(row) for row in rows]
    logits = logits_at(model, ids, lengths, options)
    said = logits.argmax(-1)
    # In place where possible: new memory pages cost more than the computation.
    in_place = dtype in (None, logits.dtype)
    values = torch.log_softmax(logits, -1, out=logits) if in_place else F.log_softmax(logits, -1, dtype=dtype)
    return torch.split(values, lengths), torch.split(said, lengths)


def logits_at(model: Any, ids: torch.Tensor, lengths: Sequence[int], options: dict[str, Any]) -> torch.Tensor:
    """The logits at the first `lengths[n]` positions of each row n, concatenated. (B, T) -> (N, V).

    The other states are not projected by W_out, which for a large vocabulary is most of the work. What the model does
    to its logits (a soft cap, a scale) is kept.
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
