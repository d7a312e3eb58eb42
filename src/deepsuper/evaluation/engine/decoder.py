"""The own engine: the harness's transformers model with prefix caching and continuous batching."""

import logging
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from lm_eval.models.huggingface import HFLM
from lm_eval.models.utils import postprocess_generated_text
from tqdm import tqdm

from deepsuper.common.errors import UserError
from deepsuper.evaluation.benchmarks import BENCHMARKS
from deepsuper.evaluation.engine.batching import Generation, PendingAnswer, decode
from deepsuper.evaluation.engine.choices import ChoiceScore, score_choices, trim
from deepsuper.evaluation.engine.prefixes import PrefixCache
from deepsuper.evaluation.engine.private_names import warn_harness_runs

log = logging.getLogger("deepsuper")


class Decoder(HFLM):  # type: ignore[misc]
    """`HFLM` with the same answers in less time; it takes over where a private name works in an unexpected way."""

    scored_by = "own"

    def _loglikelihood_tokens(self, requests: Sequence[Any], disable_tqdm: bool = False, **options: Any) -> list[Any]:
        """(log-probability, whether greedy) of each continuation; a request is ((context, continuation), ids, ids)."""
        own = partial(self._score, requests, disable_tqdm)
        theirs = partial(super()._loglikelihood_tokens, requests, disable_tqdm=disable_tqdm, **options)
        return self._first_that_works(own, theirs)

    def generate_until(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[str]:
        """The answer to each request, whose arguments are (context, generation options)."""
        own = partial(self._generate, requests, disable_tqdm)
        return self._first_that_works(own, partial(super().generate_until, requests, disable_tqdm=disable_tqdm))

    def _first_that_works(self, own: Callable[[], list[Any]], theirs: Callable[[], list[Any]]) -> list[Any]:
        if self.scored_by == "own":
            try:
                return own()
            except (AttributeError, ImportError, TypeError) as error:
                log.debug("the own engine failed", exc_info=True)
                warn_harness_runs(f"{type(error).__name__}: {error}")
                self.scored_by = "harness"
        return theirs()

    def _score(self, requests: Sequence[Any], disable_tqdm: bool) -> list[ChoiceScore]:
        rows = [trim(context, continuation, self.max_length) for _, context, continuation in requests]
        answers: list[ChoiceScore] = [(0.0, False)] * len(rows)
        cache = PrefixCache(self.model, [context[:-1] for context, _ in rows])
        order = sorted(range(len(rows)), key=lambda n: (cache.rank(rows[n][0][:-1]), rows[n][0], -len(rows[n][1])))
        with tqdm(total=len(rows), disable=disable_tqdm, desc="Running loglikelihood requests") as bar:
            for start in range(0, len(order), self.batch_size):
                batch = order[start : start + self.batch_size]
                scored = score_choices(cache, [rows[n] for n in batch], self.softmax_dtype)
                for n, answer in zip(batch, scored, strict=True):
                    answers[n] = answer
                    if requests[n][0] is not None:
                        self.cache_hook.add_partial("loglikelihood", requests[n][0], answer)
                bar.update(len(batch))
        return answers

    def _generate(self, requests: Sequence[Any], disable_tqdm: bool) -> list[str]:
        answers = [""] * len(requests)
        groups: dict[str, list[int]] = {}
        for n, request in enumerate(requests):
            groups.setdefault(repr(request.args[1]), []).append(n)
        with tqdm(total=len(requests), disable=disable_tqdm, desc="Running generate_until requests") as bar:
            for members in groups.values():
                asked = Generation.of(requests[members[0]].args[1], self)
                for n, text in self._answer([requests[n] for n in members], asked):
                    answers[members[n]] = text
                    bar.update()
        return answers

    def _answer(self, requests: Sequence[Any], asked: Generation) -> Iterator[tuple[int, str]]:
        """The index of each request and its answer, in the order in which they are done."""
        if int(asked.options.get("num_beams", 1)) > 1:  # a beam search cannot be interrupted and resumed
            yield from enumerate(super().generate_until(requests, disable_tqdm=True))
            return
        room = self.max_length - asked.max_tokens
        if room < 1:
            generated = [benchmark.name for benchmark in BENCHMARKS.values() if benchmark.generates]
            raise UserError(
                f"the model reads {self.max_length} tokens at most, and an answer may have {asked.max_tokens}: leave "
                f"out the benchmarks whose answers are generated ({', '.join(generated)})"
            )
        read = (self.tok_batch_encode([request.args[0]])[0] for request in requests)
        waiting = [PendingAnswer(n, ids[0].tolist()[-room:]) for n, ids in enumerate(read)]
        for answer in decode(self.model, self.tokenizer, waiting, asked, self.batch_size):
            text = postprocess_generated_text(self.tok_decode(asked.cut(answer.said)), asked.stops, None)
            self.cache_hook.add_partial("generate_until", requests[answer.place].args, text)
            yield answer.place, text
