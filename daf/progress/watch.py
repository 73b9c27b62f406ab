"""Following of a workflow that another process runs, from the files of its results folder."""

import contextlib
import os
import time
from pathlib import Path

import psutil

from daf.config import ConfigError
from daf.jobs.results_lock import find_lock_holder_pid
from daf.progress.event_file import FILE_NAME, EventFileReader
from daf.progress.messages import Level, Message
from daf.progress.view import View
from daf.progress.workflow_progress import WORKFLOW, WorkflowProgress

POLL_SECONDS = 1.0


def watch_until_success_or_failure(results_dir: str | Path, view: View) -> bool:
    """Show the progress of the workflow that writes to a results folder; return its success.

    Args:
        results_dir: results folder.
        view: view of the progress; the caller closes it.

    Returns:
        True if the workflow ended with success; False if it failed or its process has ended.

    Raises:
        ConfigError: no workflow has written events there, or they are damaged; one line.
    """
    path = Path(results_dir, FILE_NAME)
    if not path.exists():
        raise ConfigError(f"{path}: does not exist; expected the events of a workflow")
    reader = EventFileReader(path)
    workflow = WorkflowProgress(results_dir, str(path))
    while True:
        if reader.is_file_replaced():  # a pipeline calls Snakemake several times
            workflow = WorkflowProgress(results_dir, str(path))
        workflow.apply(reader.read_new_events())
        workflow.read_logs_and_live_metrics(time.time())
        if workflow.end_time is None and has_workflow_process_ended(workflow):
            text = "its process has ended without a result; start it again to continue"
            workflow.add_message(Message(time.time(), WORKFLOW, text, Level.FAILURE))
            view.update(workflow)
            return False
        view.update(workflow)
        if workflow.end_time is not None and not is_locked_by_workflow_caller(
            results_dir, workflow
        ):
            return not workflow.has_failed
        time.sleep(POLL_SECONDS)


def has_workflow_process_ended(workflow: WorkflowProgress) -> bool:
    """Return True if the process of a workflow ran on this host and has ended."""
    if workflow.writer is None or workflow.start_time is None:
        return False
    pid, host = workflow.writer
    if host != os.uname().nodename:
        return False
    with contextlib.suppress(psutil.AccessDenied, psutil.NoSuchProcess):
        process = psutil.Process(pid)
        is_other = process.create_time() > workflow.start_time + 1  # process ids are reused
        return is_other or process.status() == psutil.STATUS_ZOMBIE
    return not psutil.pid_exists(pid)


def is_locked_by_workflow_caller(results_dir: str | Path, workflow: WorkflowProgress) -> bool:
    """Return True if a pipeline still holds the folder after the end of its Snakemake call."""
    holder = find_lock_holder_pid(results_dir)
    return holder is not None and (workflow.writer is None or holder != workflow.writer[0])
