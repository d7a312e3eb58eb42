"""Tests of a loaded model before it is trained: the lens against its own logits, one pass against separate passes."""

import torch

from deepsuper.common.errors import UserError
from deepsuper.method.supervised import Supervised
from deepsuper.method.tree import Segment, Tree
from deepsuper.models.anatomy import base_model


def check_lens(supervised: Supervised) -> None:
    """Raises: UserError if the lens at layer L differs from the model's own logits: its head is of an unknown kind."""
    lens, model = supervised.lens, supervised.model
    device = lens.head.weight.device
    ids = torch.arange(1, 5, device=device).unsqueeze(0)
    with torch.no_grad():
        lengths = torch.tensor([4], device=device)
        last = supervised.tree.run([Segment(ids, lens.num_layers)], lengths, [lens.num_layers])
        ours = lens.logits(last[lens.num_layers], lens.num_layers).float()
        theirs = model(input_ids=ids, use_cache=False).logits.float()
    error = float((ours - theirs).abs().max())
    if not error <= 1e-2 * (1.0 + float(theirs.abs().max())):
        raise UserError(
            f"{type(base_model(model)).__name__}: the lens at layer {lens.num_layers} differs from the "
            f"model's own logits by up to {error:.3g}; this kind of head is not supported"
        )


def check_tree(supervised: Supervised) -> None:
    """Raises: UserError if several texts in one pass get other states than in separate passes.

    Such a model ignores the given mask, counts positions in columns (ALiBi), or changes the shape of what its blocks
    return.
    """
    if not any(objective.joint_english or objective.branches for objective in supervised.objectives.values()):
        return
    model = supervised.model
    training = model.training
    model.eval()
    try:
        same = _same_states(supervised.tree, supervised.lens.head.weight.device)
        problem = "" if same else "their states differ from those of passes of their own"
    except (ValueError, TypeError, RuntimeError, IndexError) as error:
        problem = str(error).splitlines()[0].partition(": choose")[0]
    finally:
        model.train(training)
    if problem:
        raise UserError(
            f"{type(base_model(model)).__name__} cannot read several texts in one pass ({problem}): choose "
            "objective.alignment: positional, with objective.detach_english: true"
        )


def _same_states(tree: Tree, device: torch.device) -> bool:
    """Whether a trunk and a branch in one pass get the states that separate passes give them."""
    layer, last = 1, tree.num_layers
    trunk = torch.arange(1, 7, device=device).unsqueeze(0)
    prefix, branch = trunk[:, :3], trunk.flip(1)
    lengths = torch.tensor([prefix.shape[1]], device=device)
    with torch.no_grad():
        alone = tree.run([Segment(trunk, last)], lengths, [last])[last]
        after = tree.run([Segment(torch.cat([prefix, branch], 1), last)], lengths, [layer])[layer]
        together = tree.run([Segment(trunk, last), Segment(branch, layer, after_prefix=True)], lengths, [layer, last])
    pairs = (
        (together[last][:, : trunk.shape[1]], alone),
        (together[layer][:, trunk.shape[1] :], after[:, prefix.shape[1] :]),
    )
    return all(torch.allclose(a.float(), b.float(), rtol=0.0, atol=_rounding(b)) for a, b in pairs)


def _rounding(states: torch.Tensor) -> float:
    """How far two states may differ because they were computed in another order, also in bf16."""
    return 2e-2 * (1.0 + float(states.abs().max()))
