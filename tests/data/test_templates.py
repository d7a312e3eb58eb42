"""The laws of rendering: the prompt is what generation will see, the answer is learnt with its end."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsuper.config import DataConfig
from deepsuper.data.rows import FIELDS, Row, write_skipped
from deepsuper.data.templates import ALPACA_WITH_INPUT, Template, encode_rows
from tiny import make_tokenizer

ROW = Row("a", "zh", "How?", "here", "So.", "Wie?", "", "Aha", where="file:3")
CHAT = (
    "{% for m in messages %}[{{ m['role'] }}]{{ m['content'] }}</s>{% endfor %}"
    "{% if add_generation_prompt %}[assistant]{% endif %}"
)


def data(**kwargs):
    return DataConfig(train=[], **{"template": "plain", "max_length": 64, **kwargs})


def test_alpaca_is_stanfords_prompt():
    template = Template("alpaca", make_tokenizer())
    assert template.render("Do", "x") == ALPACA_WITH_INPUT.replace("{instruction}", "Do").replace("{input}", "x")
    assert "### Input" not in template.render("Do", "") and template.render("Do", "").endswith("### Response:")
    assert template.render("{input}", "{instruction}").count("{input}") == 1


def test_a_side_is_prompt_then_answer_then_end():
    tokenizer = make_tokenizer()
    (row,) = encode_rows([ROW], tokenizer, data(), "parallel").rows
    assert list(row.tgt.query) == tokenizer("here\nHow?\n")["input_ids"]
    assert list(row.tgt.response) == [*tokenizer("So.", add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
    assert row.en is not None and tokenizer.decode(row.en.response) == "Aha</s>"
    # Neither BOS nor the unknown newline, a special token here, is pooled.
    assert row.tgt.content[0] is False and sum(row.tgt.content) == len("hereHow?")


def test_a_chat_template_writes_its_own_special_tokens():
    tokenizer = make_tokenizer()
    tokenizer.chat_template = CHAT
    (row,) = encode_rows([ROW], tokenizer, data(template="chat"), "translated").rows
    assert tokenizer.decode(row.tgt.response) == "So.</s>"
    assert tokenizer.decode(row.tgt.query).endswith("[assistant]")
    assert tokenizer.bos_token_id not in row.tgt.query


@pytest.mark.parametrize("on_bad_row", ["error", "skip"])
def test_a_chat_template_whose_answers_do_not_follow_its_prompts_is_refused(on_bad_row):
    tokenizer = make_tokenizer()
    tokenizer.chat_template = CHAT.replace("[assistant]{% endif", "[assistant]<think>{% endif")
    with pytest.raises(ValueError, match=r"does not begin with its prompt, which ends in .*<think>.*choose alpaca"):
        encode_rows([ROW], tokenizer, data(template="chat", on_bad_row=on_bad_row), "translated")


def test_a_tokenizer_that_cannot_serve_is_refused():
    tokenizer = make_tokenizer()
    with pytest.raises(ValueError, match="no chat template: choose alpaca or plain"):
        Template("chat", tokenizer)
    tokenizer.eos_token = None
    with pytest.raises(ValueError, match="no EOS"):
        Template("plain", tokenizer)


def test_each_corpus_trains_on_its_own_side():
    tokenizer = make_tokenizer()
    sides = {
        kind: encode_rows([ROW], tokenizer, data(), kind).rows[0] for kind in ("english", "translated", "parallel")
    }
    assert tokenizer.decode(sides["english"].tgt.response) == "Aha</s>" and sides["english"].en is None
    assert tokenizer.decode(sides["translated"].tgt.response) == "So.</s>" and sides["translated"].en is None
    assert sides["parallel"].tgt == sides["translated"].tgt and sides["parallel"].en == sides["english"].tgt


def test_a_cut_answer_is_counted_and_does_not_learn_to_stop():
    tokenizer = make_tokenizer()
    encoded = encode_rows([ROW], tokenizer, data(max_length=13), "translated")
    (row,) = encoded.rows
    assert len(row.tgt.query) + len(row.tgt.response) == 13 and row.tgt.response[-1] != tokenizer.eos_token_id
    assert dict(encoded.cut) == {"output": 1}
    assert not sum(encode_rows([ROW], tokenizer, data(max_length=15), "translated").cut.values())


@pytest.mark.parametrize("limit", [2, 11])
def test_a_row_that_loses_its_whole_answer_is_named_or_skipped(limit):
    tokenizer = make_tokenizer()
    with pytest.raises(ValueError, match=f"^file:3: the prompt alone has 11 tokens.*max_length {limit}.*raise"):
        encode_rows([ROW], tokenizer, data(max_length=limit), "parallel")
    encoded = encode_rows([ROW], tokenizer, data(max_length=limit, on_bad_row="skip"), "parallel")
    assert not encoded.rows and [s.where for s in encoded.skipped] == ["file:3"]


def test_a_row_that_is_skipped_for_its_length_is_kept_whole(tmp_path):
    row = replace(ROW, instruction="问题" * 2000, input="\u2028")
    encoded = encode_rows([row], make_tokenizer(), data(max_length=20, on_bad_row="skip"), "translated")
    write_skipped(encoded.skipped, tmp_path / "skipped.jsonl")
    written = (tmp_path / "skipped.jsonl").read_text(encoding="utf-8")
    assert "问题" in written and len(written.splitlines()) == 1
    kept = json.loads(json.loads(written)["text"])
    assert kept == {name: getattr(row, name) for name in ("id", *FIELDS["parallel"]) if getattr(row, name)}


WORDS = st.text(alphabet="abc xyz.", min_size=1, max_size=12)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(WORDS, WORDS, WORDS), min_size=1, max_size=5), st.integers(4, 40))
def test_every_row_is_encoded_within_the_limit_or_skipped(texts, limit):
    rows = [Row(str(n), "zh", a, b, c, c, "", a) for n, (a, b, c) in enumerate(texts)]
    encoded = encode_rows(rows, make_tokenizer(), data(max_length=limit, on_bad_row="skip"), "parallel")
    assert len(encoded.rows) + len(encoded.skipped) == len(rows)
    for row in encoded.rows:
        for side in (row.tgt, row.en):
            assert len(side.response) > 0 and len(side.query) + len(side.response) <= limit
