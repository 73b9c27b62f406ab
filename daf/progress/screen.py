"""Screen of a workflow on a terminal: all jobs, time left, one bar per running job, messages."""

import time
from typing import TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from daf.errors import escape_unprintable
from daf.progress.jobs import Job
from daf.progress.messages import (
    Level,
    Message,
    format_last_training_score,
    format_seconds,
    percentage,
)
from daf.progress.run_progress import RunProgress
from daf.progress.workflow_progress import WorkflowProgress

STYLES = {Level.WARNING: "yellow", Level.FAILURE: "bold red", Level.RESULT: "bold"}
REFRESH_SECONDS = 0.5
MAX_LABEL_WIDTH, MIN_BAR_WIDTH = 40, 10
NUM_OTHER_LINES = 5
"""Lines of the screen besides the bars of jobs."""


class Screen:
    """View that keeps one screen, with the messages of warnings, failures and results above it.

    Args:
        stream: terminal.
    """

    def __init__(self, stream: TextIO):
        self._console = Console(file=stream, highlight=False, markup=False, emoji=False)
        self._live_display: Live | None = None
        self._last_refresh = 0.0

    def update(self, workflow: WorkflowProgress) -> None:
        """Print new messages, and draw the screen anew if it is due."""
        for message in workflow.take_messages():
            self.write_message(message)
        now = time.time()
        is_due = now - self._last_refresh >= REFRESH_SECONDS or workflow.end_time is not None
        if workflow.jobs.num_total is None or not is_due:
            return
        self._last_refresh = now
        if self._live_display is None:
            self._live_display = Live(console=self._console, auto_refresh=False, transient=True)
            self._live_display.start()
        self._live_display.update(draw_workflow(workflow, now, self._console.height), refresh=True)

    def write_message(self, message: Message) -> None:
        """Print a message, if the screen does not show the same."""
        if message.level == Level.DETAIL:
            return
        clock = time.strftime("%H:%M:%S", time.localtime(message.time))
        style = STYLES.get(message.level, "")
        text = Text.assemble((clock, "dim"), " ", (message.line, style))
        self._console.print(text, soft_wrap=True)

    def close(self) -> None:
        """Remove the screen; the messages remain."""
        if self._live_display is not None:
            self._live_display.stop()
            self._live_display = None


def draw_workflow(workflow: WorkflowProgress, now: float, height: int) -> Group:
    """Draw the state of a workflow.

    Args:
        workflow: progress of the workflow.
        now: current time, in seconds since 1970.
        height: lines of the terminal.
    """
    start_time = now if workflow.start_time is None else workflow.start_time
    parts = [
        workflow.describe_job_counts(),
        f"{format_seconds((workflow.end_time or now) - start_time)} so far",
    ]
    if workflow.end_time is None:
        parts.append(workflow.describe_time_left(now))
    summary = Text.assemble((" · ".join(parts), "bold"), overflow="ellipsis", no_wrap=True)
    bar = Table.grid(expand=True)  # a bar alone does not end its line
    bar.add_row(
        ProgressBar(total=max(1, workflow.jobs.num_total or 1), completed=workflow.jobs.num_done)
    )
    jobs = _draw_running_jobs(workflow, now, max(1, height - NUM_OTHER_LINES))
    return Group(summary, bar, *jobs, Text())  # the last line is for the echo of Ctrl-C


def _draw_running_jobs(workflow: WorkflowProgress, now: float, max_rows: int) -> list[Table | Text]:
    table = Table.grid(padding=(0, 2), expand=True)
    table.add_column(no_wrap=True, overflow="ellipsis", max_width=MAX_LABEL_WIDTH)
    table.add_column(ratio=1, min_width=MIN_BAR_WIDTH)
    table.add_column(no_wrap=True, overflow="ellipsis")
    table.add_column(no_wrap=True, justify="right")
    runs = workflow.list_running_runs()
    rows = [(f"{_training_label(job, run)}", run, job) for job, run in runs]
    with_runs = {id(job) for job, _ in runs}
    rows += [
        (job.label, None, job)
        for job in workflow.jobs.running.values()
        if id(job) not in with_runs and job.log is not None
    ]
    for label, run, job in rows[:max_rows]:
        name = Text(escape_unprintable(label))
        if run is None:
            elapsed = now - (job.start_time or now)
            state = Text(f"running for {format_seconds(elapsed)}", "dim")
            table.add_row(name, "", state, "")
        else:
            table.add_row(name, *_draw_bar_numbers_and_time_left(run, now))
    hidden = len(rows) - max_rows
    more = [Text(f"and {hidden} more running", "dim")] if hidden > 0 else []
    return [table, *more]


def _training_label(job: Job, run: RunProgress) -> str:
    return job.label if job.wildcards.get("run") == run.run else f"{job.rule} {run.run}"


def _draw_bar_numbers_and_time_left(run: RunProgress, now: float) -> tuple[ProgressBar, Text, Text]:
    """Draw the bar, the numbers and the time left of a run."""
    bar = ProgressBar(total=100, completed=percentage(run))
    numbers = [
        f"{_format_with_si_prefix(run.steps)} of {_format_with_si_prefix(run.total_steps)} steps"
    ]
    if run.steps_per_second is not None:
        numbers.append(f"{_format_with_si_prefix(run.steps_per_second)}/s")
    numbers.append(format_last_training_score(run))
    seconds_left = run.seconds_left(now)
    left = "" if seconds_left is None else f"{format_seconds(seconds_left)} left"
    return bar, Text(" · ".join(numbers)), Text(left)


def _format_with_si_prefix(number: float) -> str:
    """Return a number with at most 3 digits and a unit."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.3g}{unit}"
    return f"{number:.0f}"
