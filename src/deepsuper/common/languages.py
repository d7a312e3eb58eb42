"""Languages by their ISO 639-1 code: English names for prompts, codes of models and data sets, scripts."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from deepsuper.common.errors import nearest


@dataclass(frozen=True)
class Language:
    """`name` in English; `flores`: the code of NLLB and FLORES-200; `mbart`: of mBART-50 if it has it.

    `scripts`: the names that Unicode gives its letters. `others`: ISO 639-3 codes that it has beside that of FLORES.
    """

    name: str
    flores: str
    mbart: str | None
    scripts: tuple[str, ...] = ("Latin",)
    others: tuple[str, ...] = ()


LANGUAGES = {
    "en": Language("English", "eng_Latn", "en_XX"),
    "zh": Language("Chinese", "zho_Hans", "zh_CN", ("Han",), ("cmn",)),
    "vi": Language("Vietnamese", "vie_Latn", "vi_VN"),
    "ar": Language("Arabic", "arb_Arab", "ar_AR", ("Arabic",), ("ara",)),
    "bn": Language("Bengali", "ben_Beng", "bn_IN", ("Bengali",)),
    "de": Language("German", "deu_Latn", "de_DE"),
    "el": Language("Greek", "ell_Grek", None, ("Greek",)),
    "es": Language("Spanish", "spa_Latn", "es_XX"),
    "fa": Language("Persian", "pes_Arab", "fa_IR", ("Arabic",), ("fas",)),
    "fr": Language("French", "fra_Latn", "fr_XX"),
    "he": Language("Hebrew", "heb_Hebr", "he_IL", ("Hebrew",)),
    "hi": Language("Hindi", "hin_Deva", "hi_IN", ("Devanagari",)),
    "id": Language("Indonesian", "ind_Latn", "id_ID"),
    "it": Language("Italian", "ita_Latn", "it_IT"),
    "ja": Language("Japanese", "jpn_Jpan", "ja_XX", ("Han", "Hiragana", "Katakana")),
    "km": Language("Khmer", "khm_Khmr", "km_KH", ("Khmer",)),
    "ko": Language("Korean", "kor_Hang", "ko_KR", ("Hangul", "Han")),
    "lo": Language("Lao", "lao_Laoo", None, ("Lao",)),
    "ms": Language("Malay", "zsm_Latn", None, others=("msa",)),
    "my": Language("Burmese", "mya_Mymr", "my_MM", ("Myanmar",)),
    "nl": Language("Dutch", "nld_Latn", "nl_XX"),
    "pl": Language("Polish", "pol_Latn", "pl_PL"),
    "pt": Language("Portuguese", "por_Latn", "pt_XX"),
    "ru": Language("Russian", "rus_Cyrl", "ru_RU", ("Cyrillic",)),
    "sw": Language("Swahili", "swh_Latn", "sw_KE", others=("swa",)),
    "ta": Language("Tamil", "tam_Taml", "ta_IN", ("Tamil",)),
    "te": Language("Telugu", "tel_Telu", "te_IN", ("Telugu",)),
    "th": Language("Thai", "tha_Thai", "th_TH", ("Thai",)),
    "tl": Language("Tagalog", "tgl_Latn", "tl_XX"),
    "tr": Language("Turkish", "tur_Latn", "tr_TR"),
    "uk": Language("Ukrainian", "ukr_Cyrl", "uk_UA", ("Cyrillic",)),
    "ur": Language("Urdu", "urd_Arab", "ur_PK", ("Arabic",)),
}

UNSPACED_SCRIPTS = {
    "Hiragana": "\u3040-\u309f",
    "Katakana": "\u30a0-\u30ff",
    "Han": "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff",
    "Thai": "\u0e00-\u0e7f",
    "Lao": "\u0e80-\u0eff",
    "Myanmar": "\u1000-\u109f",
    "Khmer": "\u1780-\u17ff",
}
"""Scripts that put no spaces between words, by their names in Unicode, each with its letters as ranges of a pattern."""

TRANSLATE = {
    "zh": "把下面的英文句子翻译成中文。",
    "vi": "Dịch câu tiếng Anh sau sang tiếng Việt.",
    "ar": "ترجم الجملة الإنجليزية التالية إلى العربية.",
}
"""The instruction to translate an English sentence into a language, in that language."""
TRANSLATE_EN = "Translate the following English sentence into {language}."
"""The same in English, with the language's English name."""

FUNCTION_WORDS = frozenset((
    "the", "of", "and", "to", "a", "in", "is", "for", "that", "with", "are", "on", "as", "be", "it", "this",
    "by", "an", "from", "or", "you", "your", "can", "what", "which", "how", "not", "he", "she", "was", "were",
    "will", "have", "has",
))  # fmt: skip
"""English words that nearly every English text has some of."""


def name_of(code: str) -> str:
    """The language's English name for a prompt; a language that is not in the table goes by what the user calls it."""
    return LANGUAGES[code].name if code in LANGUAGES else code


def scripts_of(code: str) -> tuple[str, ...]:
    """The scripts it is written in; none where that is not known."""
    return LANGUAGES[code].scripts if code in LANGUAGES else ()


def codes_of(code: str) -> Iterator[str]:
    """What many-language models may call it, the likeliest first."""
    if code in LANGUAGES:
        yield LANGUAGES[code].flores
        if LANGUAGES[code].mbart is not None:
            yield str(LANGUAGES[code].mbart)
    yield code


def names_in_data(code: str) -> tuple[str, ...]:
    """What data sets call it: its own code, and those of ISO 639-3, by which Aya and FLORES-200 name languages."""
    if code not in LANGUAGES:
        return (code,)
    return (code, LANGUAGES[code].flores.split("_")[0], *LANGUAGES[code].others)


def is_code(text: str) -> bool:
    """Whether a text can be the code of a language, in the table or not: `zh`, `pt-BR`, `zho_Hans`; no name."""
    return re.fullmatch(r"[a-z]{2,3}([-_][A-Za-z0-9]{2,8})*", text) is not None


@lru_cache(maxsize=16)
def identifier(languages: frozenset[str]) -> Any:
    """A language identifier that chooses among these alone. It is our own: py3langid's is anybody's to change."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    made = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    made.set_languages(languages & set(made.labels))
    return made


def meant_code(text: str) -> str | None:
    """The code of the language that a text names, by a name, a similar name or another code, in any case; else None."""
    wanted = text.strip().casefold()
    named = {language.name.casefold(): code for code, language in LANGUAGES.items()}
    for candidates in (named, {other.casefold(): code for code in LANGUAGES for other in codes_of(code)}):
        if wanted in candidates:
            return candidates[wanted]
    close = nearest(wanted, named, cutoff=0.7)
    return None if close is None else named[close]


def nearest_code(text: str) -> str:
    """The code of the language that a text may mean; Chinese where it names none: an example for a message."""
    return meant_code(text) or "zh"
