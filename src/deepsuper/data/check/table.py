"""The table of checks. A new check is a function of the rows, in a module of this folder, and a line here."""

from deepsuper.data.check.alignment import alignment
from deepsuper.data.check.contamination import contaminated
from deepsuper.data.check.duplicates import duplicates, near_duplicates, repeated_questions
from deepsuper.data.check.findings import Reason
from deepsuper.data.check.languages import wrong_language
from deepsuper.data.check.lengths import length_ratio, truncated
from deepsuper.data.check.markup import addresses, code, garbled, markup, no_answer, numbers, placeholders
from deepsuper.data.check.reading import READING
from deepsuper.data.check.untranslated import english_form, partly_untranslated, untranslated

CHECKS = {
    # Slow checks first: several processes take them in this order.
    "alignment": Reason("error", "the two sides hardly translate each other", alignment),
    "contaminated": Reason("error", "text of an evaluation set", contaminated),
    "near_duplicate": Reason("warning", "most of its text is in an earlier row", near_duplicates),
    "wrong_language": Reason("error", "a side is in another language or script", wrong_language),
    "partly_untranslated": Reason("warning", "an English sentence in the other side's answer", partly_untranslated),
    "untranslated": Reason("error", "both sides are the same English text", untranslated),
    "duplicate": Reason("error", "the prompt and the answer of an earlier row", duplicates),
    "repeated_question": Reason("warning", "the prompt of an earlier row, with another answer", repeated_questions),
    "no_answer": Reason("error", "a mark such as N/A in place of an answer", no_answer),
    "truncated": Reason("error", "one side's answer stops in mid-sentence", truncated),
    "length_ratio": Reason("error", "far longer or shorter than usual for its English version", length_ratio),
    "garbled": Reason("error", "wrongly decoded characters, or HTML entities", garbled),
    "code": Reason("error", "words of a program are translated", code),
    "english_form": Reason(
        "warning", "a task about the form of English words, which the translation lacks", english_form
    ),
    "placeholder": Reason("warning", "a blank or a placeholder is lost", placeholders),
    "markup": Reason("warning", "tags are lost", markup),
    "address": Reason("warning", "a web or mail address is lost", addresses),
    "number": Reason("warning", "most numbers are lost", numbers),
}
REASONS = {**READING, **CHECKS}
