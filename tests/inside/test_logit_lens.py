"""The logit lens: its numbers, its terminal table, and its page in a real headless Chromium."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
import torch
from rich.console import Console

from browser import headless, needs_chromium
from deepsuper.cli import main
from deepsuper.inside.logit_lens import Cell, View, read_text
from deepsuper.inside.logit_lens.page import as_data, make_page, write_page
from deepsuper.inside.logit_lens.report import print_view
from failing import fail
from runs import make_run
from tiny import make_model, make_tokenizer

ARABIC, ATTACK = "السلام", "</script><img src=x onerror=\"document.title='broken'\"><b>{{ 7 * 7 }}&\u2028"


def made_up(name: str, shift: float) -> View:
    """A view of three layers and four positions whose tokens are hard to show."""
    tokens = ("<s>", "法国", ARABIC, ATTACK)
    cells = tuple(
        tuple(
            Cell(
                1.0 + layer + 0.25 * position + shift,
                (
                    (token, 0.5 + 0.1 * layer, "Latin"),
                    ("<0xE4><0xBD>", 0.2, "bytes"),
                    (f"{name} {layer}", 0.1, "Latin"),
                ),
            )
            for position, token in enumerate(reversed(tokens))
        )
        for layer in range(3)
    )
    return View(name, f"text {ATTACK}", tokens, cells)


@pytest.mark.parametrize("family", ["llama", "gemma2"])
def test_the_last_layer_is_the_models_own_prediction(family):
    model, tokenizer = make_model(family).eval(), make_tokenizer()
    view = read_text(model, tokenizer, "some words", name="tiny", top=3)
    ids = torch.tensor([tokenizer("some words")["input_ids"]])
    p = model(input_ids=ids).logits[0].softmax(dim=-1)
    assert len(view.cells) == 5 and len(view.cells[0]) == len(view.tokens) == ids.shape[1]
    for position, cell in enumerate(view.cells[-1]):
        best = p[position].topk(3)
        assert [q for _, q, _ in cell.top] == pytest.approx(best.values.tolist(), rel=1e-4)
        assert cell.entropy == pytest.approx(torch.special.entr(p[position]).sum().item(), rel=1e-4)


def test_the_terminal_shows_every_position_and_layer_with_markup_as_text():
    out = io.StringIO()
    view = made_up("one", 0.0)
    tokens = ("[bold]a", *view.tokens[1:])
    print_view(Console(file=out, width=40), replace(view, tokens=tokens))
    said = out.getvalue()
    assert "positions 0 to 1" in said and "positions 2 to 3" in said and "[bold]a" in said
    assert said.count(" 70 ") >= 4 and "法国" in said


def test_no_token_can_leave_its_place_in_the_page():
    page = make_page([made_up("one", 0.0)])
    assert page.count("<script") == 2 and page.count("</script>") == 2 and "<img" not in page
    start = page.index('id="data">') + len('id="data">')
    data = json.loads(page[start : page.index("</script>", start)])
    assert data["tokens"][3] == ATTACK


@pytest.fixture(scope="module")
def browser():
    with headless() as chromium:
        yield chromium


@pytest.fixture
def page(browser, tmp_path):
    """The page of a base and a tuned view, open in a browser, with everything that went wrong in it."""
    views = [made_up("base model", 0.0), made_up("tuned model", 0.5)]
    write_page(tmp_path / "lens.html", views)
    opened = browser.new_page()
    opened.problems = []
    opened.on("pageerror", lambda error: opened.problems.append(str(error)))
    opened.on("console", lambda message: opened.problems.append(message.text) if message.type == "error" else None)
    opened.goto((tmp_path / "lens.html").as_uri())
    yield opened
    assert opened.problems == []
    opened.close()


@pytest.mark.slow
@needs_chromium
def test_the_cells_of_the_page_are_the_numbers(page):
    data = as_data([made_up("base model", 0.0), made_up("tuned model", 0.5)])
    assert page.locator("#grid tbody tr").count() == 3 and page.locator("#grid td").count() == 12
    assert page.locator("#grid thead bdi").all_text_contents() == list(data["tokens"])
    for layer in range(3):
        for position in range(4):
            cell = page.locator(f'td[data-layer="{layer}"][data-position="{position}"]')
            want = data["models"][1]["cells"][layer][position]
            assert cell.text_content() == want["top"][0][0]
            cell.hover()
            panel = page.locator("#panel")
            assert f"layer {layer}, position {position}" in panel.locator("h2").text_content()
            assert f"entropy {want['entropy']:.3f} nats" in panel.text_content()
            numbers = panel.locator("table").nth(1).locator("td.number").all_text_contents()
            assert numbers == [f"{p:.4f}" for _, p, _ in want["top"]]


@pytest.mark.slow
@needs_chromium
def test_nothing_in_a_token_runs_and_nothing_is_fetched(page):
    assert page.title() == "Logit lens" and page.locator("img").count() == 0
    assert page.locator("td", has_text="onerror").first.text_content() == ATTACK
    assert page.evaluate("performance.getEntriesByType('resource').length") == 0
    make = "const s = document.createElement('script'); s.textContent = 'document.title = 1'; document.body.append(s)"
    page.evaluate(f"() => {{ {make} }}")
    assert page.title() == "Logit lens"
    assert any("Content Security Policy" in problem for problem in page.problems)
    page.problems.clear()


@needs_chromium
def test_arabic_runs_from_right_to_left_and_byte_pieces_as_they_are(page):
    cell = page.locator("td bdi", has_text=ARABIC).first
    assert cell.evaluate("cell => getComputedStyle(cell).direction") == "rtl"
    assert page.locator("td bdi", has_text="法国").first.evaluate("cell => getComputedStyle(cell).direction") == "ltr"
    byte = page.locator("#panel .byte").first
    assert byte.text_content() == "<0xE4><0xBD>" and "mono" in byte.evaluate("e => getComputedStyle(e).fontFamily")


@pytest.mark.slow
@needs_chromium
def test_keys_walk_through_the_cells_and_switch_views(page):
    def focused():
        return page.evaluate("[+document.activeElement.dataset.layer, +document.activeElement.dataset.position]")

    for key, want in [("ArrowRight", [2, 1]), ("ArrowDown", [1, 1]), ("End", [1, 3]), ("ArrowRight", [1, 3]),
                      ("PageDown", [0, 3]), ("ArrowUp", [1, 3]), ("Home", [1, 0]), ("PageUp", [2, 0])]:  # fmt: skip
        page.keyboard.press(key)
        assert focused() == want
    colour = "cell => getComputedStyle(cell).backgroundColor"
    cell = page.locator('td[data-layer="1"][data-position="1"]')
    tuned = cell.evaluate(colour)
    for key, view in (("b", "base"), ("c", "change"), ("t", "tuned")):
        page.keyboard.press(key)
        assert page.locator('#models button[aria-pressed="true"]').text_content() == view
        assert (cell.evaluate(colour) == tuned) == (view == "tuned")
    page.keyboard.press("s")
    assert cell.evaluate(colour) == "rgb(96, 165, 250)"  # Latin


@needs_chromium
def test_a_click_and_the_buttons_do_the_same(page):
    page.locator("#colours button", has_text="probability").click()
    assert page.locator('#colours button[aria-pressed="true"]').text_content() == "probability"
    page.locator('td[data-layer="0"][data-position="2"]').click()
    assert "layer 0, position 2" in page.locator("#panel h2").text_content()


def test_the_command_prints_and_writes_a_page(tmp_path, capsys):
    name, page = make_run(tmp_path).model.name, tmp_path / "pages" / "lens.html"
    main(["lens", name, "some words", "--tuned", name, "--html", str(page), "--top", "2"])
    assert "positions 0 to" in capsys.readouterr().out
    text = page.read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>") and text.count('"name":') == 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([" "], "text: need at least one token, got ' '"),
        (["some words", "--top", "0"], "top: need 1 <= top <= 100, got 0"),
        (["some words", "--max_length", "3"], "text: has 11 tokens, need at most 3"),
    ],
)
def test_a_mistake_ends_in_one_line(tmp_path, capsys, options, words):
    assert words in fail(capsys, "lens", make_run(tmp_path).model.name, *options)
