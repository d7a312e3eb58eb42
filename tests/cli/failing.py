"""A command line that is wrong: the one line that it ends in."""

from __future__ import annotations

import pytest

from deepsuper.cli import main


def fail(capsys, *line: str) -> str:
    """The one line that a wrong command ends in."""
    with pytest.raises(SystemExit) as stopped:
        main(line)
    assert stopped.value.code == 2
    text = capsys.readouterr().err.strip()
    return text.splitlines()[-1]
