"""What an audit finds out about each file."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

VERIFIED, CHANGED, UNVERIFIABLE = "verified", "changed", "unverifiable"
HASH, REEXECUTED, DERIVED = "hash", "made again", "derived"


@dataclass
class Finding:
    """About one file.

    Attributes:
        file: its name in the folder of results.
        result: whether it belongs to the results; logs, timings and saved states tell how they came
            about, and their being unverifiable takes nothing from the results.
        checked: what agreed: "hash"; "made again"; "derived", its content follows from its record.
        changed, unverifiable: why, one line each.
        untrained: why it is unverifiable unless trainings are repeated, one line each.
    """

    file: str
    result: bool
    checked: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    unverifiable: list[str] = field(default_factory=list)
    untrained: list[str] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """ "verified", "changed" or "unverifiable"."""
        if self.changed:
            return CHANGED
        doubts = self.unverifiable or self.untrained
        return VERIFIED if self.checked and not doubts else UNVERIFIABLE

    @property
    def why(self) -> str | None:
        """The reasons of a verdict that is not "verified", one line."""
        reasons = self.changed or self.unverifiable + self.untrained
        return "; ".join(dict.fromkeys(reasons)) or None


class Findings:
    """One finding for each file of a folder of results, and for each that should be there."""

    def __init__(self):
        self._of: dict[str, Finding] = {}

    def __getitem__(self, file: str) -> Finding:
        if file not in self._of:
            self._of[file] = Finding(file, result=file.split("/")[0] not in NOT_RESULTS)
        return self._of[file]

    def __contains__(self, file: str) -> bool:
        return file in self._of

    def __iter__(self) -> Iterator[Finding]:
        return iter(sorted(self._of.values(), key=lambda finding: finding.file))

    def add_unverifiable(self, files: list[str], reason: str) -> None:
        """Why some files cannot be verified."""
        for file in files:
            self[file].unverifiable.append(reason)

    def add_traces(self, files: Iterable[str], reason: str) -> None:
        """Why some files tell how results came about, and are no results."""
        for file in files:
            self[file].result = False
            self[file].unverifiable.append(reason)

    def sound(self, files: list[str]) -> bool:
        """Whether nothing is known against any of the files."""
        return all(self[file].verdict == VERIFIED for file in files)


NOT_RESULTS = {
    ".gitkeep": "keeps the folder in a checkout",
    ".jobs": "a lock",
    ".lock": "a lock",
    "engine": "speeds of a machine, other ones at each time; no result is computed from them",
    "logs": "the log of an attempt that made nothing of what is here",
    "resume": "the state of a training that was not finished, or can go on; no result",
    "timings": "written by Snakemake when a job has ended; no result is computed from it",
}
"""Files and folders that tell how results came about, and why a file there is unverifiable if no
record speaks of it."""
