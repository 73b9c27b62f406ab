"""Views: plain lines, lines of a logger, and the screen of a terminal."""

import io
import logging
import re

import pytest
from rich.console import Console

from daf.progress.messages import Level, Message
from daf.progress.plain_lines import LoggingView, PlainLinesView
from daf.progress.screen import Screen, draw_workflow
from daf.progress.view import choose_view, current_view, show_progress
from daf.progress.workflow_progress import WorkflowProgress

from . import workflow_events as events

START = events.START


class Terminal(io.StringIO):
    """Stream that claims to be a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def variables(monkeypatch):
    """Environment of a terminal with colors."""
    for name in ("CI", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")


def workflow_with(*more) -> WorkflowProgress:
    workflow = WorkflowProgress()
    workflow.apply([events.started(), events.planned(), *more])
    return workflow


def test_plain_lines_have_time_and_subject_and_are_flushed():
    stream = io.StringIO()
    PlainLinesView(stream).update(workflow_with(events.job_info(1, "evaluate", 0, policy="random")))
    lines = stream.getvalue().splitlines()
    assert len(lines) == 2
    assert all(re.match(r"\d\d:\d\d:\d\d \S.*: ", line) for line in lines)


def test_quiet_lines_are_warnings_failures_and_results():
    stream = io.StringIO()
    view = choose_view(stream, warnings_and_results_only=True)
    for level in Level:
        view.write_message(Message(START, "job", level.name, level))
    assert [line.split()[-1] for line in stream.getvalue().splitlines()] == [
        "WARNING", "FAILURE", "RESULT",
    ]  # fmt: skip


def test_python_callers_get_log_records(caplog):
    caplog.set_level(logging.INFO)
    view = current_view()
    assert isinstance(view, LoggingView)
    view.update(workflow_with())
    assert [record.levelname for record in caplog.records] == ["INFO"]
    assert caplog.messages[0].startswith("workflow: 11 jobs to do")


def test_the_view_of_a_command_ends_with_it(capsys):
    with show_progress(warnings_and_results_only=False):
        assert isinstance(current_view(), PlainLinesView)
        current_view().write_message(Message(START, "job", "text"))
    assert isinstance(current_view(), LoggingView)
    assert capsys.readouterr().err.endswith(" job: text\n")


def test_only_a_willing_terminal_gets_a_screen(monkeypatch):
    assert isinstance(choose_view(Terminal(), warnings_and_results_only=False), Screen)
    assert not isinstance(choose_view(Terminal(), warnings_and_results_only=True), Screen)
    assert not isinstance(choose_view(io.StringIO(), warnings_and_results_only=False), Screen)
    for name, value in (("CI", "true"), ("NO_COLOR", "1"), ("TERM", "dumb")):
        with monkeypatch.context() as context:
            context.setenv(name, value)
            assert not isinstance(choose_view(Terminal(), warnings_and_results_only=False), Screen)


def drawn(workflow: WorkflowProgress, now: float, height: int = 40, width: int = 100) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=height)
    console.print(draw_workflow(workflow, now, height))
    return [line.rstrip() for line in console.file.getvalue().splitlines()]  # type: ignore


def test_the_screen_has_one_line_per_running_job():
    jobs = (events.job_info(n, "evaluate", 0, policy=f"p{n}") for n in (1, 2))
    lines = drawn(workflow_with(*jobs), START + 5)
    assert lines[0] == "0 of 11 jobs done · 5 s so far · time left not known yet"
    assert [line.split()[:2] for line in lines[2:4]] == [["evaluate", "p1"], ["evaluate", "p2"]]
    assert all(line.endswith("running for 5 s") for line in lines[2:4])


@pytest.mark.parametrize("width", [20, 80, 200])
def test_many_jobs_fit_a_small_terminal(width):
    jobs = (events.job_info(n, "evaluate", 0, policy=f"p{n}" * 20) for n in range(50))
    lines = drawn(workflow_with(*jobs), START, height=12, width=width)
    assert len(lines) <= 12 and "and 43 more running" in lines
    assert max(map(len, lines)) <= width


def test_markup_and_escape_codes_are_plain_text():
    terminal = Terminal()
    view = Screen(terminal)
    workflow = workflow_with(events.job_info(1, "evaluate", 0, policy="[red]\x1b[31m"))
    workflow.add_message(Message(START, "job", "[bold]\x1b]0;title\x07", Level.FAILURE))
    view.update(workflow)
    view.close()
    written = terminal.getvalue()
    assert "[bold]" in written and "[red]" in written
    assert "\x1b]0;" not in written and "\x07" not in written


def test_the_screen_leaves_only_messages():
    terminal = Terminal()
    view = Screen(terminal)
    workflow = workflow_with(events.job_info(1, "report", 0), events.job_finished(1, 2))
    view.update(workflow)
    workflow.apply([events.finished(3)])
    view.update(workflow)
    view.close()
    written = terminal.getvalue()
    assert written.count("\x1b[?25l") == written.count("\x1b[?25h") == 1, "cursor is back"
    shown = re.findall(r"workflow: [^\x1b\n]*", written)
    assert shown == [
        "workflow: made results/report/1/output.html",
        "workflow: finished after 3 s, 1 of 11 jobs done",
    ]
