"""The one pass over a tree against plain separate passes, losses and gradients."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from transformers import AutoConfig, AutoModelForCausalLM

from deepsuper.method.collate import Collator
from deepsuper.method.lens import Lens
from deepsuper.method.objective import Feature, Logits, Objective
from deepsuper.method.self_tests import check_lens, check_tree
from deepsuper.method.supervised import Supervised
from deepsuper.models.anatomy import base_model
from rows import BOS, PAD, make_rows
from tiny import SHAPE, make_model

FAMILIES = ("llama", "qwen3", "gemma2", "gemma3")
I, J, L = 1, 3, 4


def conditional(**options: bool) -> Objective:
    return Objective({"tft": Logits(L, "tft"), "lc": Logits(I, "lc"), "et": Logits(J, "et", **options)})


def separate_losses(model: torch.nn.Module, rows: list, train_head_et: bool = False) -> dict[str, torch.Tensor]:
    """Eq. 2, 4 and 6 as anyone would write them first: a full forward pass for each text of each row."""
    lens = Lens(model)
    sums = {"tft": [], "lc": [], "et": []}
    for row in rows:
        x = list(row.tgt.query)
        texts = {"tft": (row.tgt.response, L), "et": (row.en.response, J), "lc": (row.en.query[1:], I)}
        for name, (text, layer) in texts.items():
            ids = torch.tensor([x + list(text)])
            out = model(input_ids=ids, output_hidden_states=True, use_cache=False)
            h = out.hidden_states[layer][0, len(x) - 1 : -1]
            trains = name == "tft" or (name == "et" and train_head_et)
            h = lens.states(h, layer, norm=True, train=trains)
            weight = lens.head.weight if trains else lens.head.weight.detach()
            logits = h @ weight.T
            if lens.softcap:
                logits = torch.tanh(logits / lens.softcap) * lens.softcap
            sums[name].append(F.cross_entropy(logits, torch.tensor(text), reduction="none"))
    return {name: torch.cat(parts).mean() for name, parts in sums.items()}


def gradients(model: torch.nn.Module, total: torch.Tensor) -> dict[str, torch.Tensor]:
    model.zero_grad(set_to_none=True)
    total.backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def assert_same(ours: dict, theirs: dict, tolerance: float = 2e-5) -> None:
    assert set(ours) == set(theirs)
    for name, value in theirs.items():
        scale = value.abs().max().clamp(min=1e-6)
        assert (ours[name] - value).abs().max() <= tolerance * scale + 1e-8, name


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("train_head", [False, True])
@pytest.mark.parametrize("family", FAMILIES)
def test_tree_equals_separate_passes(family: str, train_head: bool, checkpointing: bool) -> None:
    model = make_model(family, seed=1).train()
    rows = make_rows(3, seed=2)
    expected = separate_losses(model, rows, train_head)
    expected_grads = gradients(model, sum(expected.values()))
    if checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    objective = conditional(train_head=train_head)
    supervised = Supervised(model, objective)
    losses = supervised(Collator(PAD, BOS, objective)(rows))
    for name, value in expected.items():
        torch.testing.assert_close(losses[name], value, rtol=1e-5, atol=1e-6)
    assert_same(gradients(model, objective.total(losses)), expected_grads)


@pytest.mark.parametrize("family", ["llama", "gemma2"])
def test_tree_equals_separate_passes_under_lora(family: str) -> None:
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(0)
    model = get_peft_model(
        make_model(family, seed=1), LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False)
    )
    rows = make_rows(3, seed=5)
    expected = separate_losses(model, rows)
    expected_grads = gradients(model, sum(expected.values()))
    objective = conditional()
    losses = Supervised(model, objective)(Collator(PAD, BOS, objective)(rows))
    assert_same(gradients(model, objective.total(losses)), expected_grads)
    assert expected_grads and all("lora" in name for name in expected_grads)


OTHERS = {
    "mistral": {"num_key_value_heads": 2, "sliding_window": 6},
    "phi3": {"num_key_value_heads": 2, "original_max_position_embeddings": 512},
    "olmo2": {"num_key_value_heads": 2},
    "gpt_neox": {},
    "falcon": {},
    "opt": {"ffn_dim": 48, "word_embed_proj_dim": 32, "dropout": 0.0},
    "mixtral": {"num_key_value_heads": 2, "num_local_experts": 4},
    "gpt_oss": {"num_key_value_heads": 2, "head_dim": 8, "num_local_experts": 4, "sliding_window": 6},
}


def other_model(kind: str, options: dict) -> torch.nn.Module:
    """A tiny random model of any architecture of transformers."""
    shape = {name: value for name, value in SHAPE.items() if name not in ("head_dim", "num_key_value_heads")}
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **{**shape, **options}), dtype=torch.float32)


@pytest.mark.parametrize("kind", OTHERS)
def test_other_architectures_read_a_tree_as_separate_passes(kind: str) -> None:
    model, rows = other_model(kind, OTHERS[kind]), make_rows(3, seed=2)
    expected = separate_losses(model, rows)
    supervised = Supervised(model, conditional())
    check_lens(supervised)
    check_tree(supervised)
    losses = supervised(Collator(PAD, BOS, conditional())(rows))
    for name, value in expected.items():
        torch.testing.assert_close(losses[name], value, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("gpt2", {"n_embd": 32, "n_layer": 4, "n_head": 4}),  # blocks get their mask by position
        ("gptj", {"n_embd": 32, "n_layer": 4, "n_head": 4, "rotary_dim": 4}),  # gives back as many columns as it got
        ("bloom", {"n_layer": 4, "n_head": 4}),  # ALiBi
        ("mamba", {"state_size": 4}),  # no attention
    ],
)
def test_a_model_that_cannot_read_a_tree_is_refused_in_one_line(kind: str, options: dict) -> None:
    model = other_model(kind, options)
    supervised = Supervised(model, conditional())
    with pytest.raises(ValueError, match=r"cannot read several texts in one pass \(.*\): choose objective") as caught:
        check_tree(supervised)
    assert "\n" not in str(caught.value) and str(caught.value).count("choose") == 1
    check_tree(Supervised(model, Objective({"tft": Logits(L, "tft")})))


def test_a_step_says_what_a_block_or_a_batch_lacks() -> None:
    model = other_model("gpt2", {"n_embd": 32, "n_layer": 4, "n_head": 4})
    batch = Collator(PAD, BOS, conditional())(make_rows(2))
    with pytest.raises(ValueError, match=r"^GPT2Block takes no attention mask by name.*: choose alignment: positional"):
        Supervised(model, conditional())(batch)
    tft = Collator(PAD, BOS, Objective({"tft": Logits(L, "tft")}))(make_rows(2))
    with pytest.raises(ValueError, match=r"^the batch was made for another objective"):
        Supervised(model, conditional())(tft)
    positional = replace(conditional(), alignment="positional")
    assert set(Supervised(model, positional)(Collator(PAD, BOS, positional)(make_rows(2)))) == {"tft", "lc", "et"}


@pytest.mark.parametrize("family", FAMILIES)
def test_padding_rows_do_not_change_a_row(family: str) -> None:
    model = make_model(family, seed=1).eval()
    rows = make_rows(4, seed=3)
    objective = conditional()
    supervised, collate = Supervised(model, objective), Collator(PAD, BOS, objective)
    with torch.no_grad():
        whole = collate(rows)
        counts = supervised.term_counts(whole)
        together = supervised(whole, counts)
        alone = [supervised(collate([row]), counts) for row in rows]
    for name, value in together.items():
        torch.testing.assert_close(value, torch.stack([part[name] for part in alone]).sum(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("family", FAMILIES)
def test_undetached_english_query_in_the_tree_equals_its_own_pass(family: str) -> None:
    model = make_model(family, seed=1).eval()
    rows = make_rows(3, seed=4)
    for detach in (True, False):
        terms = {"tft": Logits(L, "tft"), "lc": Logits(I, "lc"), "et": Feature(J, L, detach_english=detach)}
        objective = Objective(terms)
        losses = Supervised(model, objective)(Collator(PAD, BOS, objective)(rows))
        if detach:
            expected = {name: value.detach() for name, value in losses.items()}
    for name, value in losses.items():
        torch.testing.assert_close(value, expected[name], rtol=1e-5, atol=1e-6)


def test_undetached_english_gets_gradient_where_detached_gets_none() -> None:
    rows = make_rows(3, seed=4)
    norms = []
    for detach in (True, False):
        model = make_model("llama", seed=1)
        objective = Objective({"et": Feature(J, L, detach_english=detach)})
        loss = Supervised(model, objective)(Collator(PAD, BOS, objective)(rows))["et"]
        grads = gradients(model, loss)
        norms.append(any("layers.3." in name and grad.abs().max() > 0 for name, grad in grads.items()))
    assert norms == [False, True]


def test_blocks_above_a_branch_work_on_the_trunk_alone() -> None:
    model = make_model("llama", seed=1)
    rows = make_rows(3, seed=6)
    objective = conditional()
    batch = Collator(PAD, BOS, objective)(rows)
    widths: list[int] = []
    for block in base_model(model).model.layers:
        block.self_attn.register_forward_pre_hook(
            lambda module, args, kwargs: widths.append(kwargs["hidden_states"].shape[1]), with_kwargs=True
        )
    Supervised(model, objective)(batch)
    trunk, et, lc = (batch[key].shape[1] for key in ("trunk_ids", "et_ids", "lc_ids"))
    assert widths == [trunk + et + lc, trunk + et, trunk + et, trunk]


def test_hooks_leave_generation_alone() -> None:
    model = make_model("llama", seed=1).eval()
    ids = torch.tensor([[1, 5, 6, 7]])
    before = model(input_ids=ids).logits
    objective = conditional()
    Supervised(model, objective)(Collator(PAD, BOS, objective)(make_rows(2)))
    torch.testing.assert_close(model(input_ids=ids).logits, before)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:flex_attention called without torch.compile")
@pytest.mark.parametrize("family", ["llama", "gemma3"])
def test_flex_attention_masks_the_same_tree(family: str) -> None:
    """The mask of the kernel that skips the masked blocks on a GPU; on a CPU it has a forward pass alone.

    Not compiled: for a processor with AVX2 alone, torch 2.13 compiles a kernel that reads beyond the keys where their
    number is no multiple of its block, with plain tensors and a causal mask too.
    """
    model = make_model(family, seed=1).eval()
    objective = conditional()
    batch = Collator(PAD, BOS, objective)(make_rows(3))
    supervised = Supervised(model, objective)
    with torch.no_grad(), torch.compiler.set_stance("force_eager"):
        expected = supervised(batch)
        model.set_attn_implementation("flex_attention")
        losses = supervised(batch)
    for name, value in expected.items():
        torch.testing.assert_close(losses[name], value, rtol=1e-4, atol=1e-5)


def test_windows_are_measured_in_positions() -> None:
    model = make_model("gemma3", seed=1)
    assert model.config.sliding_window < 12, "the tiny model must have a window shorter than the texts"
