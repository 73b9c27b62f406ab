"""Choice of the view of a workflow: screen, plain lines, or lines of a logger."""

import contextlib
import logging
import os
import sys
import time
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Protocol, TextIO

from daf.progress.messages import Level, Message
from daf.progress.plain_lines import LoggingView, PlainLinesView
from daf.progress.workflow_progress import WorkflowProgress


class View(Protocol):
    """View of a workflow, which is updated until it is closed."""

    def update(self, workflow: WorkflowProgress) -> None:
        """Show the current progress and the new messages of a workflow."""

    def write_message(self, message: Message) -> None:
        """Show one message."""

    def close(self) -> None:
        """Leave the terminal as it was."""


_view: ContextVar[View | None] = ContextVar("view", default=None)


@contextlib.contextmanager
def show_progress(warnings_and_results_only: bool) -> Iterator[None]:
    """Show the progress of the workflow calls in the block on stderr.

    Args:
        warnings_and_results_only: show warnings, failures and results only, and no screen.
    """
    view = choose_view(sys.stderr, warnings_and_results_only)
    token = _view.set(view)
    try:
        yield
    finally:
        _view.reset(token)
        view.close()


def current_view() -> View:
    """Return the view of `show_progress`; outside of it, one that logs."""
    return _view.get() or LoggingView(logging.getLogger("daf.orchestrators"))


def show_warning(subject: str, text: str) -> None:
    """Show a warning in the current view."""
    current_view().write_message(Message(time.time(), subject, text, Level.WARNING))


def choose_view(stream: TextIO, warnings_and_results_only: bool) -> View:
    """Return a screen if a stream is a terminal whose user wants one, else plain lines.

    Args:
        stream: text stream.
        warnings_and_results_only: show warnings, failures and results only, and no screen.
    """
    if warnings_and_results_only:
        return PlainLinesView(stream, min_level=Level.WARNING)
    if is_screen_wanted(stream):
        from daf.progress.screen import Screen  # rich takes 0.1 s

        return Screen(stream)
    return PlainLinesView(stream)


def is_screen_wanted(stream: TextIO) -> bool:
    """Return True if a stream is a terminal with colors that no variable turns off."""
    variables = ("NO_COLOR", "CI")
    return (
        stream.isatty()
        and os.environ.get("TERM", "dumb") != "dumb"
        and not any(os.environ.get(name) for name in variables)
    )
