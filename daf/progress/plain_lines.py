"""Plain lines about a workflow: for a pipe, a log, or a user who wants no screen."""

import logging
import time
from typing import TextIO

from daf.progress.messages import Level, Message
from daf.progress.workflow_progress import WorkflowProgress

LOGGING_LEVELS = {
    Level.DETAIL: logging.INFO,
    Level.NOTE: logging.INFO,
    Level.WARNING: logging.WARNING,
    Level.FAILURE: logging.WARNING,
    Level.RESULT: logging.INFO,
}


class PlainLinesView:
    """View that writes one line per message, with the local time.

    Args:
        stream: text stream.
        min_level: lowest level of the messages that are written.
    """

    def __init__(self, stream: TextIO, min_level: Level = Level.DETAIL):
        self._stream, self._min_level = stream, min_level

    def update(self, workflow: WorkflowProgress) -> None:
        """Write the new messages of a workflow."""
        for message in workflow.take_messages():
            self.write_message(message)

    def write_message(self, message: Message) -> None:
        """Write a message."""
        if message.level >= self._min_level:
            clock = time.strftime("%H:%M:%S", time.localtime(message.time))
            self._stream.write(f"{clock} {message.line}\n")
            self._stream.flush()

    def close(self) -> None:
        """Do nothing; every line is written already."""


class LoggingView:
    """View that logs one line per message.

    Args:
        logger: logger that receives the lines.
    """

    def __init__(self, logger: logging.Logger):
        self._logger = logger

    def update(self, workflow: WorkflowProgress) -> None:
        """Log the new messages of a workflow."""
        for message in workflow.take_messages():
            self.write_message(message)

    def write_message(self, message: Message) -> None:
        """Log a message."""
        self._logger.log(LOGGING_LEVELS[message.level], "%s", message.line)

    def close(self) -> None:
        """Do nothing; every line is logged already."""
