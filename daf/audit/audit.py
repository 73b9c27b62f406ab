"""The audit of a folder of results: a verdict for each file, one for all."""

import random
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daf.audit.consistency import Binding
from daf.audit.consistency_checks import (
    bound,
    compare_call,
    compare_environment,
    compare_training,
    doubt_report,
    make_again,
)
from daf.audit.findings import CHANGED, UNVERIFIABLE, VERIFIED, Finding, Findings
from daf.audit.integrity import check_integrity
from daf.audit.jobs import Call, EnvironmentCheck, Evaluate, Report, SweepReport, Train
from daf.audit.report_page import audit_page
from daf.audit.trainings import ALL
from daf.audit.worker import Worker
from daf.config import ConfigError, short_json, suggest
from daf.config.audit import AuditConfig
from daf.files.text_files import write_json, write_text
from daf.provenance.origin import Origin
from daf.system.limited_process import Limits

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
        alone = sum(f.verdict == UNVERIFIABLE and not f.unverifiable for f in results)
        without = f" ({alone} of them for want of --retrain)" if alone else ""
        played, there = self.episodes
        computed = len(self.made_again["computed"])
        return (
            f"{self.verdict}: {len(results)} files of results, {counts[VERIFIED]} verified, "
            f"{changed}, {counts[UNVERIFIABLE]} unverifiable{without}; "
            f"{computed} jobs computed again, {played} of {there} episodes played again, "
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
            "by": Origin.current("cpu").resolved(),
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
        raise ConfigError(f"{short_json(str(results))} is no folder of results")
    findings = Findings()
    records = check_integrity(results, findings)
    if not any(finding.result for finding in findings):
        raise ConfigError(f"{results}: there are no results to audit")
    sound = {
        name: record
        for name, record in records.items()
        if findings.sound(list(record.output_files()))
    }
    for record in records.values():
        findings.add_traces(record.log, "a log; no result is computed from it")
    binding = Binding(results, records, config.trust)
    jobs = {name: job for name in sound if (job := bound(name, binding, findings))}
    trainings = {name: job for name, job in jobs.items() if isinstance(job, Train)}
    plays = {n: job.evaluation.episodes for n, job in jobs.items() if isinstance(job, Evaluate)}
    chosen = {
        "computed": [name for name, job in jobs.items() if job.computed],
        "played": sample_evaluations(plays, config),
        "trained": _chosen(trainings, config.retrain),
    }
    for name, job in jobs.items():
        if isinstance(job, Call):
            compare_call(name, job, binding, findings)
        elif isinstance(job, EnvironmentCheck):
            compare_environment(name, job, binding, findings)
    limits = Limits(config.memory_mb, config.processes)
    with Worker(results, config.trust, config.minutes, limits) as worker:
        for name in [name for name in trainings if name not in chosen["trained"]]:
            said = compare_training(name, trainings[name], binding, findings, worker)
            report(f"{name}: {said}")
        for name in (name for names in chosen.values() for name in names):
            said = make_again(results, name, sound[name], findings, worker)
            report(f"{name}: {said}")
    for name, job in jobs.items():
        if isinstance(job, Report | SweepReport):
            doubt_report(name, binding, findings)
    return Audit(
        config=config,
        findings=list(findings),
        made_again=chosen,
        episodes=(sum(plays[name] for name in chosen["played"]), sum(plays.values())),
    )


def sample_evaluations(plays: dict[str, int], config: AuditConfig) -> list[str]:
    """Whole evaluations, chosen by the seed: how a network rounds depends on the size of the batch,
    so that single episodes cannot be played again exactly."""
    wanted = config.share * sum(plays.values())
    order = list(plays)
    random.Random(config.seed).shuffle(order)
    taken: list[str] = []
    while sum(plays[name] for name in taken) < wanted:
        taken.append(order[len(taken)])
    return taken


def _chosen(trainings: dict[str, Train], run: str | None) -> list[str]:
    """The trainings that are repeated, by the files that their sidecars stand beside."""
    if run in (None, ALL):
        return list(trainings) if run else []
    names = {job.run.name: name for name, job in trainings.items()}
    if run not in names:
        raise ConfigError(f"retrain: got {short_json(run)}; {suggest(run, [ALL, *sorted(names)])}")
    return [names[run]]
