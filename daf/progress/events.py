"""Events of a workflow call: fields, and the start that the workflow announces to its logger."""

import os
import time
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from daf.config import ConfigError
from daf.errors import describe_validation_error
from daf.progress.planned_run import PlannedRun

STARTED, FINISHED = "workflow_started", "workflow_finished"
NOTHING_TO_DO = "nothing_to_do"

MAX_COUNT = 2**53
MAX_PLANNED_JOBS = 1_000_000
MAX_PROCESS_ID = 2**31 - 1

Count = Annotated[int, Field(ge=0, le=MAX_COUNT)]
"""Number of jobs, cores or agent-steps, or the number of a job."""


def _check_not_too_many_jobs(num_planned: dict[str, int]) -> dict[str, int]:
    if sum(num_planned.values()) > 2 * MAX_PLANNED_JOBS:  # the key `total` repeats the others
        raise ValueError(f"expected at most {MAX_PLANNED_JOBS} jobs")
    return num_planned


PlannedJobs = Annotated[dict[str, Count], AfterValidator(_check_not_too_many_jobs)]
"""Planned number of jobs by rule, and `total`; the time left is estimated from each job."""

Event = dict[str, Any]
"""One event as plain data: `event` names its kind, `time` is in seconds since 1970."""


class EventFields(BaseModel):
    """Fields of all kinds of events; a kind has some of them.

    Attributes:
        event: kind of the event; jobs have the kinds of Snakemake.
        time: time of the event, in seconds since 1970.
        message: text of a warning or an error.
        jobid, job_id: number of a job in this call.
        log, output: files of a job.
        threads: threads of a job.
        is_checkpoint: True if further jobs may follow from the job.
        stats: planned number of jobs by rule, and `total`.
        done, total: numbers of finished and of all jobs.
        cores: cores of this call.
        nodes: maximum number of submitted jobs of this call.
        pid, host: process of the workflow.
        results_dir: results folder, as in paths of files.
        runs: policy, agent-steps and class path of the runs to train, by name.
        is_success: False if the workflow failed.
    """

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)

    event: str
    time: Annotated[float, Field(ge=0, le=1e11)]
    message: str | None = None
    jobid: Count | None = None
    job_id: Count | None = None
    rule_name: str = ""
    wildcards: dict[str, str] | None = None
    output: list[str] | None = None
    log: list[str] | None = None
    threads: Count = 1
    is_checkpoint: bool = False
    stats: PlannedJobs = Field(default_factory=dict)
    done: Count | None = None
    total: Count | None = None
    cores: Count | None = None
    nodes: Count | None = None
    pid: Annotated[int, Field(ge=1, le=MAX_PROCESS_ID)] | None = None
    host: str = ""
    results_dir: str = ""
    runs: dict[str, tuple[str, Count, str]] = Field(default_factory=dict)
    is_success: bool = True


def parse_event(event: Event, source: str) -> EventFields:
    """Return the fields of an event.

    Args:
        event: plain data, which may be of an untrusted file.
        source: origin of the event, the prefix of error messages.

    Raises:
        ConfigError: a field is invalid; one line.
    """
    try:
        return EventFields.model_validate(event)
    except ValidationError as error:
        reason = describe_validation_error(error, EventFields)
        raise ConfigError(f"{source}: no event of a workflow ({reason})") from None


_start_listeners: list[Callable[[Event], None]] = []


def register_workflow_start_listener(listener: Callable[[Event], None]) -> None:
    """Call a function with the first event, when the workflow of this process starts its jobs."""
    _start_listeners.append(listener)


def call_workflow_start_listeners(results_dir: str, planned_runs: Mapping[str, PlannedRun]) -> None:
    """Announce that the workflow of this process holds its results folder and starts its jobs.

    Args:
        results_dir: results folder.
        planned_runs: runs to train, by name.
    """
    event = {
        "event": STARTED,
        "time": round(time.time(), 3),
        "pid": os.getpid(),
        "host": os.uname().nodename,
        "results_dir": results_dir,
        "runs": {name: list(run) for name, run in planned_runs.items()},
    }
    for listener in _start_listeners:
        listener(event)
