"""The report as one page without anything from outside and without scripts; its style runs by its hash alone."""

from __future__ import annotations

import random
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from deepsuper.common.errors import BadRow, Place
from deepsuper.common.files import write_text
from deepsuper.common.lines import numbered_lines
from deepsuper.common.pages import static_page
from deepsuper.config.check import CheckConfig
from deepsuper.data.check.charts import histogram
from deepsuper.data.check.findings import Finding
from deepsuper.data.check.report import by_reason, contamination, lengths, quantiles, summary
from deepsuper.data.check.table import REASONS
from deepsuper.data.rows import Row

if TYPE_CHECKING:
    from deepsuper.data.check.checked import Checked

LONGEST = 1500
"""Characters of a text that the page shows."""


def write_page(path: Path, checked: Sequence[Checked], config: CheckConfig) -> None:
    """Writes the page aside and renames it. A lone surrogate, which no file can hold, is shown as a question mark."""
    write_text(path, make_page(checked, config).encode("utf-8", "replace").decode("utf-8"))


def make_page(checked: Sequence[Checked], config: CheckConfig) -> str:
    """The page's HTML: for each file counts, charts, evaluation sets, and rows to read side by side."""
    style = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
    return static_page("Check of parallel rows", style, "".join(_file(one, config) for one in checked))


def _file(one: Checked, config: CheckConfig) -> str:
    parts = [f"<h2><bdi>{escape(one.source.path.name)}</bdi></h2>\n<p>{escape(summary(one).partition(': ')[2])}</p>\n"]
    for severity, remarks in (("error", one.faults), ("note", one.notes)):
        parts += [f'<p class="{severity}">{severity}: {escape(remark)}</p>\n' for remark in remarks]
    if one.findings:
        parts.append(_reasons(one))
    found = contamination(one.findings)
    if found:
        told = "".join(f"<li><bdi>{escape(name)}</bdi>: {count:,} rows</li>" for name, count in found.items())
        parts.append(f"<h3>Evaluation sets</h3>\n<ul>{told}</ul>\n")
    if one.source.rows:
        parts.append(_charts(one))
    parts.append(_samples(one, config))
    return f"<section>\n{''.join(parts)}</section>\n"


def _reasons(one: Checked) -> str:
    lines = max(one.source.lines - one.source.blank, 1)
    rows = "".join(
        f'<tr><td class="{REASONS[name].severity}">{REASONS[name].severity}</td><td><code>{name}</code></td>'
        f"<td>{escape(REASONS[name].meaning)}</td><td class=number>{len(found):,}</td>"
        f"<td class=number>{len(found) / lines:.2%}</td></tr>\n"
        for name, found in by_reason(one.findings).items()
    )
    head = "<tr><th></th><th>reason</th><th>meaning</th><th class=number>rows</th><th class=number>share</th></tr>"
    return f'<div class="wide"><table><thead>{head}</thead><tbody>\n{rows}</tbody></table></div>\n'


def _charts(one: Checked) -> str:
    measured = lengths(one)
    charts = [
        histogram(
            f"Lengths of {name}s",
            "characters",
            {"English": measured[f"{name} English"], "target": measured[f"{name} target"]},
            log=True,
        )
        for name in ("prompt", "answer")
    ]
    charts.append(
        histogram("Lengths of answers against English", "ratio in bytes", {"": measured["answer ratio"]}, log=True)
    )
    for name, found in sorted(one.measured.items()):
        marks = [] if found.least is None else [found.least]
        charts.append(
            histogram(f"Score of {name} of each row", "0 is chance", {"": found.values.tolist()}, marks=marks)
        )
    numbers = "".join(
        f"<tr><td>{escape(name)}</td>{''.join(f'<td class=number>{v:,.4g}</td>' for v in q.values())}</tr>\n"
        for name, q in ((name, quantiles(values)) for name, values in measured.items())
        if q
    )
    head = "".join(f"<th class=number>{q}</th>" for q in quantiles([0.0]))
    table = f"<table><thead><tr><th>quantiles</th>{head}</tr></thead><tbody>\n{numbers}</tbody></table>"
    drawn = f'<div class="charts">\n{"".join(charts)}</div>'
    return f'<h3>Lengths and scores</h3>\n{drawn}\n<div class="wide">{table}</div>\n'


def _samples(one: Checked, config: CheckConfig) -> str:
    """Rows of each reason, and some without any, drawn with the seed and shown in their order."""
    rng = random.Random(config.seed)
    blocks = []
    for name, found in by_reason(one.findings).items():
        chosen = sorted(rng.sample(range(len(found)), min(config.limit, len(found))))
        told = _lines(one, [found[n] for n in chosen])
        title = f"<code>{name}</code> {escape(REASONS[name].meaning)}: {len(chosen):,} of {len(found):,}"
        blocks.append(f"<details><summary>{title}</summary>\n{told}</details>\n")
    flagged = {finding.row for finding in one.findings}
    clean = [n for n in range(len(one.source.rows)) if n not in flagged]
    chosen = sorted(rng.sample(clean, min(config.limit, len(clean))))
    rows = "".join(_row(one.source.rows[n], one.source.numbers[n], "") for n in chosen)
    title = f"no finding: {len(chosen):,} of {len(clean):,}"
    blocks.append(f"<details open><summary>{title}</summary>\n{rows}</details>\n")
    return f"<h3>Rows side by side</h3>\n{''.join(blocks) if config.limit else ''}"


def _lines(one: Checked, findings: Sequence[Finding]) -> str:
    """The findings with their rows; of a line that is no row its text."""
    wanted = {finding.line for finding in findings if finding.row is None}
    raw = _raw(one.source.path, wanted)
    return "".join(
        _row(one.source.rows[finding.row], finding.line, finding.detail)
        if finding.row is not None
        else f"<article><p>line {finding.line}: <bdi>{escape(finding.detail)}</bdi></p>"
        f'<pre dir="auto">{_shown(raw.get(finding.line, ""))}</pre></article>\n'
        for finding in findings
    )


def _raw(path: Path, wanted: Iterable[int]) -> dict[int, str]:
    """The text of the lines; the first letters of one that is too long."""
    left, texts = set(wanted), dict[int, str]()

    def bad(where: Place, problem: BadRow, text: str) -> None:
        if where.line in left:
            texts[where.line] = text
            left.remove(where.line)

    for number, line in numbered_lines(path, bad) if left else ():
        if number in left:
            texts[number] = line.decode("utf-8", "replace")
            left.remove(number)
        if not left:
            break
    return texts


def _row(row: Row, line: int, detail: str) -> str:
    told = f": <bdi>{escape(detail)}</bdi>" if detail else ""
    cells = "".join(
        f'<div lang="{escape(language)}">{"".join(_text(name, text) for name, text in texts)}</div>'
        for language, texts in (
            ("en", (("instruction", row.instruction_en), ("input", row.input_en), ("output", row.output_en))),
            (row.language, (("instruction", row.instruction), ("input", row.input), ("output", row.output))),
        )
    )
    head = f"<p>line {line}, <bdi>{escape(row.id[:80])}</bdi>{told}</p>"
    return f'<article>{head}<div class="pair">{cells}</div></article>\n'


def _text(name: str, text: str) -> str:
    return f'<p class="{name}" dir="{direction(text)}">{_shown(text)}</p>' if text.strip() else ""


def direction(text: str) -> str:
    """The direction of most letters. By the first one alone, an Arabic list with "A." in front would go wrong."""
    ways = Counter(unicodedata.bidirectional(character) for character in text[:LONGEST])
    return "rtl" if ways["R"] + ways["AL"] > ways["L"] else "ltr"


def _shown(text: str) -> str:
    cut = text[:LONGEST]
    return escape(cut) + ("…" if len(text) > LONGEST else "")
