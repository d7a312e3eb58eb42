"""The result of checking one file."""

from dataclasses import dataclass, field

from deepsuper.data.check.findings import Finding, Measured
from deepsuper.data.check.fix import Fixed
from deepsuper.data.check.reading import Source
from deepsuper.data.check.table import REASONS


@dataclass
class Checked:
    """One file and what was found in it. `measured`: name of a check -> its number for each row."""

    source: Source
    findings: list[Finding] = field(default_factory=list)
    measured: dict[str, Measured] = field(default_factory=dict)
    seconds: float = 0.0
    fixed: Fixed | None = None

    def flagged(self, *severities: str) -> set[int]:
        """The lines with a finding of one of the severities."""
        return {finding.line for finding in self.findings if REASONS[finding.reason].severity in severities}

    @property
    def faults(self) -> list[str]:
        """The errors of the file as a whole."""
        return [fault for _, measured in sorted(self.measured.items()) for fault in measured.faults]

    @property
    def notes(self) -> list[str]:
        """What could not be measured in the file."""
        return [note for _, measured in sorted(self.measured.items()) for note in measured.notes]

    @property
    def failed(self) -> bool:
        """Whether a line or the file as a whole has an error."""
        return bool(self.flagged("error") or self.faults)
