"""Pages: every value is text, nothing but the page's own style and script runs, and charts stand inside."""

from __future__ import annotations

import re
from html import unescape
from importlib.resources import files
from xml.etree import ElementTree

import pytest
from jinja2 import UndefinedError

from deepsuper.common.figures import inline_svg
from deepsuper.common.pages import direction, policy_hash, render_page

HOSTILE = [
    "<script>alert(1)</script>", "</style><img src=x onerror=alert(1)>", "{{ 7 * 7 }}", "{% raw %}",
    "javascript:alert(1)", "\u202eabc\u202c", "\u2066x", "a & b \" ' `",
]  # fmt: skip
FOLDERS = ["data/check", "evaluation/compare", "inside/logit_lens"]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "page.html").write_text('{% extends "frame.html" %}{% block content %}<p>{{ text }}</p>{% endblock %}')
    (tmp_path / "page.css").write_text("p > b { color: red; }")
    return tmp_path


@pytest.mark.parametrize("text", HOSTILE)
def test_any_text_appears_as_text(folder, text):
    page = render_page(folder, text, text=text)
    assert re.findall(r"<(?:title|h1|p)>(.*?)</", page) == [page.split("<p>")[1].split("</p>")[0]] * 3
    assert unescape(page.split("<p>")[1].split("</p>")[0]) == text
    assert "<script" not in page and "<img" not in page and page.count("</style>") == 1


def test_the_policy_allows_the_pages_own_style_and_script_alone(folder):
    def parts(page: str) -> tuple[str, str]:
        policy = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)[0]
        return policy, page.partition("<style>")[2].partition("</style>")[0]

    policy, style = parts(render_page(folder, "t", text=""))
    assert policy == f"default-src 'none'; style-src '{policy_hash(style)}'; base-uri 'none'; form-action 'none'"
    assert "prefers-color-scheme: dark" in style and style.endswith("p > b { color: red; }")
    (folder / "page.js").write_text("if (1 < 2) document.title = 'ran';")
    page = render_page(folder, "t", text="")
    script = page.partition("<script>")[2].partition("</script>")[0]
    assert parts(page)[0] == f"{policy}; script-src '{policy_hash(script)}'" and "1 < 2" in script


def test_a_value_that_a_template_lacks_is_an_error(folder):
    with pytest.raises(UndefinedError, match="text"):
        render_page(folder, "t")


def test_a_lone_surrogate_can_be_written(folder):
    assert "<p>a?b</p>" in render_page(folder, "t", text="a\ud800b")


def test_the_templates_are_in_the_package_and_fetch_nothing():
    package = files("deepsuper")
    places = [package / "common/templates/frame.html", *(package / folder / "page.html" for folder in FOLDERS)]
    for place in places:
        text = place.read_text(encoding="utf-8")
        assert not re.search(r"https?:|\bon\w+=|style=|\|safe|src=|href=", text), place
    for place in [package / "common/templates/frame.css", *(package / folder / "page.css" for folder in FOLDERS)]:
        assert not re.search(r"url\(|@import|@font-face", place.read_text(encoding="utf-8")), place


def test_the_direction_is_that_of_most_letters():
    assert [direction(text) for text in ("A. السلام عليكم", "hello", "", "123")] == ["rtl", "ltr", "ltr", "ltr"]


@pytest.mark.slow
def test_a_chart_is_text_and_shapes_of_the_pages_colours_and_always_the_same():
    def draw(figure):
        axes = figure.add_axes((0.1, 0.2, 0.8, 0.7))
        axes.plot([1, 2], [3, 4])
        axes.set_xlabel("$a_1 & <b>")

    svg = inline_svg(draw, 'A "chart" <b>', 300, 150)
    assert svg == inline_svg(draw, 'A "chart" <b>', 300, 150)
    root = ElementTree.fromstring(svg)
    assert (root.tag, root.get("role"), root.get("aria-label")) == ("svg", "img", 'A "chart" <b>')
    assert "$a_1 & <b>" in [text.text for text in root.iter("text")]
    assert not {"style", "metadata", "script"} & {element.tag for element in root.iter()}
    assert not any(name == "style" or name.startswith("on") for element in root.iter() for name in element.attrib)
    assert {text.get("fill") for text in root.iter("text")} == {"currentColor"} and "#ffffff" not in svg
