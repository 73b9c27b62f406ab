"""Audit of a results folder: one verdict per file, and one for the folder."""

import random
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daf.audit.consistency import SidecarConsistencyChecker
from daf.audit.findings import CHANGED, UNVERIFIABLE, VERIFIED, FileVerdict, Finding, Findings
from daf.audit.integrity import read_sidecars_and_record_integrity
from daf.audit.job_findings import (
    ALL,
    mark_report_if_inputs_unverified,
    parse_job_and_record_findings,
    record_derived_pipeline_differences,
    record_findings_from_first_updates,
    record_machine_check_differences,
    reexecute_and_record_differences,
)
from daf.audit.jobs import (
    EvaluateJob,
    Job,
    MachineCheckJob,
    PipelineCallJob,
    ReportJob,
    SweepReportJob,
    TrainJob,
)
from daf.audit.report_page import render_audit_page
from daf.audit.worker import WorkerClient
from daf.config import ConfigError, short_json, suggest_choice
from daf.config.audit import AuditConfig
from daf.files.text_files import write_json, write_text
from daf.provenance.origin import Origin
from daf.system.exit_status import ExitStatus
from daf.system.limited_process import ProcessLimits

EXIT_STATUS = {VERIFIED: 0, CHANGED: 1, UNVERIFIABLE: 3}


@dataclass(frozen=True)
class AuditResult:
    """Result of an audit.

    Attributes:
        config: settings of the audit, with the drawn seed.
        findings: one finding per file, sorted by file name.
        reexecuted_outputs_by_kind: names of the first outputs of re-executed jobs; keys "computed"
            (without episodes), "played" (evaluations) and "trained" (runs).
        episodes: (number of re-executed episodes, number of all episodes).
    """

    config: AuditConfig
    findings: list[Finding]
    reexecuted_outputs_by_kind: dict[str, list[str]]
    episodes: tuple[int, int]

    @property
    def verdict(self) -> FileVerdict:
        """Verdict on the folder: "changed" if any file is; else the worst verdict of a result."""
        if any(finding.verdict == CHANGED for finding in self.findings):
            return CHANGED
        results = [finding for finding in self.findings if finding.is_result]
        all_verified = all(finding.verdict == VERIFIED for finding in results)
        return VERIFIED if all_verified else UNVERIFIABLE

    @property
    def exit_status(self) -> ExitStatus:
        """Exit status: 0 verified, 1 changed, 3 unverifiable."""
        return EXIT_STATUS[self.verdict]

    def summary(self) -> str:
        """Return the verdict and the counts in one line."""
        results = [finding for finding in self.findings if finding.is_result]
        counts = {v: sum(finding.verdict == v for finding in results) for v in EXIT_STATUS}
        logs = sum(finding.verdict == CHANGED for finding in self.findings) - counts[CHANGED]
        changed = f"{counts[CHANGED]} changed" + (f" (and {logs} logs)" if logs else "")
        untrained = sum(f.verdict == UNVERIFIABLE and not f.unverifiable for f in results)
        retrain = f" ({untrained} of them need --retrain)" if untrained else ""
        played, total = self.episodes
        return (
            f"{self.verdict}: {len(results)} result files, {counts[VERIFIED]} verified, "
            f"{changed}, {counts[UNVERIFIABLE]} unverifiable{retrain}; "
            f"{len(self.reexecuted_outputs_by_kind['computed'])} jobs recomputed, "
            f"{played} of {total} episodes re-executed, "
            f"{len(self.reexecuted_outputs_by_kind['trained'])} runs retrained"
        )

    def audit_json(self) -> dict[str, Any]:
        """Return the content of audit.json."""
        return {
            "verdict": self.verdict,
            "summary": self.summary(),
            "settings": self.config.resolved(),
            "made_again": self.reexecuted_outputs_by_kind,
            "episodes": {"played_again": self.episodes[0], "all": self.episodes[1]},
            "by": Origin.current("cpu").resolved(),
            "files": [
                {
                    "file": finding.file,
                    "verdict": finding.verdict,
                    "checked": finding.checked,
                    "why": finding.reason,
                    "result": finding.is_result,
                }
                for finding in self.findings
            ],
        }

    def write_reports(self, results_dir: str | Path) -> None:
        """Write audit.json and audit.html into the results folder.

        Raises:
            OSError: a file cannot be written.
        """
        content = self.audit_json()
        write_json(Path(results_dir, "audit.json"), content)
        write_text(Path(results_dir, "audit.html"), render_audit_page(content))


def audit(
    results_dir: str | Path,
    config: AuditConfig = AuditConfig(),
    print_line: Callable[[str], None] = print,
) -> AuditResult:
    """Audit a results folder, which may be a copy from another machine.

    Args:
        results_dir: results folder.
        config: depth of the audit.
        print_line: receiver of one line per re-executed job.

    Raises:
        ConfigError: the folder has no results, or no run with the name `config.retrain`.
    """
    results_dir = Path(results_dir)
    if config.seed is None:
        config = config.model_copy(update={"seed": secrets.randbelow(2**31)})
    if not results_dir.is_dir():
        raise ConfigError(f"{short_json(str(results_dir))} is not a results folder")
    findings = Findings()
    sidecars = read_sidecars_and_record_integrity(results_dir, findings)
    if not any(finding.is_result for finding in findings):
        raise ConfigError(f"{results_dir}: no results to audit")
    intact = {
        name: sidecar
        for name, sidecar in sidecars.items()
        if findings.are_all_verified(list(sidecar.digest_by_output_path()))
    }
    for name in sidecars.keys() - intact.keys():
        outputs = list(sidecars[name].digest_by_output_path())
        doubtful = [file for file in outputs if findings[file].verdict == VERIFIED]
        findings.mark_unverifiable(doubtful, "not re-executed, as its job has a changed file")
    for sidecar in sidecars.values():
        findings.mark_non_results(sidecar.log, "log file; no result depends on it")
    checks = SidecarConsistencyChecker(results_dir, sidecars, config.trust)
    jobs = {
        name: job
        for name in intact
        if (job := parse_job_and_record_findings(name, checks, findings))
    }
    runs = {name: job for name, job in jobs.items() if isinstance(job, TrainJob)}
    evaluations = {n: j.evaluation.episodes for n, j in jobs.items() if isinstance(j, EvaluateJob)}
    selected = {
        "computed": [name for name, job in jobs.items() if job.recomputable],
        "played": sample_evaluations_by_episode_share(evaluations, config),
        "trained": _select_weights_files_to_retrain(runs, config.retrain),
    }
    _record_pipeline_and_machine_check_findings(jobs, checks, findings)
    limits = ProcessLimits(config.memory_mb, config.processes)
    with WorkerClient(results_dir, config.trust, config.minutes, limits) as worker:
        for name in [name for name in runs if name not in selected["trained"]]:
            outcome = record_findings_from_first_updates(name, runs[name], checks, findings, worker)
            print_line(f"{name}: {outcome}")
        for name in (name for names in selected.values() for name in names):
            outcome = reexecute_and_record_differences(
                results_dir, name, intact[name], findings, worker
            )
            print_line(f"{name}: {outcome}")
    for name, job in jobs.items():
        if isinstance(job, ReportJob | SweepReportJob):
            mark_report_if_inputs_unverified(name, checks, findings)
    played = sum(evaluations[name] for name in selected["played"])
    return AuditResult(config, list(findings), selected, (played, sum(evaluations.values())))


def sample_evaluations_by_episode_share(
    num_episodes_by_evaluation: dict[str, int], config: AuditConfig
) -> list[str]:
    """Draw the evaluations to re-execute, by the seed, until they hold the share of all episodes.

    Rounding of a network depends on the batch size, so only whole evaluations are reproducible.

    Args:
        num_episodes_by_evaluation: number of episodes of each evaluation.
        config: settings with `share` and `seed`.
    """
    min_episodes = config.share * sum(num_episodes_by_evaluation.values())
    shuffled = list(num_episodes_by_evaluation)
    random.Random(config.seed).shuffle(shuffled)
    sample: list[str] = []
    while sum(num_episodes_by_evaluation[name] for name in sample) < min_episodes:
        sample.append(shuffled[len(sample)])
    return sample


def _record_pipeline_and_machine_check_findings(
    job_by_first_output: dict[str, Job], checks: SidecarConsistencyChecker, findings: Findings
) -> None:
    """Record findings on pipelines and environment checks, which are not re-executed."""
    for name, job in job_by_first_output.items():
        if isinstance(job, PipelineCallJob):
            record_derived_pipeline_differences(name, job, checks, findings)
        elif isinstance(job, MachineCheckJob):
            record_machine_check_differences(name, job, checks, findings)


def _select_weights_files_to_retrain(
    job_by_weights_file: dict[str, TrainJob], run_name_or_all: str | None
) -> list[str]:
    """Return the weights files of the runs to retrain: none, all, or those of one run."""
    if run_name_or_all in (None, ALL):
        return list(job_by_weights_file) if run_name_or_all else []
    names = {job.run.name: name for name, job in job_by_weights_file.items()}
    if run_name_or_all not in names:
        choices = suggest_choice(run_name_or_all, [ALL, *sorted(names)])
        raise ConfigError(f"retrain: got {short_json(run_name_or_all)}; {choices}")
    return [names[run_name_or_all]]
