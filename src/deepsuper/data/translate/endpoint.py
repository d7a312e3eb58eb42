"""Translations from an endpoint that speaks the OpenAI protocol."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Any

from deepsuper.common.errors import UserError
from deepsuper.common.languages import name_of
from deepsuper.config.translate import PROMPT, TranslateConfig
from deepsuper.data.translate.answers import Answer
from deepsuper.data.translate.translators import Batch, clean, fill

UNREACHABLE = "unreachable"
"""Begins the problem of a question that no answer came to, after all retries of the client."""


class EndpointTranslator:
    """Asks one question for each text, several at a time. The client retries 429, 5xx and lost connections itself."""

    lines = False

    def __init__(self, config: TranslateConfig) -> None:
        """Raises: UserError where the package is missing."""
        try:
            import openai
        except ImportError as error:
            raise UserError("endpoint: needs the package openai: pip install 'deepsuper[data]'") from error
        self._config = config
        self._prompt = config.prompt or PROMPT
        names = (name_of("en"), name_of(config.language))
        self._source, self._target = names if config.to == "target" else names[::-1]
        self._answered, self._lost = False, 0
        self._client: Any = openai.OpenAI(
            base_url=config.endpoint,
            # Servers on one's own machine ask for no key, but the client wants one.
            api_key=os.environ.get("OPENAI_API_KEY") or "none",
            max_retries=config.http_retries,
            timeout=config.timeout,
        )
        asked = fill(self._prompt, "{text}", self._source, self._target)
        self.maker = json.dumps(["endpoint", config.endpoint_model, asked, config.max_new_tokens])

    def translate(self, texts: Sequence[str], attempt: int) -> Iterator[Batch]:
        """Raises: UserError where the endpoint refuses the key or the model, or does not answer any more.

        However it is broken off, it ends at once: what is in flight is not waited for, and not asked again.
        """
        stop = Event()
        try:
            for text, answer in _in_threads(
                lambda text: self._ask(text, attempt), texts, self._config.concurrency, stop
            ):
                self._watch(answer)
                yield {text: answer}
        except BaseException:
            stop.set()
            self._client.close()  # the client tries again by itself, and a closed one reaches nobody
            raise
        if texts and not self._answered:
            raise UserError(self._gone(answer))

    def _watch(self, answer: Answer) -> None:
        """Counts questions in a row that no answer came to."""
        lost = (answer.problem or "").startswith(UNREACHABLE)
        self._lost = self._lost + 1 if lost else 0
        self._answered = self._answered or not lost
        if self._lost >= max(10, 2 * self._config.concurrency):
            raise UserError(self._gone(answer))

    def _gone(self, answer: Answer) -> str:
        return (
            f"endpoint {self._config.endpoint}: {answer.problem}: what is translated is kept: "
            "run the same command again to go on"
        )

    def _ask(self, text: str, attempt: int) -> Answer:
        import openai

        try:
            completion = self._client.chat.completions.create(
                model=self._config.endpoint_model,
                messages=[{"role": "user", "content": fill(self._prompt, text, self._source, self._target)}],
                max_tokens=self._config.max_new_tokens,
                temperature=0.0 if attempt == 0 else 0.7,
            )
        except (openai.AuthenticationError, openai.PermissionDeniedError, openai.NotFoundError) as error:
            raise UserError(
                f"endpoint {self._config.endpoint}: {_brief(error)}: "
                "check the address, endpoint_model and the key in OPENAI_API_KEY"
            ) from error
        except openai.APIStatusError as error:
            if error.status_code in (408, 409, 429) or error.status_code >= 500:
                return Answer(problem=f"{UNREACHABLE}: {_brief(error)}", final=True)
            return Answer(problem=f"refused by the endpoint: {_brief(error)}", final=True)
        except openai.APIConnectionError as error:
            said = error.__cause__ or error
            return Answer(problem=f"{UNREACHABLE}: {type(error).__name__}: {_brief(said)}", final=True)
        except (openai.OpenAIError, ValueError) as error:  # ValueError: what came is not the JSON that it says it is
            return Answer(problem=f"garbage: {type(error).__name__}: {_brief(error)}")
        return read_completion(completion)


def _in_threads(
    ask: Callable[[str], Answer], texts: Sequence[str], count: int, stop: Event
) -> Iterator[tuple[str, Answer]]:
    """Each text and its answer, as they come; raises what `ask` does. After `stop` no other text is asked for.

    The threads do not outlive the program: those of a pool would be waited for, through all retries of the client.
    """
    waiting: SimpleQueue[str] = SimpleQueue()
    answers: SimpleQueue[tuple[str, Answer | BaseException]] = SimpleQueue()

    def work() -> None:
        with suppress(Empty):
            while not stop.is_set():
                text = waiting.get_nowait()
                try:
                    answers.put((text, ask(text)))
                except BaseException as error:
                    answers.put((text, error))

    for text in texts:
        waiting.put(text)
    for _ in range(min(count, len(texts))):
        Thread(target=work, daemon=True).start()
    for _ in texts:
        text, answer = answers.get()
        if isinstance(answer, BaseException):
            raise answer
        yield text, answer


def read_completion(completion: Any) -> Answer:
    """The first choice of a completion, whatever it holds."""
    try:
        choice = completion.choices[0]
        message, finish = choice.message, choice.finish_reason
        text, refusal = message.content, getattr(message, "refusal", None)
    except (AttributeError, IndexError, KeyError, TypeError):
        return Answer(problem="garbage: the answer holds no choice with a message")
    if refusal or finish == "content_filter":
        return Answer(problem=f"refused by the endpoint: {str(refusal or finish)[:100]}")
    if finish == "length":
        return Answer(problem="cut: it reached max_new_tokens")
    if not isinstance(text, str):
        return Answer(problem="empty")
    return Answer(clean(text))


def _brief(error: object) -> str:
    return " ".join(str(error).split())[:200]
