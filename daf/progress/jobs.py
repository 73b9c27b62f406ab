"""Jobs of a workflow call, from the events of its logger plugin."""

import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from daf.jobs.batch import RULE_VARIANT
from daf.progress.events import EventFields

STALE_LOG_SECONDS = 1
"""A log that is this much older than the start of its job belongs to an earlier job."""

STATUS_BY_EVENT = {"job_finished": "finished", "job_error": "failed"}

CHECK_RULE = "environment_check"
"""Rule of the first job, before which no other job runs."""

TARGET_RULES = (
    "benchmark_report",
    "comparison_report",
    "evaluations",
    "best_known",
    "reference_results",
    "sweep",
    "trainings",
)
"""Rules without a script; their jobs end when their inputs exist."""

TAGS = ("eval_tag", "group")
"""Wildcards that name no subject of a job."""

OPEN_ENDED_RULES = ("propose", "rank")
"""Rules of a sweep, from whose results further jobs follow."""


class JobKey(NamedTuple):
    """Rule and wildcards, which identify a job of the workflow."""

    rule: str
    wildcards: dict[str, str]


@dataclass
class Job:
    """One job of the workflow, from Snakemake's events.

    Attributes:
        log: log file of the job; None without one, as for a target.
        output: files that the job writes.
        status: "planned", "running", "finished" or "failed".
        start_time, end_time: seconds since 1970; None if unknown.
        num_log_bytes: number of bytes of the log that a reader has read.
    """

    rule: str
    wildcards: dict[str, str]
    log: str | None
    output: list[str] = field(default_factory=list)
    status: str = "planned"
    start_time: float | None = None
    end_time: float | None = None
    num_log_bytes: int = 0

    @property
    def key(self) -> JobKey:
        """Rule and wildcards of the job."""
        return JobKey(self.rule, self.wildcards)

    @property
    def label(self) -> str:
        """Rule and subject of the job, as in messages."""
        subjects = [v for name, v in self.wildcards.items() if name not in TAGS]
        if not subjects and self.log is not None and Path(self.log).stem != self.rule:
            subjects = [Path(self.log).stem]
        return " ".join([self.rule, *subjects])

    @property
    def seconds_from_start_to_end(self) -> float:
        """Time from start to end, in s; the job has ended."""
        assert self.start_time is not None and self.end_time is not None
        return self.end_time - self.start_time

    def current_log_path(self) -> str | None:
        """Return the path of the log if this job, not an earlier one, wrote it; else None."""
        if self.log is None or self.start_time is None or not os.path.isfile(self.log):
            return None
        is_current = os.path.getmtime(self.log) >= self.start_time - STALE_LOG_SECONDS
        return self.log if is_current else None


class JobTracker:
    """Tracker of the jobs of one workflow call.

    Args:
        dry_run: no job runs, all stay "planned".

    Attributes:
        jobs: jobs that started, by their number in the call.
        running: those of them that run now.
        num_planned: planned number of jobs by rule, without later ones of checkpoints.
        num_done, num_failed: numbers of jobs that ended with success, and that failed.
        num_total: number of all jobs; None before the plan is known.
        max_running: highest number of jobs that ran at the same time.
    """

    def __init__(self, dry_run: bool = False):
        self.dry_run = dry_run
        self.jobs: dict[int, Job] = {}
        self.running: dict[int, Job] = {}
        self.num_planned: dict[str, int] = {}
        self.num_done = self.num_failed = 0
        self.num_total: int | None = None
        self.max_running = 0
        self._num_available: int | None = None
        self._num_started: Counter[str] = Counter()

    @property
    def succeeded(self) -> list[Job]:
        """Jobs that ended with success."""
        return [job for job in self.jobs.values() if job.status == "finished"]

    @property
    def observed_or_configured_concurrency(self) -> int:
        """Maximum number of jobs that run at the same time, as observed; before, as configured."""
        return self.max_running or self._num_available or 1

    def is_open_ended(self) -> bool:
        """Return True if an unknown number of jobs follows from jobs that have not ended."""
        return any(self.count_waiting(rule) for rule in OPEN_ENDED_RULES) or any(
            job.rule in OPEN_ENDED_RULES for job in self.running.values()
        )

    def count_waiting(self, rule: str) -> int:
        """Return the number of planned jobs of a rule that have not started."""
        return max(0, self.num_planned.get(rule, 0) - self._num_started[rule])

    def mark_running_as_succeeded(self, time: float) -> None:
        """Mark all jobs as finished; `snakemake --quiet progress` has no events of their ends."""
        for job in self.running.values():
            job.status, job.end_time = "finished", time
        self.num_done += len(self.running)
        self.running.clear()

    def apply_event_and_return_changed_job(self, event: EventFields) -> Job | None:
        """Update the jobs, and return the one that has just started or ended."""
        match event.event:
            case "run_info":
                self._set_planned_job_counts(event)
            case "progress" if event.total is not None:
                self.num_total = event.total
            case "resources_info":
                self._num_available = event.cores or event.nodes or self._num_available
            case "job_info" if event.jobid is not None:
                return self._start_job(event.jobid, event)
            case "job_finished" | "job_error":
                return self._end_job(event)
        return None

    def _set_planned_job_counts(self, event: EventFields) -> None:
        self.num_total = event.stats.get("total")
        self.num_planned = {}
        for name, number in event.stats.items():
            if name != "total":
                rule = name.partition(RULE_VARIANT)[0]
                self.num_planned[rule] = self.num_planned.get(rule, 0) + number

    def _start_job(self, job_id: int, event: EventFields) -> Job:
        logs = event.log or [None]
        rule = event.rule_name.partition(RULE_VARIANT)[0]
        # Snakemake appends the mode to the name of an updated file.
        output = [file.removesuffix(" (update)") for file in event.output or []]
        job = Job(rule, event.wildcards or {}, logs[0], output)
        previous = self.jobs.get(job_id)
        if previous is None:
            self._num_started[rule] += 1
        elif previous.status == "failed":  # this is a retry
            self.num_failed -= 1
        self.jobs[job_id] = job
        if not self.dry_run:
            job.status, job.start_time = "running", event.time
            self.running[job_id] = job
        if rule != CHECK_RULE:
            self.max_running = max(self.max_running, len(self.running))
        return job

    def _end_job(self, event: EventFields) -> Job | None:
        job_id = event.jobid if event.jobid is not None else event.job_id
        job = None if job_id is None else self.jobs.get(job_id)
        if job_id is not None and job is not None:
            self.running.pop(job_id, None)
            self.num_done += event.event == "job_finished"
            self.num_failed += event.event == "job_error"
            job.status, job.end_time = STATUS_BY_EVENT[event.event], event.time
        return job
