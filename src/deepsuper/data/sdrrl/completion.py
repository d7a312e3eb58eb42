"""Completion data: parallel sentences as instructions, in the target language, to translate or complete them."""

from deepsuper.common.languages import TRANSLATE, TRANSLATE_EN, name_of
from deepsuper.config import Completion, SdrrlConfig
from deepsuper.data.packaged import rows_path
from deepsuper.data.rows import Row
from deepsuper.data.texts import load_texts
from deepsuper.data.words import tokens

INSTRUCTIONS: dict[str, dict[Completion, str]] = {
    "zh": {"translate": TRANSLATE["zh"], "complete": "把下面的句子补充完整。"},
    "vi": {"translate": TRANSLATE["vi"], "complete": "Hoàn thành câu sau."},
    "ar": {"translate": TRANSLATE["ar"], "complete": "أكمل الجملة التالية."},
}
INSTRUCTIONS_EN: dict[Completion, str] = {"translate": TRANSLATE_EN, "complete": "Complete the following sentence."}
"""For other languages: in English, with the language's name."""


def completion_rows(language: str, parts: SdrrlConfig) -> dict[Completion, list[Row]]:
    """The rows of each kind that `parts.completion` names. Raises: UserError as `load_texts` does.

    A sentence to complete is cut in the middle of its words; one of a single word is left out.
    """
    if not parts.completion:
        return {}
    path = None if parts.sentences is None else rows_path(parts.sentences, "data.sdrrl.sentences")
    texts = load_texts(language, path, parallel="translate" in parts.completion)
    rows: dict[Completion, list[Row]] = {kind: [] for kind in parts.completion}
    for n, target in enumerate(texts.target):
        where = f"{texts.source}, sentence {n + 1}"
        if "translate" in rows:
            assert texts.english is not None, "asked for above"
            rows["translate"].append(_row("translate", language, n, texts.english[n], target, where))
        halves = in_halves(target, language)
        if "complete" in rows and halves is not None:
            rows["complete"].append(_row("complete", language, n, *halves, where))
    return rows


def in_halves(text: str, language: str) -> tuple[str, str] | None:
    """The text cut before its middle word, without the white space there; None where it has one word only."""
    words = tokens(text, language)
    if len(words) < 2:
        return None
    cut = words[len(words) // 2].start
    return text[:cut].rstrip(), text[cut:]


def _row(kind: Completion, language: str, number: int, given: str, answer: str, where: str) -> Row:
    instruction = INSTRUCTIONS.get(language, INSTRUCTIONS_EN)[kind].format(language=name_of(language))
    return Row(f"{kind}:{language}:{number}", language, instruction, given, answer, where=where)
