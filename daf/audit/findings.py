"""Findings of an audit: the checks that each file passed or failed."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

FileVerdict = Literal["verified", "changed", "unverifiable"]
VERIFIED: FileVerdict = "verified"
CHANGED: FileVerdict = "changed"
UNVERIFIABLE: FileVerdict = "unverifiable"
HASH, REEXECUTED, DERIVED = "hash", "re-executed", "derived"


@dataclass
class Finding:
    """Finding about one file.

    Attributes:
        file: path relative to the results folder.
        is_result: true for results; false for logs, timings and resume states, whose verdict does
            not affect that of the folder.
        checked: passed checks: "hash", "re-executed", or "derived" (content follows from the
            sidecar).
        changed: reasons for the verdict "changed", one line each.
        unverifiable: reasons for the verdict "unverifiable", one line each.
        needs_retraining: reasons that make the file unverifiable unless runs are retrained.
    """

    file: str
    is_result: bool
    checked: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    unverifiable: list[str] = field(default_factory=list)
    needs_retraining: list[str] = field(default_factory=list)

    @property
    def verdict(self) -> FileVerdict:
        """Verdict on the file: "verified", "changed" or "unverifiable"."""
        if self.changed:
            return CHANGED
        doubts = self.unverifiable or self.needs_retraining
        return VERIFIED if self.checked and not doubts else UNVERIFIABLE

    @property
    def reason(self) -> str | None:
        """Reasons for a verdict other than "verified", in one line."""
        reasons = self.changed or self.unverifiable + self.needs_retraining
        return "; ".join(dict.fromkeys(reasons)) or None


class Findings:
    """Findings by file, for present and for missing files of a results folder."""

    def __init__(self):
        self._by_file: dict[str, Finding] = {}

    def __getitem__(self, file: str) -> Finding:
        if file not in self._by_file:
            is_result = file.split("/")[0] not in NOT_RESULTS
            self._by_file[file] = Finding(file, is_result)
        return self._by_file[file]

    def __contains__(self, file: str) -> bool:
        return file in self._by_file

    def __iter__(self) -> Iterator[Finding]:
        return iter(sorted(self._by_file.values(), key=lambda finding: finding.file))

    def mark_unverifiable(self, files: list[str], reason: str) -> None:
        """Add a reason why files are unverifiable."""
        for file in files:
            self[file].unverifiable.append(reason)

    def mark_non_results(self, files: Iterable[str], reason: str) -> None:
        """Mark files as no results, with the reason why they are unverifiable."""
        for file in files:
            self[file].is_result = False
            self[file].unverifiable.append(reason)

    def are_all_verified(self, files: list[str]) -> bool:
        """Return true if all files are verified by the checks so far."""
        return all(self[file].verdict == VERIFIED for file in files)


NOT_RESULTS = {
    ".gitkeep": "placeholder of a git checkout",
    ".jobs": "lock file",
    ".lock": "lock file",
    "engine": "throughput of a machine; no result depends on it",
    "logs": "log of an attempt that wrote no output; no result depends on it",
    "progress.jsonl": "events of the last workflow call; no result depends on it",
    "resume": "resume state of a run; no result depends on it",
    "timings": "timing written by Snakemake at the end of a job; no result depends on it",
}
"""Files and folders that hold no results, with the reason why a file without sidecar is
unverifiable."""
