"""Translations from an endpoint that speaks the OpenAI protocol."""

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
from deepsuper.data.translate.replies import Batch, Problem, Reply, clean, fill, on_one_line

UNREACHABLE, REFUSED = "unreachable", "refused by the endpoint"
"""The kind of problem of a request that got no reply, after all retries of the client."""


class EndpointTranslator:
    """Sends one request for each text, several at a time. The client retries 429, 5xx and lost connections itself."""

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
            # A local server needs no key, but the client requires one.
            api_key=os.environ.get("OPENAI_API_KEY") or "none",
            max_retries=config.http_retries,
            timeout=config.timeout,
        )
        asked = fill(self._prompt, "{text}", self._source, self._target)
        self.maker = json.dumps(["endpoint", config.endpoint_model, asked, config.max_new_tokens])

    def translate(self, texts: Sequence[str], attempt: int) -> Iterator[Batch]:
        """Raises: UserError where the endpoint refuses the key or the model, or stops answering.

        It then ends at once: requests that are in flight are neither waited for nor repeated.
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
            self._client.close()  # otherwise the client would go on with its retries
            raise
        if texts and not self._answered:
            raise UserError(self._gone(answer))

    def _watch(self, answer: Reply) -> None:
        """Counts the requests in a row that got no reply."""
        lost = answer.problem is not None and answer.problem.kind == UNREACHABLE
        self._lost = self._lost + 1 if lost else 0
        self._answered = self._answered or not lost
        if self._lost >= max(10, 2 * self._config.concurrency):
            raise UserError(self._gone(answer))

    def _gone(self, answer: Reply) -> str:
        return (
            f"endpoint {self._config.endpoint}: {answer.problem}: finished translations are kept: "
            "run the same command again to resume"
        )

    def _ask(self, text: str, attempt: int) -> Reply:
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
                f"endpoint {self._config.endpoint}: {on_one_line(error)}: "
                "check the address, endpoint_model and the key in OPENAI_API_KEY"
            ) from error
        except openai.APIStatusError as error:
            if error.status_code in (408, 409, 429) or error.status_code >= 500:
                return Reply(problem=Problem(UNREACHABLE, on_one_line(error)), final=True)
            return Reply(problem=Problem(REFUSED, on_one_line(error)), final=True)
        except openai.APIConnectionError as error:
            said = error.__cause__ or error
            return Reply(problem=Problem(UNREACHABLE, f"{type(error).__name__}: {on_one_line(said)}"), final=True)
        except (openai.OpenAIError, ValueError) as error:  # ValueError: the body is not valid JSON
            return Reply(problem=Problem("garbage", f"{type(error).__name__}: {on_one_line(error)}"))
        return read_completion(completion)


def _in_threads(
    ask: Callable[[str], Reply], texts: Sequence[str], count: int, stop: Event
) -> Iterator[tuple[str, Reply]]:
    """Each text and its reply, as they come; raises what `ask` does. After `stop` no new request is sent.

    The threads are daemons. The program would wait for those of a pool, through all retries of the client.
    """
    waiting: SimpleQueue[str] = SimpleQueue()
    answers: SimpleQueue[tuple[str, Reply | BaseException]] = SimpleQueue()

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


def read_completion(completion: Any) -> Reply:
    """The first choice of a completion; a problem where it has none."""
    try:
        choice = completion.choices[0]
        message, finish = choice.message, choice.finish_reason
        text, refusal = message.content, getattr(message, "refusal", None)
    except (AttributeError, IndexError, KeyError, TypeError):
        return Reply(problem=Problem("garbage", "the answer holds no choice with a message"))
    if refusal or finish == "content_filter":
        return Reply(problem=Problem(REFUSED, str(refusal or finish)[:100]))
    if finish == "length":
        return Reply(problem=Problem("cut", "it reached max_new_tokens"))
    if not isinstance(text, str):
        return Reply(problem=Problem("empty"))
    return Reply(clean(text))
