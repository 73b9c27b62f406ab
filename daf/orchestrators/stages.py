"""Pipeline stages: named groups of workflow rules."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from daf.progress.jobs import Job

CHECK_STAGE = "environment_check"
TRAIN_RULES = ("train_colocated", "train")
"""Rules that train; the first of them trains several runs in one job."""


@dataclass(frozen=True)
class Stage:
    """One stage of a pipeline and its workflow rules."""

    name: str
    rules: tuple[str, ...]


def find_rule_stage(stages: Sequence[Stage], rules: Sequence[str]) -> str:
    """Return the name of the first stage that has one of the rules, else of the first stage."""
    matches = (stage.name for stage in stages if set(rules) & set(stage.rules))
    return next(matches, stages[0].name)


def compute_time_span_seconds(jobs: Iterable[Job]) -> float:
    """Return the time from the start of the first job to the end of the last, in seconds."""
    jobs = list(jobs)
    end_times = [job.end_time for job in jobs if job.end_time is not None]
    start_times = [job.start_time for job in jobs if job.start_time is not None]
    return max(end_times) - min(start_times) if end_times else 0.0
