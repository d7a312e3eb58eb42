"""The documentation is true: the CLI page is what the commands print, links lead somewhere, commands run."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import deepsuper
import drawing
import make_architecture
import make_method_picture
import structure
from deepsuper.cli import main
from deepsuper.data.translate.job import Translated
from tiny import make_model, make_tokenizer

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "recipes" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.processes
def test_the_cli_page_is_what_the_commands_print():
    script = (
        f"import sys; sys.path.insert(0, {str(ROOT / 'docs')!r}); import make_cli; print(make_cli.render(), end='')"
    )
    page = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT / "docs", capture_output=True, text=True, check=True
    ).stdout
    assert page == (ROOT / "docs" / "cli.md").read_text(encoding="utf-8"), "run: make docs"


def test_every_option_of_the_cli_page_has_a_meaning():
    name, kind = r"^  (\S(?:(?!  )[^\n])*)", r"\((?:type:|required, type:|default:)"
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert not re.findall(rf"{name}(?:  +|\n +){kind}", page, re.MULTILINE)


@pytest.mark.slow
def test_the_drawn_pages_are_what_the_source_gives():
    for path, text in make_architecture.outputs().items():
        assert text == path.read_text(encoding="utf-8"), f"{path.name}: run python docs/make_architecture.py"
    for theme, colors in drawing.THEMES.items():
        picture = ROOT / "docs" / "pictures" / f"method.{theme}.svg"
        assert make_method_picture.draw(colors).svg() == picture.read_text(encoding="utf-8"), "run: make docs"


def test_links_to_the_source_lead_to_the_name():
    """Read off the file itself, not off the script that writes the lines."""
    links = [
        link
        for page in PAGES
        for link in re.findall(r"\[`([\w.]+)`\]\(\.\./(src/[\w/]+\.py)#L(\d+)\)", page.read_text(encoding="utf-8"))
    ]
    assert len(links) > 30
    for name, file, line in links:
        text = (ROOT / file).read_text(encoding="utf-8").splitlines()[int(line) - 1]
        assert re.match(rf"\s*(def|class)? ?{name.rpartition('.')[2]}\b", text), f"{name}: {file}:{line} is {text!r}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'(?:src|srcset|href)="([^"]+)"', text)
    for target in targets:
        path, _, place = target.partition("#")
        file = page.parent / path if path else page
        assert target.startswith("https://") or file.exists(), target
        if place and file.suffix == ".md":
            headings = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            assert place in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}, target


def test_the_structure_is_counted(tmp_path):
    for name, text in {
        "low/__init__": '"""What all use. More."""\nclass Row: ...\nRows = list[Row]\n',
        "left/__init__": "from pkg.low import Row\nclass Row: ...\n",
        "left/a": "def a():\n    from pkg.left.b import b\n    return b\n",
        "left/b": "from pkg.left import a\n",
        "right": "import pkg.left.a\nimport pkg.low\n",
        "__init__": "from pkg import right\n",
    }.items():
        file = tmp_path / "pkg" / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    tree = structure.Tree(tmp_path / "pkg")
    assert tree.rooms == {"low": set(), "left": {"low"}, "right": {"left", "low"}}
    assert structure.floors(tree.rooms) == {"low": 0, "left": 1, "right": 2}
    assert not structure.circles(tree.rooms) and structure.circles(tree.imports) == [["pkg.left.a", "pkg.left.b"]]
    assert tree.shared_names() == {"Row": ["pkg.left", "pkg.low"]} and tree.functions() == [(3, "pkg.left.a.a")]
    assert tree.purpose("low") == "What all use"
    assert structure.floors({"a": {"b"}, "b": {"a"}, "c": {"a"}}) == {"a": 0, "b": 0, "c": 1}


def test_the_python_of_the_readme_runs(tmp_path, monkeypatch):
    """As it stands, on the README's own row, but for the model's name and the layers that a tiny one has."""
    (code,) = blocks(ROOT / "README.md", "python")
    (row,) = blocks(ROOT / "README.md", "json")
    make_model("gemma2").save_pretrained(tmp_path / "model")
    make_tokenizer().save_pretrained(tmp_path / "model")
    (tmp_path / "rows.jsonl").write_text(row, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    exec(compile(code.replace("google/gemma-2-2b", "model").replace("(12,", "(3,"), "README", "exec"), names := {})
    assert set(names["losses"]) == {"tft", "lc", "et"}
    assert torch.isfinite(names["model"].lm_head.weight.grad).all()


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) < 150


@pytest.mark.slow
def test_the_commands_of_the_readme_are_valid(tmp_path, monkeypatch, capsys):
    """With the README's own recipe and row; what takes long is only called, not done."""
    for name, language in (("mine.yaml", "yaml"), ("rows.jsonl", "json")):
        (tmp_path / name).write_text(*blocks(ROOT / "README.md", language), encoding="utf-8")
    for folder in ("recipes", "src"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    monkeypatch.chdir(tmp_path)
    trained, read = [], {}
    monkeypatch.setattr("deepsuper.training.run.train", lambda config, **_: trained.append(config))
    for command in (
        "inside.layers.run_layers",
        "inside.logit_lens.run_lens",
        "inside.align.run_align",
        "evaluation.run.run_eval",
        "evaluation.compare.run.run_compare",
        "data.check.run.run_check",
        "data.join.run.run_join",
        "data.translate.run.run_translate",
    ):
        name = command.rpartition(".")[2]
        # What is told of the translation is that there is nothing to check.
        told = Translated() if name == "run_translate" else []
        monkeypatch.setattr(
            f"deepsuper.{command}", lambda *options, name=name, told=told, **_: read.update({name: options}) or told
        )
    lines = [line for block in blocks(ROOT / "README.md", "bash") for line in block.splitlines()]
    lines += [line for block in blocks(ROOT / "recipes" / "README.md", "bash") for line in block.splitlines()]
    ran = [shlex.split(line)[1:] for line in lines if line.startswith("deepsuper")]
    for line in ran:
        main(line)
    mine, small = trained
    assert len(ran) == 12 and len(read) == 8
    assert (mine.output_dir, mine.training.learning_rate, small.training.max_steps) == ("runs/mine", 1e-5, 20)
    assert "L_LC = 1 - cos(h_1^en, h_1^tgt)" in capsys.readouterr().out
    assert read["run_layers"][0].criteria == ("entropy", "language", "alignment")
    assert read["run_lens"][0].text == "法国的首都是哪里？"
    assert read["run_align"][0].tuned == "runs/demo-zh/deep-supervision"


def test_every_make_target_that_the_pages_name_exists():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {
        name
        for page in PAGES
        for name in re.findall(r"(?:`|^)make ([a-z]+)(?:`|$)", page.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert named and named <= targets


def test_every_option_of_the_objective_has_an_entry_in_the_decisions():
    text = (ROOT / "docs" / "decisions.md").read_text(encoding="utf-8")
    for name in deepsuper.config.ObjectiveConfig.__dataclass_fields__:
        assert name in text or name in ("method", "lc", "et"), name
