"""COMET: found or explained, the worker's words carried both ways, and the scores those of unbabel-comet itself."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deepsuper.common.errors import UserError
from deepsuper.config import EvalConfig
from deepsuper.evaluation.comet import scores as comet
from deepsuper.evaluation.comet.scores import comet_python, comet_scores, comet_version

try:
    PYTHON, ABSENT = comet_python(), ""
except UserError as error:
    PYTHON, ABSENT = None, str(error)
real_comet = pytest.mark.skipif(PYTHON is None, reason=f"`make comet` makes what this needs: {ABSENT}")

ODD = ['a "quoted" \\ text', "two\nlines\r\n", "line\u2028separator\u2029\x85", "tab\t\x00\x1f", "", "猫 \U0001f408 ﷺ"]
ROWS = [
    {"src": "the cat sat on the mat", "mt": "mèo ngồi trên thảm", "ref": "mèo ngồi trên thảm"},
    {"src": "the cat sat on the mat", "mt": "thảm ngồi", "ref": "mèo ngồi trên thảm"},
    {"src": "cat", "mt": "猫", "ref": "猫坐在垫子上"},
    *({"src": "the mat " * (n % 3), "mt": text, "ref": f"{text} mèo"} for n, text in enumerate(ODD)),
]
# A stand-in for unbabel-comet: a score is the sum of the characters, and predict may do other than it should.
STAND_IN = """
import os, sys

def load_from_checkpoint(path):
    if os.environ.get("STAND_IN") == "no tokenizer":
        raise OSError("We cannot reach the hub\\nto load xlm-roberta-large.")
    return Metric()

class Metric:
    def predict(self, rows, batch_size, gpus, progress_bar):
        assert not [n for n in os.environ if n in ("VIRTUAL_ENV", "PYTHONHOME", "PYTHONSTARTUP")], "ours"
        print("a library's own words")
        print("Predicting: 50%|###", end="\\r", file=sys.stderr)
        do = os.environ.get("STAND_IN", "")
        if do == "gpus":
            return {"scores": [gpus] * len(rows)}
        if do == "raise":
            raise RuntimeError("CUDA out of memory.\\nTried to allocate")
        if do == "killed":
            os.kill(os.getpid(), 9)
        scores = [sum(map(ord, r["src"])) + 2 * sum(map(ord, r["mt"])) + 3 * sum(map(ord, r["ref"])) for r in rows]
        return {"scores": {"few": scores[1:], "nan": [float("nan")] * len(scores)}.get(do, scores)}
"""
TORCH = """
import os

class cuda:
    is_available = staticmethod(lambda: os.environ.get("STAND_IN_GPU") == "there")
"""


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """On busy cores the threads of a tiny model wait for each other."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        yield


@pytest.fixture
def checkpoint(tmp_path: Path) -> str:
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "hparams.yaml").touch()
    path = tmp_path / "checkpoints" / "model.ckpt"
    path.touch()
    return str(path)


@pytest.fixture
def stand_in(tmp_path: Path) -> Path:
    """A python that has the stand-in as its `comet`."""
    package = tmp_path / "packages"
    package.mkdir()
    (package / "comet.py").write_text(STAND_IN, encoding="utf-8")
    (package / "torch.py").write_text(TORCH, encoding="utf-8")
    return program(tmp_path / "python", f'PYTHONPATH={package} exec {sys.executable} "$@"')


def program(path: Path, script: str) -> Path:
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_what_makes_the_environment_is_told_in_one_line(monkeypatch, tmp_path):
    monkeypatch.delenv(comet.VARIABLE, raising=False)
    monkeypatch.delenv("DEEPSUPER_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(UserError) as raised:
        comet_python()
    message = str(raised.value)
    assert "\n" not in message
    folder = tmp_path / "deepsuper" / "comet"
    for part in (
        "make comet",
        f"python3 -m venv {folder}",
        f"{folder}/bin/pip install unbabel-comet==",
        comet.VARIABLE,
    ):
        assert part in message
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert comet.default_python() == tmp_path / ".cache/deepsuper/comet/bin/python"


@pytest.mark.parametrize("own", [None, "", "own"])
@pytest.mark.parametrize("user", [None, "", "user"])
def test_make_comet_and_the_commands_mean_one_cache_folder(monkeypatch, tmp_path, own, user):
    monkeypatch.setenv("HOME", str(tmp_path))
    for name, folder in (("DEEPSUPER_CACHE", own), ("XDG_CACHE_HOME", user)):
        monkeypatch.delenv(name, raising=False)
        if folder is not None:
            monkeypatch.setenv(name, str(tmp_path / folder) if folder else "")
    expected = tmp_path / own if own else tmp_path / (user or ".cache") / "deepsuper"
    assert comet.default_python() == expected / "comet/bin/python"
    makefile = Path(__file__).parents[2] / "Makefile"
    told = subprocess.run(["make", "-f", makefile, "-n", "comet"], cwd=makefile.parent, capture_output=True, text=True)
    assert f"-m venv {expected}/comet\n" in told.stdout


def test_the_variable_names_the_python_and_a_wrong_one_is_told(monkeypatch, tmp_path):
    python = program(tmp_path / "python", "echo 2.2.7")
    monkeypatch.setenv(comet.VARIABLE, str(python))
    assert comet_python() == python and comet_version(python) == "2.2.7"
    for wrong in (sys.executable, str(tmp_path / "absent"), str(tmp_path)):
        monkeypatch.setenv(comet.VARIABLE, wrong)
        with pytest.raises(UserError, match=re.escape(f"{comet.VARIABLE}={wrong}")):
            comet_python()


def test_the_message_pins_what_the_constraints_pin():
    pins = (Path(__file__).parents[2] / "constraints-comet.txt").read_text(encoding="utf-8").splitlines()
    assert f"unbabel-comet=={comet.RELEASE}" in pins
    # pkg_resources, without which unbabel-comet cannot be imported, ends with 81.
    (setuptools,) = (pin for pin in pins if pin.startswith("setuptools=="))
    assert int(setuptools.split("==")[1].split(".")[0]) < 81
    assert "numpy==1" in "\n".join(pins)


def test_every_character_arrives_and_scores_keep_the_order(stand_in, checkpoint):
    rows = [*ROWS, {"src": "half \ud83d", "mt": "\udc08 other half", "ref": "\ud83d\udc08"}]
    whole = [*ROWS, {"src": "half \ufffd", "mt": "\ufffd other half", "ref": "\U0001f408"}]
    right = [float(sum(n * sum(map(ord, row[f])) for n, f in enumerate(("src", "mt", "ref"), 1))) for row in whole]
    assert comet_scores(stand_in, checkpoint, rows) == right
    assert comet_scores(stand_in, checkpoint, rows[::-1]) == right[::-1]


def test_the_worker_sees_nothing_of_our_environment(stand_in, checkpoint, monkeypatch):
    for name in ("VIRTUAL_ENV", "PYTHONHOME", "PYTHONSTARTUP"):
        monkeypatch.setenv(name, "/ours")
    assert len(comet_scores(stand_in, checkpoint, ROWS)) == len(ROWS)


@pytest.mark.parametrize(("there", "used"), [("there", 1), ("absent", 0)])
def test_a_gpu_is_used_where_there_is_one(stand_in, checkpoint, monkeypatch, there, used):
    monkeypatch.setenv("STAND_IN", "gpus")
    monkeypatch.setenv("STAND_IN_GPU", there)
    assert comet_scores(stand_in, checkpoint, ROWS) == [used] * len(ROWS)


@pytest.mark.parametrize(
    ("does", "said"),
    [
        ("raise", "RuntimeError: CUDA out of memory. Tried to allocate: if memory is short, run `deepsuper"),
        ("killed", "if memory is short, run `deepsuper eval` again"),
        ("no tokenizer", "OSError: We cannot reach the hub to load xlm-roberta-large.: a checkpoint needs"),
        ("few", "gave 8 scores for 9 rows"),
        ("nan", "gave nan for row 0"),
    ],
)
def test_a_failing_worker_is_one_line_with_the_remedy(stand_in, checkpoint, monkeypatch, does, said):
    monkeypatch.setenv("STAND_IN", does)
    with pytest.raises(ValueError, match=re.escape(said)) as raised:
        comet_scores(stand_in, checkpoint, ROWS)
    assert "\n" not in str(raised.value) and checkpoint in str(raised.value)


def test_a_python_that_cannot_run_the_worker_is_one_line(checkpoint, tmp_path):
    for script, said in (
        ("printf 'Traceback:\\n  File x\\nImportError: libfoo.so\\n\\n' >&2; exit 1", "ImportError: libfoo.so: see"),
        ("exit 7", "exit status 7: see whether"),
        (f'exec {sys.executable} "$@"', "ModuleNotFoundError: No module named 'comet': `make comet`"),
    ):
        with pytest.raises(ValueError, match=re.escape(said)) as raised:
            comet_scores(program(tmp_path / "broken", script), checkpoint, ROWS)
        assert "\n" not in str(raised.value)
    with pytest.raises(ValueError, match="cannot start"):
        comet_scores(tmp_path / "absent", checkpoint, ROWS)


def test_arguments_are_checked_before_anything_starts(checkpoint, tmp_path):
    (tmp_path / "lone").mkdir()
    lone = tmp_path / "lone" / "model.ckpt"
    lone.touch()
    (tmp_path / "hparams.yaml").unlink()
    for model, rows, said in (
        (checkpoint, ROWS, f"no such file '{tmp_path}/hparams.yaml'"),
        ("absent.ckpt", ROWS, "no such file 'absent.ckpt'"),
        (EvalConfig.comet_model, [*ROWS, {"src": "a", "mt": "b"}], "row 9: 'ref' must be a text, got None"),
    ):
        with pytest.raises(ValueError, match=re.escape(said)):
            comet_scores("/nowhere/python", model, rows)
    assert comet_scores("/nowhere/python", EvalConfig.comet_model, []) == []


@pytest.fixture(scope="module")
def tiny_comet(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("comet")
    beside("make", folder)
    return folder / "checkpoints" / "model.ckpt"


def beside(*arguments: object) -> None:
    """Runs `comet_tiny.py` with the python of unbabel-comet."""
    script = Path(__file__).with_name("comet_tiny.py")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    command = [str(PYTHON), "-W", "ignore", str(script), *map(str, arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@real_comet
def test_scores_are_those_of_unbabel_comet(tiny_comet, tmp_path, monkeypatch, capfd):
    asked, answered = tmp_path / "rows.json", tmp_path / "scores.json"
    asked.write_text(json.dumps(ROWS), encoding="utf-8")
    beside("score", tiny_comet, asked, answered)
    right = json.loads(answered.read_text(encoding="utf-8"))
    monkeypatch.chdir(tiny_comet.parent)
    capfd.readouterr()
    assert comet_scores(PYTHON, "model.ckpt", ROWS) == right
    assert capfd.readouterr() == ("", "")
    assert right[0] != right[1]


@pytest.mark.slow
@real_comet
def test_half_a_surrogate_pair_scores_as_the_replacement_character(tiny_comet):
    # The tokenizer takes no lone surrogate: passed on as it is, it would end the run.
    rows = [{"src": "the cat", "mt": f"mèo {odd}", "ref": f"{odd} ngồi"} for odd in ("\ud83d", "\ufffd", "mèo")]
    half, replaced, other = comet_scores(PYTHON, str(tiny_comet), rows)
    assert half == replaced != other


@pytest.mark.slow
@real_comet
def test_a_model_that_cannot_be_fetched_is_one_line_with_the_remedy(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    with pytest.raises(ValueError, match="or give a local checkpoint") as raised:
        comet_scores(PYTHON, EvalConfig.comet_model, ROWS)
    assert "\n" not in str(raised.value) and "Error: " in str(raised.value)
