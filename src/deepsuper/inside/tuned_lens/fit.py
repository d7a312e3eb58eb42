"""One affine map a layer, fitted to what the model itself says at layer L: least squares, then KL divergence.

The method is that of Belrose et al. (2023), "Eliciting Latent Predictions from Transformers with the Tuned Lens".
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from deepsuper.common.progress import progress, progress_bar
from deepsuper.config import Bf16
from deepsuper.inside.states import EncodedText
from deepsuper.inside.tuned_lens.gather import Gathered, gather
from deepsuper.inside.tuned_lens.words import WordSampler
from deepsuper.method.cross_entropy import chunk_rows
from deepsuper.method.lens import Lens
from deepsuper.method.tuned_lens import TunedLens
from deepsuper.models.precision import use_bf16

HELD_OUT_EVERY = 10
"""Each tenth text is kept out of the fit, to measure it on."""
HELD_OUT_TOKENS = 256
"""To choose between the two fits of each layer, and as many others to report."""
STEP_TOKENS = 256
"""Tokens of a step of the KL divergence."""
RIDGE = 1e-3
"""The penalty of least squares, as a share of the mean square of each dimension."""
RATE = 3e-4
"""Adam's first rate, for maps between dimensions that are scaled to a mean square of 1; it falls to 0."""


@dataclass(frozen=True)
class Fitted:
    """A lens, and the KL divergence of the model's own output from each layer's on held-out text, in nats: (L,) each.

    `logit`: read by the logit lens; `tuned`: by this one.
    """

    lens: TunedLens
    logit: tuple[float, ...]
    tuned: tuple[float, ...]
    tokens: int


def fit_lens(
    model: nn.Module, texts: Sequence[EncodedText], *, steps: int, bf16: Bf16 = "auto", seed: int = 0
) -> Fitted:
    """The lens of `model` on `texts`. The weights of the model do not change.

    Shapes: maps (D, D) and (D,) of layers 0 to L - 1.
    """
    held_out = [text for n, text in enumerate(texts) if n % HELD_OUT_EVERY == HELD_OUT_EVERY - 1]
    rest = [text for n, text in enumerate(texts) if n % HELD_OUT_EVERY != HELD_OUT_EVERY - 1]
    states = gather(model, rest, bf16=bf16, title="states")
    generator = torch.Generator().manual_seed(seed)
    lens = Lens(model)
    maps = [least_squares(states, layer) for layer in progress(range(lens.num_layers), "least squares")]
    device = lens.head.weight.device
    with torch.autocast(device.type, torch.bfloat16, enabled=use_bf16(bf16)):
        descended = _descend(lens, states, maps, steps, generator)
        apart = gather(model, held_out, bf16=bf16, title="held-out states")
        order = torch.randperm(apart.tokens, generator=torch.Generator().manual_seed(seed))
        choosing, shown = (half[:HELD_OUT_TOKENS] for half in order.tensor_split(2))
        if steps:
            # At some layers a few steps end above least squares; these keep its map.
            lenses = (Lens(model, tuned=as_lens(each, device)) for each in (maps, descended))
            least, last = (divergences(each, apart, choosing) for each in lenses)
            maps = [b if y < x else a for a, b, x, y in zip(maps, descended, least, last, strict=True)]
        tuned = as_lens(maps, device)
        before, after = (divergences(each, apart, shown) for each in (lens, Lens(model, tuned=tuned)))
    return Fitted(tuned, tuple(before), tuple(after), states.tokens)


def as_lens(maps: Sequence[torch.Tensor], device: torch.device) -> TunedLens:
    """The lens of maps of (h, 1), one a layer. Shape of each: (D + 1, D)."""
    pairs = {n: (each[:-1].T.contiguous().to(device), each[-1].to(device)) for n, each in enumerate(maps)}
    return TunedLens(pairs, len(maps))


def least_squares(states: Gathered, layer: int) -> torch.Tensor:
    """The map of (h, 1) to the change from layer `layer` to what the final norm gets, by ridge regression.

    A token counts by its length before the norm, which the norm removes. Shape: (D + 1, D).
    """
    h, target = _with_one(states.inner[layer].double()), states.before_norm.double()
    weight = 1.0 / target.square().sum(dim=1, keepdim=True).clamp(min=1e-30)
    weighted = h * (weight / weight.mean())
    gram = weighted.T @ h
    penalty = RIDGE * gram.diagonal().clamp(min=1e-12)
    penalty[-1] = 0.0  # the bias is free
    solved: torch.Tensor = torch.linalg.solve(gram + penalty.diag(), weighted.T @ (target - h[:, :-1]))
    return solved.float()


def _descend(
    lens: Lens, states: Gathered, maps: Sequence[torch.Tensor], steps: int, generator: torch.Generator
) -> list[torch.Tensor]:
    """The maps after `steps` of Adam on the KL divergence. Each step reads the same tokens and words at all layers."""
    device = lens.head.weight.device
    length = states.before_norm.float().square().mean().sqrt()
    # Some dimensions of a state are a thousand times larger than others: all maps are learnt between scaled ones.
    scales = [_scale(states.inner[layer], length).to(device) for layer in range(len(maps))]
    starts = [each.to(device) for each in maps]
    changes = [torch.zeros_like(each, requires_grad=True) for each in starts]
    optimizer = torch.optim.Adam(changes, lr=RATE, betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 1e-3, max(1, steps))
    sampler = WordSampler(lens, states, generator) if steps else None
    with progress_bar("KL divergence", steps * len(maps)) as advance:
        for _ in range(steps):
            assert sampler is not None
            words = sampler.draw()
            some = torch.randint(states.tokens, (STEP_TOKENS,), generator=generator)
            with torch.no_grad():
                own = words.logits(lens, states.last[some].to(device).float()).softmax(dim=-1)
            for layer, (start, change, scale) in enumerate(zip(starts, changes, scales, strict=True)):
                h = states.inner[layer, some].to(device).float()
                moved = h + _with_one(h) @ (start + change * scale)
                read = lens.states(moved, layer, norm=True, train=False)
                # The divergence without the entropy of `own`, which no map changes.
                F.cross_entropy(words.logits(lens, read), own).backward()  # type: ignore[no-untyped-call]
                advance(1)
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()
    return [
        (start + change.detach() * scale).cpu() for start, change, scale in zip(starts, changes, scales, strict=True)
    ]


def _scale(h: torch.Tensor, length: torch.Tensor) -> torch.Tensor:
    """What a change of 1 of a scaled map is in the map itself. Shapes: (N, D), () -> (D + 1, 1)."""
    size = h.float().square().mean(dim=0).sqrt().clamp(min=1e-6 * float(length))
    return length / torch.cat([size, size.new_ones(1)]).unsqueeze(1)


def _with_one(h: torch.Tensor) -> torch.Tensor:
    """Shapes: (N, D) -> (N, D + 1)."""
    return torch.cat([h, h.new_ones(len(h), 1)], dim=1)


@torch.no_grad()
def divergences(lens: Lens, states: Gathered, some: torch.Tensor | None = None) -> list[float]:
    """The mean KL(model's own output || lens) of layers 0 to L - 1, over all words, in nats. `some`: these tokens."""
    weight = lens.head.weight
    chosen = torch.arange(states.tokens) if some is None else some
    totals = torch.zeros(len(states.inner), dtype=torch.float64)
    # Logits of the model, of a layer and their difference exist together.
    rows = max(1, chunk_rows(len(weight), lens.chunk_mib) // 3)
    with progress_bar("divergences", len(chosen)) as advance:
        for start in range(0, len(chosen), rows):
            part = chosen[start : start + rows]
            own = lens.logits(states.last[part].to(weight), lens.num_layers).float().log_softmax(dim=-1)
            for layer in range(len(totals)):
                logits = lens.logits(states.inner[layer, part].to(weight), layer).float()
                apart = F.kl_div(logits.log_softmax(dim=-1), own, log_target=True, reduction="sum")
                totals[layer] += apart.double().cpu()
            advance(len(part))
    means: list[float] = (totals / len(chosen)).tolist()
    return means
