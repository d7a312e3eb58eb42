"""What a word of a vocabulary is: script, text, language."""

from __future__ import annotations

import pytest

from deepsuper.common.scripts import BYTES, NONE, script_of
from deepsuper.data.texts import load_texts
from deepsuper.inside.vocabulary import ENGLISH, OTHER, SHARED, TARGET, group_words, token_texts


class Words:
    """A tokenizer of the given pieces, as far as a vocabulary is read."""

    def __init__(self, *pieces: str) -> None:
        self.pieces, self.all_special_ids = ["<s>", *pieces], [0]

    def __len__(self) -> int:
        return len(self.pieces)

    def convert_ids_to_tokens(self, ids):
        return [self.pieces[n] for n in ids]

    def batch_decode(self, ids, **_):
        return [self.pieces[n[0]].replace("▁", " ").replace("Ġ", " ") for n in ids]


@pytest.mark.parametrize(
    ("text", "script"),
    [("Paris", "Latin"), ("đường", "Latin"), ("法国", "Han"), ("باريس", "Arabic"), ("Москва", "Cyrillic"),
     ("かな", "Hiragana"), ("12, 3!", NONE), ("<0xE4>", BYTES), ("\ufffd", BYTES), ("a法国", "Han"), ("", NONE)],
)  # fmt: skip
def test_script(text, script):
    assert script_of(text) == script


def groups_of(language: str, *pieces: str) -> dict[str, str]:
    texts = load_texts(language, parallel=True)
    groups = group_words(Words(*pieces), len(pieces) + 3, texts.target, texts.english)
    assert groups.one_hot().sum(dim=1).eq(1).all() and groups.names[groups.of[0]] == NONE  # special
    assert [groups.names[n] for n in groups.of[-2:]] == [NONE, NONE]  # rows that the tokenizer does not know
    return {piece: groups.names[n] for piece, n in zip(pieces, groups.of[1:], strict=False)}


def test_a_language_of_its_own_script_is_known_by_it():
    pieces = ("▁the", "法国", "نص", "<0xE4>", "42", "skine", "s")
    rest = (BYTES, NONE, SHARED, SHARED)  # a Latin piece alone is no English word
    assert groups_of("zh", *pieces) == dict(zip(pieces, (ENGLISH, TARGET, OTHER, *rest), strict=True))
    assert groups_of("ar", *pieces) == dict(zip(pieces, (ENGLISH, OTHER, TARGET, *rest), strict=True))


def test_vietnamese_is_known_by_letters_and_by_words():
    pieces = ("▁người", "▁trong", "▁Nhanh", "ế", "▁the", "▁with", "zq", "法")
    want = (TARGET, TARGET, TARGET, TARGET, ENGLISH, ENGLISH, SHARED, OTHER)
    assert groups_of("vi", *pieces) == dict(zip(pieces, want, strict=True))


def test_pieces_look_as_they_are():
    class Bytes(Words):
        def batch_decode(self, ids, **_):
            return ["\ufffd" if self.pieces[n[0]] == "æ³" else super(Bytes, self).batch_decode([n])[0] for n in ids]

    words = Bytes("▁of", "Ġof", "<0x0A>", "\n", "æ³")
    assert token_texts(words, [1, 2, 3, 4, 5]) == ["▁of", "▁of", "<0x0A>", "↵", "<0xE6><0xB3>"]
