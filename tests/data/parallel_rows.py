"""Small files of parallel rows, with faults where a test wants them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from deepsuper.config.check import CheckConfig
from deepsuper.data.check.findings import Finding
from deepsuper.data.check.run import finding_of, run_checks
from deepsuper.data.rows import Row

NOUNS = {"cat": "猫", "dog": "狗", "house": "房子", "river": "河流", "tree": "树木", "book": "书本", "train": "火车",
         "city": "城市", "teacher": "老师", "doctor": "医生", "mountain": "高山", "garden": "花园"}  # fmt: skip
VERBS = {"sees": "看见", "likes": "喜欢", "paints": "画了", "finds": "找到", "forgets": "忘记", "describes": "描述"}


def good_row(n: int) -> dict[str, str]:
    """A row whose sides translate each other; no two of the first thousand are alike."""
    nouns, verbs = list(NOUNS), list(VERBS)
    a, b, c = nouns[n % 12], nouns[n // 12 % 12], nouns[(n // 144 + n) % 12]
    v, w = verbs[n % 6], verbs[n // 6 % 6]
    return {
        "id": f"row-{n}",
        "instruction": f"请告诉我，{NOUNS[a]}为什么{VERBS[v]}{NOUNS[b]}？第{n + 1000}题。",
        "input": "",
        "output": f"因为{NOUNS[b]}每天都{VERBS[w]}{NOUNS[c]}，所以{NOUNS[a]}很高兴地{VERBS[v]}{NOUNS[b]}。",
        "instruction_en": f"Please tell me, why the {a} {v} the {b}? Question {n + 1000}.",
        "input_en": "",
        "output_en": f"Because the {b} {w} the {c} every day, the {a} happily {v} the {b}.",
    }


def check_rows(rows: list[Row], config: CheckConfig) -> list[Finding]:
    """What `check_file` finds in rows of one language, without a file."""
    return [finding_of(rows, name, one) for name, found, _ in run_checks(rows, config, "rows") for one in found]


def write_lines(path: Path, lines: list[Any]) -> Path:
    """A file of rows (mappings), and of lines as they are (text or bytes)."""
    texts = [line if isinstance(line, bytes | str) else json.dumps(line, ensure_ascii=False) for line in lines]
    packed = [text.encode() if isinstance(text, str) else text for text in texts]
    path.write_bytes(b"".join(line + b"\n" for line in packed))
    return path


def write_questions(path: Path, questions: list[str], **more: Any) -> Path:
    rows = [{"id": n, "instruction": text, "input": "", "output": "42", **more} for n, text in enumerate(questions)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
