"""Progress of one workflow call: what it has done, runs now and still needs."""

from collections.abc import Callable, Iterable
from pathlib import Path, PurePath

from daf.jobs.log import LOG_FAILURE, LOG_START
from daf.progress.events import FINISHED, NOTHING_TO_DO, STARTED, Event, EventFields, parse_event
from daf.progress.job_logs import JobLogReader
from daf.progress.jobs import Job, JobTracker
from daf.progress.messages import (
    Level,
    Message,
    describe_plan,
    describe_run,
    format_last_training_score,
    format_seconds,
    percentage,
)
from daf.progress.planned_run import PlannedRun
from daf.progress.run_progress import (
    COLOCATED_RULE,
    TRAIN_RULE,
    RunProgress,
    RunProgressReader,
    select_runs_of_job,
)
from daf.progress.time_left import estimate_seconds_left

WORKFLOW = "workflow"
"""Subject of messages about the whole call."""

WARNING_PREFIX = "warning: "
"""Prefix of a warning in the log of a job."""

REPEATED_ERRORS = (
    "WorkflowError:\nAt least one job did not complete successfully.",
    "RuleException:\nCalledProcessError in file",
)
"""Begins of Snakemake's errors beside the failures of jobs, which are reported with reasons."""

PERCENT_STEP, SECONDS_BETWEEN_REPORTS = 10.0, 10.0
"""Percentage of a run's agent-steps, and time in s, between two messages about it."""

CONCLUDING_RULES = ("audit", "compare", "conclude")
"""Rules whose jobs print a result of the workflow."""

MAX_NEW_EVENTS = 200
"""Number of events in one read above which they are old, so that no time left is estimated."""

REPORT_SUFFIXES = (".html", ".zip", "best_config.yaml")
"""Ends of the names of outputs that a user opens."""


class WorkflowProgress:
    """Progress of one workflow call, from its events, logs and live metrics.

    Args:
        results_dir: results folder; None until the event of the start names it.
        source: origin of the events, for errors.
        dry_run: no job runs.
        describe_unexplained_failure: function that returns what is known about a failed job
            without a reason in its log.

    Attributes:
        jobs: jobs of the call.
        planned_runs: runs to train, by name.
        runs: last known progress of the runs, by name.
        start_time: time of the first event, in seconds since 1970; None before.
        end_time: time of the end, in seconds since 1970; None before.
        writer: process id and host of the workflow; None if unknown.
        has_failed: True if a job or the workflow failed.
    """

    def __init__(
        self,
        results_dir: str | Path | None = None,
        source: str = "events",
        dry_run: bool = False,
        describe_unexplained_failure: Callable[[], str] = lambda: "",
    ):
        self._source = source
        self._results_dir = results_dir
        self._describe_unexplained_failure = describe_unexplained_failure
        self._logs: JobLogReader | None = None
        self._trainings: RunProgressReader | None = None
        self._messages: list[Message] = []
        self._last_reports: dict[str, tuple[float, float]] = {}
        self._is_catching_up = False
        self.jobs = JobTracker(dry_run)
        self.planned_runs: dict[str, PlannedRun] = {}
        self.runs: dict[str, RunProgress] = {}
        self.start_time: float | None = None
        self.end_time: float | None = None
        self.writer: tuple[int, str] | None = None
        self.has_failed = False
        if results_dir is not None:
            self._open_readers(results_dir, str(results_dir))

    def apply(self, events: Iterable[Event]) -> None:
        """Update the progress by new events.

        Raises:
            ConfigError: an event is invalid; one line.
        """
        events = list(events)
        self._is_catching_up = len(events) > MAX_NEW_EVENTS
        for event in events:
            self._apply_event(parse_event(event, self._source))

    def read_logs_and_live_metrics(self, now: float) -> None:
        """Read the new lines of logs and live metrics.

        Args:
            now: current time, in seconds since 1970.
        """
        for job in self.jobs.running.values():
            self._add_log_messages(job, now)
        if self._trainings is not None and self._has_running_training():
            self.runs |= self._trainings.read()
            for job, run in self.list_running_runs():
                self._add_percent_message_if_due(job, run, now)

    def take_messages(self) -> list[Message]:
        """Return the messages since the last call."""
        messages, self._messages = self._messages, []
        return messages

    def add_message(self, message: Message) -> None:
        """Add a message for the views."""
        self._messages.append(message)

    def list_running_runs(self) -> list[tuple[Job, RunProgress]]:
        """Return the runs with live metrics of running jobs, each with its job."""
        return [
            (job, run)
            for job in self.jobs.running.values()
            for run in select_runs_of_job(job, self.runs)
        ]

    def estimate_seconds_left(self, now: float) -> float | None:
        """Estimate the time until the end of all known jobs, in s; None if it is unknown."""
        return estimate_seconds_left(self.jobs, self.planned_runs, self.runs, now)

    def describe_job_counts(self) -> str:
        """Return the number of finished jobs as text."""
        total = self.jobs.num_total
        failed = f", {self.jobs.num_failed} failed" if self.jobs.num_failed else ""
        return f"{self.jobs.num_done} of {'?' if total is None else total} jobs done{failed}"

    def describe_time_left(self, now: float) -> str:
        """Return the estimated time left as text, such as "about 3 min left"."""
        seconds = self.estimate_seconds_left(now)
        if seconds is None:
            return "time left not known yet"
        prefix = "at least" if self.jobs.is_open_ended() else "about"
        return f"{prefix} {format_seconds(seconds)} left"

    def _has_running_training(self) -> bool:
        rules = (TRAIN_RULE, COLOCATED_RULE)
        return any(job.rule in rules for job in self.jobs.running.values())

    def _open_readers(self, results_dir: str | Path, recorded_results_dir: str) -> None:
        self._logs = JobLogReader(results_dir, recorded_results_dir)
        self._trainings = RunProgressReader(results_dir)

    def _apply_event(self, event: EventFields) -> None:
        self.start_time = self.start_time or event.time
        match event.event:
            case kind if kind == STARTED:
                self._start_workflow(event)
            case kind if kind == FINISHED:
                self._finish_workflow(event)
            case kind if kind == NOTHING_TO_DO:
                self._add_message(event.time, WORKFLOW, event.message or "", Level.RESULT)
            case "note":
                self._add_message(event.time, WORKFLOW, event.message or "", Level.NOTE)
            case "warning":
                self._add_message(event.time, WORKFLOW, f"warning: {event.message}", Level.WARNING)
            case "error":
                self.has_failed = True
                if (event.message or "").startswith(REPEATED_ERRORS):
                    return
                self._add_message(event.time, WORKFLOW, f"error: {event.message}", Level.FAILURE)
            case "run_info":
                self.jobs.apply_event_and_return_changed_job(event)
                if not self.jobs.dry_run:
                    text = describe_plan(self.jobs.num_planned, self.jobs.num_total or 0)
                    self._add_message(event.time, WORKFLOW, text)
            case _:
                job = self.jobs.apply_event_and_return_changed_job(event)
                if job is not None and job.log is not None:  # targets have none
                    self._add_messages_about_job(job, event.time)

    def _start_workflow(self, event: EventFields) -> None:
        self._open_readers(self._results_dir or event.results_dir, event.results_dir)
        self.planned_runs = {name: PlannedRun(*run) for name, run in event.runs.items()}
        self.writer = None if event.pid is None else (event.pid, event.host)

    def _finish_workflow(self, event: EventFields) -> None:
        self.end_time = event.time
        self.has_failed |= not event.is_success
        if event.is_success:
            self.jobs.mark_running_as_succeeded(event.time)
        if not self.jobs.jobs:
            return
        for text in describe_made_files(self.jobs.succeeded):
            self._add_message(event.time, WORKFLOW, f"made {text}", Level.RESULT)
        assert self.start_time is not None
        elapsed = format_seconds(event.time - self.start_time)
        end = "failed" if self.has_failed else "finished"
        self._add_message(
            event.time, WORKFLOW, f"{end} after {elapsed}, {self.describe_job_counts()}",
            Level.FAILURE if self.has_failed else Level.RESULT,
        )  # fmt: skip

    def _add_messages_about_job(self, job: Job, now: float) -> None:
        if job.status == "running":
            planned = self.planned_runs.get(job.wildcards.get("run", ""))
            is_training = planned is not None and job.rule == TRAIN_RULE
            steps = f", {planned.steps:,} agent-steps" if planned and is_training else ""
            self._add_message(now, job.label, f"started{steps}")
        elif job.status == "finished":
            self._add_log_messages(job, now)
            run = self.runs.get(job.wildcards.get("run", ""))
            score = f", {format_last_training_score(run)}" if run and job.rule == TRAIN_RULE else ""
            duration = format_seconds(job.seconds_from_start_to_end)
            text = f"finished in {duration}{score}; {self.describe_job_counts()}"
            forecast = "" if self._is_catching_up else f", {self.describe_time_left(now)}"
            self._add_message(now, job.label, text + forecast)
        elif job.status == "failed":
            self.has_failed = True
            self._add_log_messages(job, now)
            failure = self._logs.describe_failure(job) if self._logs is not None else ""
            unexplained = "failed: ended without an error message"
            failure = failure or unexplained + self._describe_unexplained_failure()
            self._add_message(now, job.label, f"{failure} [log: {job.log}]", Level.FAILURE)

    def _add_log_messages(self, job: Job, now: float) -> None:
        if self._logs is None:
            return
        lines = self._logs.read_new_lines(job)
        while job.status != "running" and (more := self._logs.read_new_lines(job)):
            lines += more
        for line in lines:
            if not log_line_adds_information(line, job.rule):
                continue
            line = remove_job_name_prefix(line, job)
            level = Level.RESULT if job.rule in CONCLUDING_RULES else Level.DETAIL
            if line.lower().startswith(WARNING_PREFIX):
                level = Level.WARNING
                line = WARNING_PREFIX + remove_job_name_prefix(line[len(WARNING_PREFIX) :], job)
            self._add_message(now, job.label, line, level)

    def _add_percent_message_if_due(self, job: Job, run: RunProgress, now: float) -> None:
        percent = percentage(run)
        last_percent, last_time = self._last_reports.get(run.run, (0.0, run.start_time))
        if (
            last_percent + PERCENT_STEP <= percent < 100
            and now - last_time >= SECONDS_BETWEEN_REPORTS
        ):
            self._last_reports[run.run] = (percent, now)
            self._add_message(now, f"{TRAIN_RULE} {run.run}", describe_run(run, now))

    def _add_message(
        self, time: float, subject: str, text: str, level: Level = Level.DETAIL
    ) -> None:
        self._messages.append(Message(time, subject, text, level))


def remove_job_name_prefix(line: str, job: Job) -> str:
    """Remove the names of a job at the start of a line; they are the subject of the message."""
    for name in job.wildcards.values():
        line = line.removeprefix(f"{name}: ")
    return line


def log_line_adds_information(line: str, rule: str) -> bool:
    """Return False for lines of a job's log that other messages repeat."""
    repeated = (LOG_START, LOG_FAILURE, "executed ", f"{rule}: interrupted")
    if not line.strip() or line.startswith(repeated):
        return False
    is_training = rule in (TRAIN_RULE, COLOCATED_RULE)
    return not (is_training and " steps, " in line)  # live metrics tell the same


def describe_made_files(finished_jobs: Iterable[Job]) -> list[str]:
    """Describe the files that jobs have made: their folders, and the files that a user opens."""
    counts: dict[tuple[str, str], int] = {}
    opened = []
    for job in finished_jobs:
        if job.rule in (TRAIN_RULE, "evaluate") and job.output:
            folder = str(PurePath(job.output[0]).parent.parent)
            noun = "training runs" if job.rule == TRAIN_RULE else "evaluations"
            counts[noun, folder] = counts.get((noun, folder), 0) + 1
        opened += [file for file in job.output if file.endswith(REPORT_SUFFIXES)]
    texts = [
        f"{number} {noun if number > 1 else noun.removesuffix('s')} in {folder}"
        for (noun, folder), number in counts.items()
    ]
    return [*texts, *opened]
