"""Messages of a workflow for a person: one line each, understandable alone."""

from collections.abc import Mapping
from enum import IntEnum
from typing import NamedTuple

from daf.errors import escape_unprintable
from daf.progress.jobs import TARGET_RULES
from daf.progress.run_progress import RunProgress


class Level(IntEnum):
    """Importance of a message; a quiet view shows warnings and above."""

    DETAIL = 0
    """Shown as a line only, since the screen has a bar for it."""
    NOTE = 1
    WARNING = 2
    FAILURE = 3
    RESULT = 4


class Message(NamedTuple):
    """One message.

    Attributes:
        time: time of the event, in seconds since 1970.
        subject: job, or part of the workflow, that the message is about.
        text: what happened.
        level: importance.
    """

    time: float
    subject: str
    text: str
    level: Level = Level.DETAIL

    @property
    def line(self) -> str:
        """Subject and text in one printable line."""
        return escape_unprintable(" ".join(f"{self.subject}: {self.text}".split()))


def format_seconds(seconds: float) -> str:
    """Return a duration with its two largest units."""
    seconds = max(0, round(seconds))
    if seconds < 60:
        return f"{seconds} s"
    minutes, seconds = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes} min {seconds} s" if seconds else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} days {hours} h" if hours else f"{days} days"


def format_last_training_score(run: RunProgress) -> str:
    """Return the score of a run with its ceiling, or what it waits for."""
    if run.score is None:
        return "no episode has ended yet"
    if run.is_score_share:
        return f"score {100 * run.score:.1f} % of the ceiling"
    ceiling = "" if run.ceiling is None else f" (ceiling {run.ceiling:.1f})"
    return f"score {run.score:.1f}{ceiling}"


def describe_run(run: RunProgress, now: float) -> str:
    """Describe the progress of a run: steps, speed, score and time left."""
    parts = [f"{run.steps:,} of {run.total_steps:,} agent-steps ({percentage(run):.0f} %)"]
    if run.steps_per_second is not None:
        parts.append(f"{run.steps_per_second:,.0f} per second")
    parts.append(format_last_training_score(run))
    seconds_left = run.seconds_left(now)
    if seconds_left is not None:
        parts.append(f"{format_seconds(seconds_left)} left")
    return ", ".join(parts)


def percentage(run: RunProgress) -> float:
    """Return the completed share of a run in percent, at most 100."""
    return min(100.0, 100 * run.steps / max(1, run.total_steps))


def describe_plan(num_planned: Mapping[str, int], num_jobs: int) -> str:
    """Describe the jobs of a call.

    Args:
        num_planned: planned number of jobs by rule.
        num_jobs: number of all jobs, including targets.
    """
    rules = [f"{n} {rule}" for rule, n in num_planned.items() if rule not in TARGET_RULES]
    jobs = "job" if num_jobs == 1 else "jobs"
    return f"{num_jobs} {jobs} to do: {', '.join(rules)}"
