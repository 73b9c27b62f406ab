"""Records of Snakemake's logger: events for files, and a view of the workflow on the terminal."""

import contextlib
import logging
import os
import threading
import time
from pathlib import Path
from typing import Any

from daf.progress.captured_output import CapturedStandardStreams
from daf.progress.event_file import FILE_NAME, EventFileWriter
from daf.progress.events import (
    FINISHED,
    NOTHING_TO_DO,
    STARTED,
    Event,
    register_workflow_start_listener,
)
from daf.progress.messages import Level, Message
from daf.progress.view import View, choose_view
from daf.progress.workflow_progress import WORKFLOW, WorkflowProgress

EVENTS = (
    "job_info", "job_started", "job_finished", "job_error", "error", "run_info", "progress",
    "resources_info",
)  # fmt: skip
EARLY_EVENTS = ("run_info", "resources_info", "note")
"""Kinds of events before the workflow holds its results folder."""

FIELDS = (
    "jobid", "job_id", "jobs", "rule_name", "wildcards", "output", "log", "threads",
    "is_checkpoint", "stats", "done", "total", "cores", "nodes", "exception",
)  # fmt: skip
UNINFORMATIVE = ("Exiting because a job execution failed", "Cannot restore ")
"""Begins of Snakemake's warnings and errors that follow from the failure of a job."""

REFRESH_SECONDS = 0.5


class SnakemakeLog:
    """Log of one Snakemake call: it writes the events to files, and shows the progress.

    The events go to `progress.jsonl` in the results folder, as soon as the workflow holds the lock
    of the folder.

    Args:
        output_settings: output settings of Snakemake.
        private_event_file: file that receives the events, instead of a view; None without one.

    Attributes:
        has_view: True if the log replaces Snakemake's output. It does not for a dry run, nor if
            the user asks for output of Snakemake, such as the commands of jobs.
    """

    def __init__(self, output_settings: Any, private_event_file: str | None):
        self._common_settings = output_settings
        self._private_file = (
            None if private_event_file is None else EventFileWriter(private_event_file)
        )
        self._results_file: EventFileWriter | None = None
        self._early_events: list[Event] = []
        self._held_records: list[logging.LogRecord] = []
        self._is_started = self._is_closed = False
        self._lock = threading.RLock()
        self._capture: CapturedStandardStreams | None = None
        self._workflow = WorkflowProgress(describe_unexplained_failure=self._format_last_output)
        self._view: View | None = None
        wants_snakemake_output = (
            output_settings.dryrun
            or output_settings.verbose
            or output_settings.debug_dag
            or output_settings.printshellcmds
        )
        if private_event_file is None and not wants_snakemake_output:
            with contextlib.suppress(OSError):  # stderr is closed
                self._terminal_stream = os.fdopen(os.dup(2), "w", errors="backslashreplace")
                self._view = choose_view(self._terminal_stream, bool(output_settings.quiet))
        self.has_view = self._view is not None
        if not output_settings.dryrun:
            register_workflow_start_listener(self._open_event_file_and_start_view)

    def handle(self, record: logging.LogRecord) -> None:
        """Write and show one record of Snakemake's logger."""
        with self._lock:
            event = make_event(record)
            if event is not None:
                self._write_to_event_files(event)
            self._is_started |= f"{getattr(record, 'event', None)}" == STARTED
            if self._is_started and event is not None:
                self._apply_event_and_update_view(event)
            elif self._view is not None and not self._is_started:
                self._print_warnings_and_hold_other_records(record)

    def record_end_and_close(self, is_success: bool) -> None:
        """Record the end of the call, and leave the terminal as it was.

        Args:
            is_success: False if the call was interrupted or ended by an error.
        """
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            event: Event = {"event": FINISHED, "time": round(time.time(), 3)}
            event["is_success"] = is_success and not self._workflow.has_failed
            if self._results_file is not None:
                self._write_to_event_files(event)
            if self._is_started:
                self._apply_event_and_update_view(event)
            if self._view is not None:
                with contextlib.suppress(OSError):  # the terminal is gone
                    self._view.close()
            for record in self._held_records if not self._is_started else ():
                self._print_as_snakemake(record)
            if self._capture is not None:
                self._capture.restore()
            for file in (self._private_file, self._results_file):
                if file is not None:
                    file.close()

    def _open_event_file_and_start_view(self, event: Event) -> None:
        """Open the file in the results folder and start the view; all jobs start later."""
        with self._lock:
            try:
                self._results_file = EventFileWriter(Path(event["results_dir"], FILE_NAME))
            except OSError as error:
                self._warn_about_unwritable_event_file(error)
            early_events, self._early_events = self._early_events, []
            for each in [event, *early_events]:
                self._append_to_results_file(each)
            if self._private_file is not None:
                self._private_file.append(event)
            self._workflow.apply([event])
            if self._view is not None:
                self._capture = CapturedStandardStreams()
                threading.Thread(target=self._refresh_until_closed, daemon=True).start()

    def _write_to_event_files(self, event: Event) -> None:
        if self._private_file is not None:
            self._private_file.append(event)
        if self._results_file is not None:
            self._append_to_results_file(event)
        elif not self._common_settings.dryrun and event["event"] in EARLY_EVENTS:
            self._early_events.append(event)

    def _append_to_results_file(self, event: Event) -> None:
        if self._results_file is None:
            return
        try:
            self._results_file.append(event)
        except OSError as error:
            self._results_file.close()
            self._results_file = None
            self._warn_about_unwritable_event_file(error)

    def _warn_about_unwritable_event_file(self, error: OSError) -> None:
        text = f"{FILE_NAME}: {error.strerror}; `daf watch` cannot follow this call"
        self._workflow.add_message(
            Message(time.time(), WORKFLOW, f"warning: {text}", Level.WARNING)
        )

    def _apply_event_and_update_view(self, event: Event) -> None:
        self._workflow.apply([event])
        self._update_view()

    def _update_view(self) -> None:
        if self._view is None:
            self._workflow.take_messages()
            return
        try:
            self._view.update(self._workflow)
        except OSError:  # the terminal is gone; the files go on
            self._view = None

    def _refresh_until_closed(self) -> None:
        while True:
            with self._lock:
                if self._is_closed or self._view is None:
                    return
                self._workflow.read_logs_and_live_metrics(time.time())
                self._update_view()
            time.sleep(REFRESH_SECONDS)

    def _format_last_output(self) -> str:
        last_lines = "" if self._capture is None else self._capture.last_lines
        return f"; last output: {last_lines}" if last_lines else ""

    def _print_warnings_and_hold_other_records(self, record: logging.LogRecord) -> None:
        """Print warnings and errors. Hold the rest, which interests only without a workflow."""
        if record.levelno < logging.WARNING:
            self._held_records.append(record)
        else:
            self._print_as_snakemake(record)

    def _print_as_snakemake(self, record: logging.LogRecord) -> None:
        from snakemake.logging import DefaultFilter, DefaultFormatter

        settings = self._common_settings
        chosen = DefaultFilter(settings.quiet, False, False, False, False)
        text = DefaultFormatter(settings.quiet, settings.show_failed_logs).format(record)
        if chosen.filter(record) and text:
            with contextlib.suppress(OSError):
                print(text, file=self._terminal_stream, flush=True)


def make_event(record: logging.LogRecord) -> Event | None:
    """Return the event of a record of Snakemake's logger; None if it has no interest."""
    kind, message = f"{getattr(record, 'event', None)}", record.getMessage()
    if message.startswith("Nothing to be done"):
        kind = NOTHING_TO_DO
    elif kind == "None" and record.levelno >= logging.WARNING:
        kind = "warning"
    elif kind == "None" and record.pathname.endswith(".smk"):  # a message of the workflow
        kind = "note"
    if kind not in (*EVENTS, NOTHING_TO_DO, "note", "warning") or (
        kind == "warning" and message.startswith(UNINFORMATIVE)
    ):
        return None
    event: Event = {"event": kind, "time": record.created}
    if record.msg is not None:
        event["message"] = message
    return event | {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}
