"""The words of a vocabulary: their text, their script, and whether they are English or of the target language."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch

from deepsuper.common.scripts import _BYTE, BYTES, NONE, script_of

LEAST_RATIO = 10.0
"""A Latin word belongs to a language if it is this many times as frequent in its text as in the other's."""


def token_texts(tokenizer: Any, ids: Sequence[int]) -> list[str]:
    """The text of each token: a leading space as "▁", a line end as "↵", bytes as "<0xE4>"."""
    raw = tokenizer.convert_ids_to_tokens(list(ids))
    decoded = tokenizer.batch_decode([[n] for n in ids], clean_up_tokenization_spaces=False)
    return [_show(piece, text) for piece, text in zip(raw, decoded, strict=True)]


def _show(raw: str | None, text: str) -> str:
    if raw is None:
        return ""
    if _BYTE.fullmatch(raw):
        return raw
    if "\ufffd" in text and "\ufffd" not in raw:
        return "".join(f"<0x{byte:02X}>" for byte in _raw_bytes(raw))
    if raw.startswith("▁") and not text.startswith(" "):  # sentencepiece drops a text's first space
        text = " " + text
    return text.replace(" ", "▁").replace("\n", "↵")


def _raw_bytes(raw: str) -> bytes:
    """The bytes of a token of a byte-level vocabulary, in which one printable character stands for each byte."""
    table = _byte_characters()
    return bytes(table[c] for c in raw) if all(c in table for c in raw) else raw.encode("utf-8")


@lru_cache(maxsize=1)
def _byte_characters() -> dict[str, int]:
    """GPT-2's alphabet, character -> byte: printable bytes are themselves, the others the characters from 256 on."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(b): b for b in printable} | {chr(256 + n): byte for n, byte in enumerate(others)}


@dataclass(frozen=True)
class Groups:
    """The words of a vocabulary, each in one group. Shape of `of`: (V,), an index into `names`."""

    names: tuple[str, ...]
    of: torch.Tensor

    def one_hot(self) -> torch.Tensor:
        """The share of each word in each group. Shape: (V, G)."""
        return torch.nn.functional.one_hot(self.of, len(self.names)).float()


ENGLISH, TARGET, SHARED, OTHER = "English", "target", "other Latin", "other scripts"
GROUPS = (ENGLISH, TARGET, SHARED, BYTES, OTHER, NONE)


def group_words(tokenizer: Any, size: int, target: Iterable[str], english: Iterable[str]) -> Groups:
    """Which of the `size` words of W_out are English, of the target language, or neither.

    English words are those of English texts, because an untrained lens predicts many Latin pieces of no language. A
    target language of another script is recognized by its script. A target language in Latin script is recognized by
    letters and words that are frequent in its texts and rare in English ones. Other Latin pieces are `SHARED`.
    `target` and `english` are texts. Rows of W_out without a token in the tokenizer belong to no language.
    """
    target, english = list(target), list(english)
    script = script_of("".join(target))
    known = min(size, len(tokenizer))
    texts = token_texts(tokenizer, range(known))
    special = set(tokenizer.all_special_ids)
    lists = _WordLists.of(target, english, letters=script == "Latin")
    indices = [GROUPS.index(NONE if n in special else _group(text, script, lists)) for n, text in enumerate(texts)] + [
        GROUPS.index(NONE)
    ] * (size - known)
    return Groups(GROUPS, torch.tensor(indices))


def _group(text: str, script: str, lists: "_WordLists") -> str:
    own = script_of(text)
    if own in (BYTES, NONE):
        return own
    if own != "Latin":
        return TARGET if own == script else OTHER
    return lists.group(text.strip("▁↵").lower())


@dataclass(frozen=True)
class _WordLists:
    """How words of Latin script are assigned: letters of the target language, and words of each language."""

    letters: frozenset[str]
    target: frozenset[str]
    english: frozenset[str]

    @classmethod
    def of(cls, target: Sequence[str], english: Sequence[str], *, letters: bool) -> "_WordLists":
        """The lists from texts of both languages. `letters`: the target language has Latin script."""
        ours, theirs = _word_counts(target), _word_counts(english)
        if not letters:
            return cls(frozenset(), frozenset(), frozenset(word for word in theirs if word.isascii()))
        own = frozenset("".join(ours)) - frozenset("".join(theirs))
        mine, yours = (
            frozenset(
                word
                for word, count in a.items()
                if count / a.total() >= LEAST_RATIO * max(b[word], 0.5) / max(b.total(), 1)
            )
            for a, b in ((ours, theirs), (theirs, ours))
        )
        return cls(own, mine, yours)

    def group(self, word: str) -> str:
        word = unicodedata.normalize("NFC", word)
        if word in self.target or any(c in self.letters for c in word):
            return TARGET
        return ENGLISH if word in self.english else SHARED


def _word_counts(texts: Iterable[str]) -> Counter[str]:
    # Names are in any language: words with a capital inside a sentence do not count.
    words: Counter[str] = Counter()
    for text in texts:
        for n, word in enumerate(re.findall(r"[^\W\d_]+", unicodedata.normalize("NFC", text))):
            # Single letters are parts of many words ("U.S.", "it's"); only English "a" and "I" are words themselves.
            if len(word) > 1 and (n == 0 or word.islower()):
                words[word.lower()] += 1
    return words
