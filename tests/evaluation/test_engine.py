"""Which engine runs a model, and what happens where a private name of a library is missing or has changed."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest
from lm_eval.models.huggingface import HFLM
from transformers import AutoModelForCausalLM, MambaConfig

from deepsuper.evaluation.engine import choices, decoder, prefixes
from deepsuper.evaluation.engine.choose import engine_class
from deepsuper.evaluation.engine.decoder import Decoder
from deepsuper.evaluation.engine.private_names import PRIVATE_NAMES, missing_name, warn_harness_runs
from failing import fail
from local_rows import evaluate, read_items, write_rows
from tiny import make_model

ASKED = ("--benchmarks", "xquad,xcopa")
FEW = ("lm_eval.models.utils normalize_gen_kwargs", "transformers.modeling_utils PreTrainedModel._is_stateful")


@pytest.fixture(autouse=True)
def warn_again():
    warn_harness_runs.cache_clear()


@pytest.fixture
def data(tmp_path):
    return write_rows(tmp_path / "data")


class OnCuda:
    """Stands for a model on a GPU: only its device is asked."""

    class device:
        type = "cuda"


def test_auto_is_own_but_on_cuda():
    model = make_model("llama")
    assert engine_class("auto", model) is engine_class("own", model) is Decoder
    assert engine_class("harness", model) is engine_class("auto", OnCuda) is HFLM


@pytest.mark.slow
def test_both_engines_give_the_same_items_and_a_score_says_which_it_was(tmp_path, data, monkeypatch):
    scores, items = {}, {}
    for engine in ("own", "harness"):
        scores[engine] = evaluate(tmp_path, data, *ASKED, "--engine", engine, folder=engine)["scores"]
        items[engine] = read_items(tmp_path, "xquad/zh", folder=engine)
    assert items["own"] == items["harness"]
    for key in ("xquad/zh", "xcopa/zh"):
        own, harness = scores["own"][key], scores["harness"][key]
        assert (own["engine"], harness["engine"]) == ("own", "harness")
        assert own["mean"] == harness["mean"]
    monkeypatch.setattr("deepsuper.evaluation.run.load_harness_model", lambda *_: pytest.fail("loaded again"))
    assert evaluate(tmp_path, data, *ASKED, "--engine", "harness", folder="own")["scores"] == scores["own"]


def take_away(monkeypatch, place: str) -> None:
    module, path = place.split()
    owner = import_module(module)
    *parents, name = path.split(".")
    for parent in parents:
        owner = getattr(owner, parent)
    for one in getattr(owner, "__mro__", (owner,)):  # inherited names too
        if name in vars(one):
            monkeypatch.delattr(one, name)


@pytest.mark.parametrize("place", PRIVATE_NAMES)
def test_without_a_private_name_the_harness_runs_and_one_line_says_so(monkeypatch, caplog, place):
    model = make_model("llama")
    take_away(monkeypatch, place)
    assert missing_name() == place.replace(" ", ".")
    assert engine_class("auto", model) is engine_class("own", model) is HFLM
    (line,) = (record.getMessage() for record in caplog.records if record.name == "deepsuper")
    assert line.startswith(f"engine own: not possible here ({place.replace(' ', '.')} is missing): the harness's")


@pytest.mark.slow
@pytest.mark.parametrize("place", FEW)
def test_an_evaluation_without_a_private_name_has_the_same_scores(tmp_path, data, monkeypatch, caplog, place):
    own = evaluate(tmp_path, data, *ASKED)["scores"]
    take_away(monkeypatch, place)
    harness = evaluate(tmp_path, data, *ASKED, folder="other")["scores"]
    assert {key: score["mean"] for key, score in own.items()} == {key: one["mean"] for key, one in harness.items()}
    assert {score["engine"] for score in harness.values()} == {"harness"}
    assert caplog.text.count("engine own: not possible here") == 1


def raises(error: Exception):
    def changed(*_, **__):
        raise error

    return changed


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "name", "change"),
    [
        (decoder, "postprocess_generated_text", lambda text: text),
        (decoder, "decode", raises(AttributeError("'DynamicLayer' object has no attribute 'keys'"))),
        (choices, "compose", raises(TypeError("got an unexpected keyword argument 'past_key_values'"))),
        (prefixes, "compose", raises(AttributeError("'Cache' object has no attribute 'layers'"))),
        (prefixes, "DynamicCache", lambda: None),
    ],
    ids=["signature", "generation", "choices", "cache", "choice of the engine"],
)
def test_a_private_name_that_has_changed_is_no_crash(tmp_path, data, monkeypatch, caplog, module, name, change):
    own = evaluate(tmp_path, data, *ASKED)["scores"]
    monkeypatch.setattr(module, name, change)
    other = evaluate(tmp_path, data, *ASKED, folder="other")["scores"]
    assert {key: score["mean"] for key, score in own.items()} == {key: one["mean"] for key, one in other.items()}
    assert "harness" in {score["engine"] for score in other.values()}
    assert caplog.text.count("engine own: not possible here") == 1


def test_a_mistake_of_the_user_is_no_change_of_a_library(monkeypatch):
    def refuse(*_):
        raise ValueError("reads 64 tokens at most")

    model = Decoder.__new__(Decoder)
    monkeypatch.setattr(Decoder, "_generate", refuse)
    with pytest.raises(ValueError, match="64 tokens"):
        model.generate_until([])
    assert model.scored_by == "own"


def test_a_model_with_another_state_than_keys_runs_by_the_harness_and_own_says_so(caplog):
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2, "vocab_size": 300}
    model = AutoModelForCausalLM.from_config(MambaConfig(**sizes))
    assert engine_class("auto", model) is HFLM and not caplog.text
    assert engine_class("own", model) is HFLM and "state is more than keys and values" in caplog.text


def test_an_engine_is_refused_with_another_backend(tmp_path, data, capsys):
    line = ("eval", "any", "--backend", "dummy", "--engine", "own", "--output_dir", str(tmp_path / "out"))
    said = fail(capsys, *line, "--data_dir", str(data))
    assert "engine: backend 'dummy' has its own: leave out --engine, got 'own'" in said


def test_every_private_name_is_listed_where_the_engine_is_chosen():
    used = "".join(file.read_text(encoding="utf-8") for file in Path(decoder.__file__).parent.glob("*.py"))
    for place in PRIVATE_NAMES:
        assert used.count(place.rpartition(".")[2].rpartition(" ")[2]) > 1, f"{place} is listed, but not used"
