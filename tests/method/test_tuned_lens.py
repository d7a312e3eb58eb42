"""The tuned lens: what a map of zeros and layer L are, its file, and the models whose lens it is not."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from deepsuper.config import ModelConfig
from deepsuper.method.collate import Collator
from deepsuper.method.kept_lens import check_kept, kept_lens, lens_path
from deepsuper.method.lens import Lens
from deepsuper.method.objective import Feature, Logits, Objective
from deepsuper.method.supervised import Supervised
from deepsuper.method.tuned_lens import TunedLens, load_lens, read_about, save_lens, zero_lens
from deepsuper.models.fingerprint import fingerprint
from rows import BOS, PAD, make_rows
from tiny import make_model

FAMILIES = ("llama", "gemma2", "qwen3")
L, D = 4, 32
SOURCE = ModelConfig(name="some/model")


def random_lens(seed: int = 0) -> TunedLens:
    """Maps that are large enough to change every prediction."""
    torch.manual_seed(seed)
    return TunedLens({n: (0.3 * torch.randn(D, D), torch.randn(D)) for n in range(L)}, L)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DEEPSUPER_CACHE", str(tmp_path))
    return tmp_path


def keep(model: torch.nn.Module, tuned: TunedLens) -> None:
    save_lens(lens_path(model), tuned, {"model": "some/model", "weights": fingerprint(model)})


@pytest.mark.parametrize("family", FAMILIES)
def test_a_map_of_zeros_is_the_logit_lens(family):
    model, h = make_model(family), torch.randn(3, 5, D)
    plain, tuned = Lens(model), Lens(model, tuned=zero_lens(L, D))
    for layer in range(L + 1):
        torch.testing.assert_close(tuned.logits(h, layer), plain.logits(h, layer))


@pytest.mark.parametrize("family", FAMILIES)
def test_at_layer_l_the_tuned_lens_is_the_model(family):
    model = make_model(family).eval()
    ids = torch.arange(3, 15).reshape(2, 6)
    tuned = random_lens()
    with torch.no_grad():
        out = model(input_ids=ids, output_hidden_states=True)
        h = out.hidden_states
        assert tuned.translate(h[L], L) is h[L]
        torch.testing.assert_close(Lens(model, tuned=tuned).logits(h[L], L), out.logits, rtol=1e-5, atol=1e-6)
        assert not torch.allclose(Lens(model, tuned=tuned).logits(h[2], 2), Lens(model).logits(h[2], 2), atol=0.1)


def test_translation_is_one_affine_map_before_the_norm():
    model, tuned, h = make_model("gemma2"), random_lens(), torch.randn(7, D)
    weight, bias = tuned.map(1)
    want = model.lm_head(model.model.norm(h + h @ weight.T + bias))
    want = 30.0 * torch.tanh(want / 30.0)
    torch.testing.assert_close(Lens(model, tuned=tuned).logits(h, 1), want)


def test_nothing_of_it_is_trained_or_saved():
    tuned = random_lens()
    assert list(tuned.parameters()) == [] and tuned.state_dict() == {}
    assert len(list(tuned.buffers())) == 2 * L


def test_the_file_gives_back_the_same_maps_or_some_of_them(tmp_path):
    tuned, path = random_lens(), tmp_path / "deep" / "lens.safetensors"
    save_lens(path, tuned, {"model": "m"})
    assert [file.name for file in path.parent.iterdir()] == ["lens.safetensors"]
    about, again, some = read_about(path), load_lens(path), load_lens(path, [2, L, 0])
    assert about["model"] == "m" and again.layers == (0, 1, 2, 3) and some.layers == (0, 2)
    h = torch.randn(2, D)
    for layer in again.layers:
        torch.testing.assert_close(again.translate(h, layer), tuned.translate(h, layer), rtol=0, atol=0)
    torch.testing.assert_close(some.translate(h, 2), tuned.translate(h, 2), rtol=0, atol=0)
    assert some.translate(h, L) is h


def test_a_kept_lens_is_found_by_the_weights_whatever_their_type(cache):
    model = make_model("gemma2")
    keep(model, random_lens())
    assert lens_path(model) == lens_path(make_model("gemma2").to(torch.bfloat16))
    assert kept_lens(model, SOURCE, "lens", [1]).layers == (1,)
    with torch.no_grad():
        model.model.layers[2].mlp.up_proj.weight.mul_(1.01)
    with pytest.raises(ValueError, match=r"^lens: .* other weights than those of some/model: make its own with `deep"):
        kept_lens(model, SOURCE, "lens")


def test_without_a_kept_lens_the_command_that_makes_it_is_named(cache):
    folder = cache / "model"
    make_model("qwen3").save_pretrained(folder)
    source = ModelConfig(name=str(folder), revision="abc")
    command = rf"make it with `deepsuper layers {folder} --fit_lens --revision abc`$"
    with pytest.raises(ValueError, match=rf"^objective.lens: no tuned lens is kept for {folder}: {command}"):
        check_kept(source, "objective.lens")
    keep(make_model("qwen3", seed=1), random_lens())  # of the same kind and size: only the weights can tell
    check_kept(source, "objective.lens")


def test_a_lens_of_another_model_is_refused(cache):
    model, path = make_model("llama"), lens_path(make_model("llama"))
    keep(make_model("llama", seed=1), random_lens())
    (other,) = path.parent.iterdir()
    other.rename(path)
    with pytest.raises(ValueError, match=r"is of another model, some/model: make the lens of mine with"):
        kept_lens(model, ModelConfig(name="mine"), "lens")
    save_lens(path, zero_lens(L, D + 1), {"weights": fingerprint(model)})
    with pytest.raises(ValueError, match="has maps of another shape than some/model"):
        kept_lens(model, SOURCE, "lens")
    save_file(load_file(path), path)
    with pytest.raises(ValueError, match="is no tuned lens"):
        kept_lens(model, SOURCE, "lens")
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"cannot be read \(.*\): remove it, and fit the lens again"):
        kept_lens(model, SOURCE, "lens")


LC = Objective({"tft": Logits(L, "tft"), "lc": Logits(2, "lc", lens="tuned")})
ET = Objective({"tft": Logits(L, "tft"), "lc": Feature(1, 1, lens="tuned"), "et": Feature(3, L, lens="tuned")})


def by_logit_lens(objective: Objective) -> Objective:
    return replace(objective, terms={name: replace(term, lens="logit") for name, term in objective.terms.items()})


def losses(model, objective, tuned, rows=4):
    batch = Collator(PAD, BOS, objective)(make_rows(rows))
    return Supervised(model, objective, tuned=tuned)(batch)


@pytest.mark.parametrize("family", FAMILIES)
def test_lc_through_it_trains_only_the_blocks_below_and_not_the_lens(family):
    model, tuned = make_model(family), random_lens()
    before = [buffer.clone() for buffer in tuned.buffers()]
    losses(model, LC, tuned)["lc"].backward()
    reached = {name for name, p in model.named_parameters() if p.grad is not None and p.grad.abs().max() > 0}
    assert {int(name.split("layers.")[1][0]) for name in reached if "layers." in name} == {0, 1}
    assert {name for name in reached if "layers." not in name} == {"model.embed_tokens.weight"}
    for old, new in zip(before, tuned.buffers(), strict=True):
        torch.testing.assert_close(new, old, rtol=0, atol=0)
        assert new.grad is None


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("alignment", ["conditional", "positional"])
def test_zeros_give_the_losses_of_the_logit_lens_and_other_maps_do_not(family, alignment):
    model, objective = make_model(family), replace(LC, alignment=alignment)
    plain = losses(model, by_logit_lens(objective), None)
    zeros, others = losses(model, objective, zero_lens(L, D)), losses(model, objective, random_lens())
    torch.testing.assert_close(zeros, plain)
    torch.testing.assert_close(others["tft"], plain["tft"])
    assert abs((others["lc"] - plain["lc"]).item()) > 1e-3


def test_features_of_two_layers_are_compared_in_terms_of_the_last():
    """A lens that turns h_3 into what the blocks after it make of it: the two sides of eq. 7 are then one."""
    model, tuned = make_model("llama"), random_lens()
    rows = [replace(row, en=row.tgt) for row in make_rows(3)]
    for layer in (model.model.layers[3],):  # the last block adds nothing but a constant state
        for weight in layer.parameters():
            weight.data.zero_()
    batch = Collator(PAD, BOS, ET)(rows)
    same = Supervised(model, ET, tuned=zero_lens(L, D))(batch)
    assert same["et"].item() == pytest.approx(0.0, abs=1e-5) and same["lc"].item() == pytest.approx(0.0, abs=1e-5)
    assert Supervised(model, by_logit_lens(ET))(batch)["et"].item() > 1e-4
    other = Supervised(model, ET, tuned=tuned)(batch)
    assert other["et"].item() > 0.01 and other["lc"].item() == pytest.approx(0.0, abs=1e-5)
    other["et"].backward()
    assert model.model.norm.weight.grad is None


def test_which_layers_it_translates():
    assert LC.translated == {2} and ET.translated == {3, L} and by_logit_lens(LC).translated == set()
    assert ET.terms["lc"].translated == set()
    with pytest.raises(ValueError, match="Supervised needs the lens of its model"):
        Supervised(make_model("llama"), LC)
