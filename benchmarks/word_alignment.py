"""The precision and recall of the word alignment, against 50 sentences per language that were judged by hand.

    python benchmarks/word_alignment.py --rows ../shared/data/parallel
    python benchmarks/word_alignment.py --rows ../shared/data/parallel --unseen

The lexicon is learnt from instruction rows (Alpaca in zh and vi, ARC in ar), and from the packaged FLORES-200
sentences, of whose dev part the judged ones are 50 short ones; with --unseen from the rows alone, as SDRRL learns it,
so that it has not seen the judged sentences. word_alignment/LANG.jsonl holds their words
and each link that some setting of the aligner proposed, with the verdict: right or wrong in this sentence. For the
first ten sentences it also holds the links that none proposed: recall is measured on those ten. Links of function words
and of parts of a compound are right where they stand for each other in this sentence. The last column leaves out links
between equal words (numbers, marks, names in Latin letters), which are easy.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from deepsuper.common.lines import file_records, refuse
from deepsuper.data.texts import LANGUAGES, PARTS, load_texts
from deepsuper.data.words import Lexicon, segment
from deepsuper.data.words.lexicon import MOST_ROWS

JUDGED = Path(__file__).parent / "word_alignment"
ROWS = {"zh": "alpaca.zh.jsonl.gz", "vi": "alpaca.vi.jsonl.gz", "ar": "arc_qa.ar.jsonl.gz"}
MOST = 12_000
Pair = tuple[str, str]


def sentences(language: str) -> Iterator[Pair]:
    """The packaged parallel sentences."""
    for part in PARTS:
        texts = load_texts(language, part=part, parallel=True)
        yield from zip(texts.english or (), texts.target, strict=True)


def fields(path: Path) -> Iterator[Pair]:
    """The fields of instruction rows, English and translated."""
    for _, row in islice(file_records(path, refuse), MOST):
        yield from ((row[f"{n}_en"], row[n]) for n in ("instruction", "input", "output") if row[n] and row[f"{n}_en"])


def measure(language: str, rows: Path, unseen: bool) -> dict[str, Any]:
    """Counts of proposed links: right, wrong, not judged yet; and how many right ones of ten sentences were found."""
    pairs = [*([] if unseen else sentences(language)), *fields(rows / ROWS[language])]
    words = [(segment(e, "en"), segment(f, language)) for e, f in pairs]
    start = time.perf_counter()
    lexicon = Lexicon.train(words)
    print(
        f"{language}: {min(len(words), MOST_ROWS):,} texts learnt in {time.perf_counter() - start:.0f} s",
        file=sys.stderr,
    )
    counts = dict.fromkeys(("right", "wrong", "unjudged", "found", "to find", "unlike", "unlike right"), 0)
    for line in (JUDGED / f"{language}.jsonl").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        proposed = set(lexicon.align(record["english"], record["target"]))
        verdicts = {(i, j): right for i, j, _, right in record["links"]}
        right = {link for link, verdict in verdicts.items() if verdict}
        counts["right"] += len(proposed & right)
        counts["wrong"] += len(proposed & (verdicts.keys() - right))
        counts["unjudged"] += len(proposed - verdicts.keys())
        for i, j in sorted(proposed - verdicts.keys()):
            pair = f"{record['english'][i]} ~ {record['target'][j]}"
            print(f"not judged: sentence {record['sentence']}: [{i}, {j}, {pair!r}]", file=sys.stderr)
        unlike = {(i, j) for i, j in proposed if record["english"][i] != record["target"][j]}
        counts["unlike"] += len(unlike & verdicts.keys())
        counts["unlike right"] += len(unlike & right)
        if "missing" in record:
            right |= {(i, j) for i, j, _ in record["missing"]}
            counts["found"] += len(proposed & right)
            counts["to find"] += len(right)
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=Path, default=Path("../shared/data/parallel"))
    parser.add_argument("--langs", nargs="+", default=list(LANGUAGES), choices=list(LANGUAGES))
    parser.add_argument("--unseen", action="store_true", help="do not learn from the judged sentences' set")
    args = parser.parse_args()
    names = "language | links | precision | not judged | recall (10 sentences) | precision of unlike words"
    print(f"| {names} |\n" + "| --- " * 6 + "|")
    for language in args.langs:
        n = measure(language, args.rows, args.unseen)
        links = n["right"] + n["wrong"]
        precision, recall = f"{n['right'] / links:.1%}", f"{n['found'] / n['to find']:.0%} of {n['to find']}"
        unlike = f"{n['unlike right'] / n['unlike']:.1%} of {n['unlike']}"
        print(f"| {language} | {links} | {precision} | {n['unjudged']} | {recall} | {unlike} |")
    print(f"peak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MiB", file=sys.stderr)


if __name__ == "__main__":
    main()
