"""Rows -> token ids: the prompt around a question, and the answer with its end."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from deepsuper.common.errors import BadRow, UserError
from deepsuper.common.progress import progress as show_progress
from deepsuper.config import DataConfig
from deepsuper.config.objective import CorpusKind
from deepsuper.data.rows import FIELDS, TEXT_FIELDS, Row, SkippedRow, Skipper, as_text
from deepsuper.method.batch import EncodedRow, Side

TemplateName = Literal["alpaca", "plain", "chat"]

ALPACA_WITH_INPUT = (
    "Below is an instruction that describes a task, paired with an input that provides further context. "
    "Write a response that appropriately completes the request.\n\n"
    "### Instruction:\n{instruction}\n\n### Input:\n{input}\n\n### Response:"
)
ALPACA_WITHOUT_INPUT = (
    "Below is an instruction that describes a task. "
    "Write a response that appropriately completes the request.\n\n"
    "### Instruction:\n{instruction}\n\n### Response:"
)


def alpaca(instruction: str, context: str) -> str:
    """Stanford Alpaca's prompt: one with an input, one without."""
    return (ALPACA_WITH_INPUT if context else ALPACA_WITHOUT_INPUT).format(instruction=instruction, input=context)


def plain(instruction: str, context: str) -> str:
    """The context, if there is one, and the question, each on its own line; the answer follows."""
    return f"{context}\n{instruction}\n" if context else f"{instruction}\n"


@dataclass(frozen=True)
class Template:
    """Renders prompts and whole conversations for one tokenizer. Raises: UserError where it cannot."""

    name: TemplateName
    tokenizer: Any

    def __post_init__(self) -> None:
        if self.tokenizer.eos_token_id is None:
            raise UserError("the tokenizer has no EOS token, so the model could not learn to stop: set eos_token")
        if self.name == "chat" and not self.tokenizer.chat_template:
            raise UserError("data.template: chat, but the tokenizer has no chat template: choose alpaca or plain")

    def render(self, instruction: str, context: str) -> str:
        """The prompt x as text; generation continues after it."""
        if self.name == "chat":
            return self._chat([self._ask(instruction, context)], prompt=True)
        return {"alpaca": alpaca, "plain": plain}[self.name](instruction, context)

    def render_with(self, instruction: str, context: str, output: str) -> str:
        """The prompt and the answer y as one text, without a final EOS, unless a chat template writes it."""
        if self.name != "chat":
            return self.render(instruction, context) + output
        answer = {"role": "assistant", "content": output}
        return self._chat([self._ask(instruction, context), answer], prompt=False).rstrip()

    @property
    def add_special_tokens(self) -> bool:
        """Whether the tokenizer adds BOS; a chat template writes its own."""
        return self.name != "chat"

    @staticmethod
    def _ask(instruction: str, context: str) -> dict[str, str]:
        return {"role": "user", "content": f"{context}\n\n{instruction}" if context else instruction}

    def _chat(self, messages: list[dict[str, str]], *, prompt: bool) -> str:
        text: str = self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=prompt)
        return text


@dataclass
class Encoded:
    """Token ids of rows, how many answers the length limit truncated, and the rows that were skipped because of it."""

    rows: list[EncodedRow] = field(default_factory=list)
    cut: Counter[str] = field(default_factory=Counter)
    skipped: list[SkippedRow] = field(default_factory=list)


def encode_rows(
    rows: Sequence[Row], tokenizer: Any, data: DataConfig, kind: CorpusKind, *, progress: bool = False
) -> Encoded:
    """The rows as token ids, truncated to `data.max_length` tokens of prompt and answer.

    In an `english` corpus the English side is trained on; `both` makes two rows of each. Raises: UserError naming file
    and line where a prompt or text alone reaches the limit, unless `data.on_bad_row` is skip.
    """
    template, encoded = Template(data.template, tokenizer), Encoded()
    bad = Skipper(data.on_bad_row, encoded.skipped.append)
    encode = _encoder(template, data.max_length, encoded.cut, answers=kind != "pairs")
    batches = [rows[n : n + 500] for n in range(0, len(rows), 500)]
    for batch in show_progress(batches, "Tokenizing", shown=progress):
        targets = [(r.instruction, r.input, r.output) if not r.text else r.text for r in batch]
        english = [(r.instruction_en, r.input_en, r.output_en) if not r.text_en else r.text_en for r in batch]
        sides = [encode(targets, "")] if kind != "english" else []
        sides += [encode(english, "_en")] if kind != "translated" else []
        for row, *own in zip(batch, *sides, strict=True):
            problems = [side for side in own if isinstance(side, BadRow)]
            if problems:
                bad(row.where or row.id, problems[0], as_text(_fields(row)), shown=None)
            else:
                encoded.rows += _encoded(row, [side for side in own if isinstance(side, Side)], kind)
    return encoded


def _encoded(row: Row, sides: Sequence[Side], kind: CorpusKind) -> list[EncodedRow]:
    """The row of one or both sides, or a row of each side."""
    if kind == "both":
        return [EncodedRow(row.id, row.language, sides[0]), EncodedRow(f"{row.id} (English)", "en", sides[1])]
    return [EncodedRow(row.id, row.language, *sides)]


def _fields(row: Row) -> dict[str, str]:
    """The row as in its file, without fields that the corpus did not read."""
    names = FIELDS["parallel"] + TEXT_FIELDS
    return {"id": row.id} | {name: text for name in names if (text := getattr(row, name))}


Exchange = tuple[str, str, str] | str
"""Instruction, input and answer; or a text of its own."""


def _encoder(
    template: Template, limit: int, cut: Counter[str], *, answers: bool
) -> Callable[[Sequence[Exchange], str], list[Side | BadRow]]:
    """A function from texts to sides, or to what is wrong with a text. `answers` false: to sides without an answer."""
    special = frozenset(template.tokenizer.all_special_ids)

    def encode(texts: Sequence[Exchange], suffix: str) -> list[Side | BadRow]:
        prompts = [text if isinstance(text, str) else template.render(*text[:2]) for text in texts]
        queries = _tokenize(template, prompts)
        if not answers:
            return [_text_side(query, special, limit) for query in queries]
        wholes = [template.render_with(*text) for text in texts]
        alone = [_answer_behind(prompt, whole) for prompt, whole in zip(prompts, wholes, strict=True)]
        sides: list[Side | BadRow] = []
        tokens = zip(queries, _tokenize(template, wholes), _tokenize(template, alone, bare=True), strict=True)
        for query, whole, answer in tokens:
            # The answer's tokens in the whole text, unless one token spans the end of the prompt.
            response = whole[len(query) :] if whole[: len(query)] == query else answer
            if not response or response[-1] not in special:
                response = [*response, template.tokenizer.eos_token_id]
            cut[f"output{suffix}"] += len(query) < limit < len(query) + len(response)
            sides.append(_side(query, response, special, limit))
        return sides

    return encode


def _answer_behind(prompt: str, whole: str) -> str:
    """The text of the answer. Raises: UserError where the conversation does not begin with its prompt."""
    if not whole.startswith(prompt):
        raise UserError(
            "data.template: chat, but a conversation of the tokenizer's chat template does not begin with its prompt, "
            f"which ends in {prompt[-20:]!r}: choose alpaca or plain, or change chat_template in the model's folder"
        )
    return whole[len(prompt) :]


def _tokenize(template: Template, texts: Iterable[str], *, bare: bool = False) -> list[list[int]]:
    special = template.add_special_tokens and not bare
    ids: list[list[int]] = template.tokenizer(
        list(texts), add_special_tokens=special, return_attention_mask=False, verbose=False
    )["input_ids"]
    eos = template.tokenizer.eos_token_id
    # Some tokenizers end every text with EOS. A prompt must not end; EOS of the answer is added above.
    return [text[:-1] if special and text and text[-1] == eos and len(text) > 1 else text for text in ids]


def _side(query: list[int], response: list[int], special: frozenset[int], limit: int) -> Side | BadRow:
    if len(query) >= limit:
        return BadRow(
            f"the prompt alone has {len(query)} tokens, which leaves none of data.max_length {limit} for the answer: "
            "raise it"
        )
    return Side(tuple(query), tuple(response[: limit - len(query)]), _content(query, special))


def _text_side(text: list[int], special: frozenset[int], limit: int) -> Side | BadRow:
    """A side that is compared with its translation and has no answer."""
    content = _content(text, special)
    if len(text) > limit:
        return BadRow(f"the text has {len(text)} tokens, more than data.max_length {limit}: raise it")
    if not any(content):
        return BadRow("the text has no token to compare, because the first one is left out: need a longer text")
    return Side(tuple(text), (), content)


def _content(tokens: list[int], special: frozenset[int]) -> tuple[bool, ...]:
    """Which tokens are pooled: neither the first one, whose state is an attention sink, nor special ones."""
    return tuple(position > 0 and token not in special for position, token in enumerate(tokens))
