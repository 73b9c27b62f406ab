"""The audit of a folder of results: three levels, a verdict for each file, one for all."""

import random
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daf.audit.binding import Binding, Contradiction
from daf.audit.differences import difference
from daf.audit.findings import AGAIN, CHANGED, UNVERIFIABLE, VERIFIED, Finding, Findings
from daf.audit.hashes import check_hashes
from daf.audit.jobs import Call, Evaluate, Job, NotPossible, Train, job_of
from daf.audit.page import audit_page
from daf.audit.restated import restated
from daf.audit.trouble import own_trouble
from daf.audit.worker import Worker
from daf.config import ConfigError, nearest, shown
from daf.config.audit import AuditConfig
from daf.config.errors import plain
from daf.confined import Limits
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
    config: AuditConfig = AuditConfig(),
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
    if config.seed is None:
        config = config.model_copy(update={"seed": secrets.randbelow(2**31)})
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
    binding = Binding(results, records, config.trust)
    jobs = {name: job for name in sound if (job := _bound(name, binding, findings))}
    plays = {n: job.evaluation.episodes for n, job in jobs.items() if isinstance(job, Evaluate)}
    chosen = {
        "computed": [name for name, job in jobs.items() if job.computed],
        "played": sample(plays, config),
        "trained": _training(jobs, config.retrain),
    }
    for name in (name for name, job in jobs.items() if isinstance(job, Call)):
        _compare_restated(name, binding, findings)
    limits = Limits(config.memory_mb, config.processes)
    with Worker(results, config.trust, config.minutes, limits) as worker:
        for name in (name for names in chosen.values() for name in names):
            said = _make_again(results, name, sound[name], findings, worker)
            report(f"{name}: {said}")
    return Audit(
        config=config,
        findings=list(findings),
        made_again=chosen,
        episodes=(sum(plays[name] for name in chosen["played"]), sum(plays.values())),
    )


def _bound(name: str, binding: Binding, findings: Findings) -> Job | None:
    """The job whose record stands beside a file; None if it cannot be that of the file."""
    record = binding.records[name]
    outputs = list(record.output_files())
    try:
        binding.check(name)
    except NotPossible as reason:
        findings.add_unverifiable(outputs, f"{reason}")
    except Exception as error:  # the record may say anything
        if isinstance(error, Contradiction | ConfigError) and not own_trouble(error):
            _add_difference(findings, outputs, record, f"{error}", hardware=False)
        else:
            findings.add_unverifiable(outputs, f"cannot be checked: {_said(error)}")
        return None
    try:
        return job_of(record)
    except NotPossible:
        return None


def _said(error: Exception) -> str:
    """What an error says, one line."""
    foreseen = isinstance(error, NotPossible | Contradiction | ConfigError)
    return plain(" ".join(f"{'' if foreseen else type(error).__name__ + ': '}{error}".split()))


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


def _compare_restated(name: str, binding: Binding, findings: Findings) -> None:
    """The result of a pipeline against the files that it restates."""
    record = binding.records[name]
    try:
        found = restated(binding, name)
    except NotPossible as reason:
        findings.add_unverifiable([name], f"{reason}")
    except Exception as error:  # the files may say anything
        findings.add_unverifiable([name], f"cannot be checked: {_said(error)}")
    else:
        if found is None:
            findings[name].checked.append(AGAIN)
        else:
            _add_difference(findings, [name], record, found, hardware=False)


def _training(jobs: dict[str, Job], run: str | None) -> list[str]:
    if run is None:
        return []
    trainings = {job.run.name: name for name, job in jobs.items() if isinstance(job, Train)}
    if run not in trainings:
        raise ConfigError(f"retrain: got {shown(run)}; {nearest(run, sorted(trainings))}")
    return [trainings[run]]


def _make_again(
    results: Path, name: str, record: Record, findings: Findings, worker: Worker
) -> str:
    """Do a job again, compare what it makes, and say how that went."""
    outputs = list(record.output_files())
    try:
        with worker.folder() as folder:
            made = worker.remake(name, folder)
            differences = {name: difference(results / name, made / name) for name in outputs}
    except Exception as error:  # the files may say anything
        if not isinstance(error, ConfigError) or own_trouble(error):
            findings.add_unverifiable(outputs, f"cannot be made again: {_said(error)}")
            return f"cannot be made again: {_said(error)}"
        differences = dict.fromkeys(outputs, f"{error}")
    hardware = job_of(record).rounded
    for output, found in differences.items():
        if found is None:
            findings[output].checked.append(AGAIN)
        else:
            _add_difference(findings, [output], record, found, hardware)
    wrong = sum(found is not None for found in differences.values())
    return f"made again, {wrong} of {len(outputs)} files differ" if wrong else "made again"


def _add_difference(
    findings: Findings, files: list[str], record: Record, found: str, hardware: bool
) -> None:
    """Something differs from what it should be: that is a change, unless other code, versions or,
    where `hardware` counts, another machine may be the cause."""
    causes = Origin.here(record.device).differences(record.origin, hardware)
    for file in files:
        if causes:
            why = f"{found}; it was made by {', '.join(causes)}"
            findings[file].unverifiable.append(why)
        else:
            findings[file].changed.append(found)
