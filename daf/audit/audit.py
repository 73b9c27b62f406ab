"""The audit of a folder of results: three levels, a verdict for each file, one for all."""

import random
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daf.audit.differences import difference
from daf.audit.findings import AGAIN, CHANGED, UNVERIFIABLE, VERIFIED, Finding, Findings
from daf.audit.hashes import check_hashes
from daf.audit.page import audit_page
from daf.audit.remake import COMPUTED, PLAYED, TRAINED, NotPossible, remake
from daf.config import ConfigError, EvaluationConfig, nearest, shown
from daf.config.audit import AuditConfig
from daf.origin import Origin
from daf.provenance import write_json, write_text
from daf.record import Record

STATUS = {VERIFIED: 0, CHANGED: 1, UNVERIFIABLE: 3}


@dataclass(frozen=True)
class Audit:
    """What an audit found.

    Attributes:
        findings: one for each file, by name.
        made_again: the jobs that were done again, by the file that their record stands beside;
            "computed", "played" or "trained".
        episodes: played again, and there in all.
    """

    config: AuditConfig
    findings: list[Finding]
    made_again: dict[str, list[str]]
    episodes: tuple[int, int]

    @property
    def verdict(self) -> str:
        """ "changed" if a file is; "unverifiable" if a result is; else "verified"."""
        if any(finding.verdict == CHANGED for finding in self.findings):
            return CHANGED
        results = [finding for finding in self.findings if finding.result]
        sound = all(finding.verdict == VERIFIED for finding in results)
        return VERIFIED if sound else UNVERIFIABLE

    @property
    def status(self) -> int:
        """The exit status: 0 verified, 1 changed, 3 unverifiable."""
        return STATUS[self.verdict]

    def summary(self) -> str:
        """The verdict in one line."""
        results = [finding for finding in self.findings if finding.result]
        counts = {v: sum(f.verdict == v for f in results) for v in STATUS}
        traces = sum(f.verdict == CHANGED for f in self.findings) - counts[CHANGED]
        changed = f"{counts[CHANGED]} changed" + (f" (and {traces} logs)" if traces else "")
        played, there = self.episodes
        computed = len(self.made_again["computed"])
        return (
            f"{self.verdict}: {len(results)} files of results, {counts[VERIFIED]} verified, "
            f"{changed}, {counts[UNVERIFIABLE]} unverifiable; {computed} jobs computed again, "
            f"{played} of {there} episodes played again, "
            f"{len(self.made_again['trained'])} trainings trained again"
        )

    def resolved(self) -> dict[str, Any]:
        """The content of audit.json."""
        return {
            "verdict": self.verdict,
            "summary": self.summary(),
            "settings": self.config.resolved(),
            "made_again": self.made_again,
            "episodes": {"played_again": self.episodes[0], "all": self.episodes[1]},
            "by": Origin.here("cpu").resolved(),
            "files": [
                {
                    "file": finding.file,
                    "verdict": finding.verdict,
                    "checked": finding.checked,
                    "why": finding.why,
                    "result": finding.result,
                }
                for finding in self.findings
            ],
        }

    def write(self, results: str | Path) -> None:
        """Write audit.json and audit.html into the folder of results.

        Raises:
            OSError: they cannot be written.
        """
        content = self.resolved()
        write_json(Path(results, "audit.json"), content)
        write_text(Path(results, "audit.html"), audit_page(content))


def audit(
    results: str | Path,
    config: AuditConfig = AuditConfig(),  # noqa: B008
    report: Callable[[str], None] = print,
) -> Audit:
    """Check a folder of results: its own, or one that was copied from another machine.

    Args:
        results: the folder.
        config: how far to go.
        report: receives a line for each job that is done again.

    Raises:
        ConfigError: there are no results, or no such training to train again.
    """
    results = Path(results)
    if not results.is_dir():
        raise ConfigError(f"{shown(str(results))} is no folder of results")
    findings = Findings()
    records = check_hashes(results, findings)
    if not any(finding.result for finding in findings):
        raise ConfigError(f"{results}: there are no results to audit")
    sound = {
        name: record
        for name, record in records.items()
        if findings.sound(list(record.output_files()))
    }
    plays = {
        name: _episodes(name, record) for name, record in sound.items() if record.rule == PLAYED
    }
    chosen = {
        "computed": [name for name, record in sound.items() if record.rule in COMPUTED],
        "played": sample(plays, config),
        "trained": _training(sound, config.retrain),
    }
    for name in (name for jobs in chosen.values() for name in jobs):
        said = _make_again(results, sound[name], findings, config)
        report(f"{name}: {said}")
    return Audit(
        config=config,
        findings=list(findings),
        made_again=chosen,
        episodes=(sum(plays[name] for name in chosen["played"]), sum(plays.values())),
    )


def _episodes(name: str, record: Record) -> int:
    return EvaluationConfig.parse(record.parameters.get("evaluation", {}), name).episodes


def sample(plays: dict[str, int], config: AuditConfig) -> list[str]:
    """Whole evaluations, chosen by the seed: how a network rounds depends on the size of the batch,
    so that single episodes cannot be played again exactly."""
    wanted = config.share * sum(plays.values())
    order = list(plays)
    random.Random(config.seed).shuffle(order)
    taken: list[str] = []
    while sum(plays[name] for name in taken) < wanted:
        taken.append(order[len(taken)])
    return taken


def _training(sound: dict[str, Record], run: str | None) -> list[str]:
    if run is None:
        return []
    trainings = {name.split("/")[-2]: name for name in sound if sound[name].rule == TRAINED}
    if run not in trainings:
        raise ConfigError(f"retrain: got {shown(run)}; {nearest(run, sorted(trainings))}")
    return [trainings[run]]


def _make_again(results: Path, record: Record, findings: Findings, config: AuditConfig) -> str:
    """Do a job again, compare what it makes, and say how that went."""
    outputs = list(record.output_files())
    with tempfile.TemporaryDirectory(prefix="daf-audit-") as folder:
        try:
            made = remake(results, record, Path(folder), config.trust)
            differences = {name: difference(results / name, made / name) for name in outputs}
        except NotPossible as reason:
            for name in outputs:
                findings[name].unverifiable.append(f"cannot be made again: {reason}")
            return f"cannot be made again: {reason}"
        except ConfigError as error:
            differences = dict.fromkeys(outputs, f"{error}")
    here = Origin.here(record.device)
    causes = here.differences(record.origin, hardware=record.rule not in COMPUTED)
    for name, found in differences.items():
        if found is None:
            findings[name].checked.append(AGAIN)
        elif causes:
            why = f"{found}; it was made by {', '.join(causes)}"
            findings[name].unverifiable.append(why)
        else:
            findings[name].changed.append(found)
    wrong = sum(found is not None for found in differences.values())
    return f"made again, {wrong} of {len(outputs)} files differ" if wrong else "made again"
