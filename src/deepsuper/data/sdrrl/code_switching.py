"""Code-switching: replaces a share of a text's words by the aligned words of its translation."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.cluster.hierarchy import DisjointSet

from deepsuper.common.languages import UNSPACED_SCRIPTS
from deepsuper.common.scripts import script_of_character
from deepsuper.data.words import Lexicon, Token, tokens


@dataclass(frozen=True)
class Unit:
    """Words that translate each other: (start, end) of their characters in either text."""

    english: tuple[int, int]
    target: tuple[int, int]


def units(lexicon: Lexicon, english: str, target: str, language: str) -> list[Unit]:
    """What can be switched, in English order: words, or runs of words, that are linked only with each other.

    Identical words (a number, a name, a punctuation mark) are left out.
    """
    e, f = tokens(english, "en"), tokens(target, language)
    links = lexicon.align([token.form for token in e], [token.form for token in f])
    found = []
    for i, j in _groups(links):
        of_english, of_target = ([words[n].form for n in places] for words, places in ((e, i), (f, j)))
        letters = _has_letters(of_english) and _has_letters(of_target)
        if letters and of_english != of_target and _is_run(i) and _is_run(j):
            found.append(Unit(_place(e, i), _place(f, j)))
    return sorted(found, key=lambda unit: unit.english)


def choose(found: Sequence[Unit], share: float, rng: random.Random) -> list[Unit]:
    """A random `share` of the units; at least one, where there are units and the share is not 0."""
    count = min(len(found), max(1, round(share * len(found)))) if share else 0
    return rng.sample(list(found), count)


def switch_english(english: str, target: str, chosen: Sequence[Unit]) -> str:
    """The English text with the target words of the chosen units."""
    return _replace(english, [(unit.english, target[slice(*unit.target)]) for unit in chosen])


def switch_target(english: str, target: str, chosen: Sequence[Unit]) -> str:
    """The target text with the English words of the chosen units."""
    return _replace(target, [(unit.target, english[slice(*unit.english)]) for unit in chosen])


def _replace(text: str, changes: Sequence[tuple[tuple[int, int], str]]) -> str:
    done, end = "", 0
    for (start, stop), word in sorted(changes):
        done = _join(_join(done, text[end:start]), word)
        end = stop
    return _join(done, text[end:])


def _join(left: str, right: str) -> str:
    """Both texts joined, with a space where two words of scripts with spaces would run together."""
    return left + " " * (_spaced(left[-1:]) and _spaced(right[:1])) + right


def _spaced(character: str) -> bool:
    return character.isalnum() and script_of_character(character) not in UNSPACED_SCRIPTS


def _groups(links: Sequence[tuple[int, int]]) -> list[tuple[list[int], ...]]:
    """The connected components of the links, as indices on both sides."""
    words = DisjointSet((side, place) for link in links for side, place in enumerate(link))
    for i, j in links:
        words.merge((0, i), (1, j))
    return [tuple(sorted(n for of, n in group if of == side) for side in (0, 1)) for group in words.subsets()]


def _has_letters(words: Sequence[str]) -> bool:
    """Whether a word has a letter: punctuation and digits belong to no language."""
    return any(character.isalpha() for word in words for character in word)


def _is_run(places: Sequence[int]) -> bool:
    return places[-1] - places[0] == len(places) - 1


def _place(words: Sequence[Token], places: Sequence[int]) -> tuple[int, int]:
    return words[places[0]].start, words[places[-1]].end
