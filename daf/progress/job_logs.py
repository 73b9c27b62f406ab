"""New lines of the logs of running jobs."""

import os
from pathlib import Path, PurePath

from daf.files.safe_read import is_within, open_regular_file
from daf.jobs.log import LOG_FAILURE
from daf.progress.jobs import Job

MAX_READ_BYTES = 2**16
"""Maximum bytes that one refresh reads of a log; a job that writes more is read later."""


class JobLogReader:
    """Reader of the logs of jobs.

    Args:
        results_dir: results folder; only logs in it are read.
        recorded_results_dir: results folder as in the paths of the jobs.
    """

    def __init__(self, results_dir: str | Path, recorded_results_dir: str | Path):
        self._results_dir = Path(results_dir)
        self._recorded_results_dir = PurePath(recorded_results_dir)

    def read_new_lines(self, job: Job) -> list[str]:
        """Return the complete lines that a job has written since the last call."""
        path = self.find_current_log_path(job)
        if path is None:
            return []
        try:
            with open_regular_file(path) as file:
                file.seek(job.num_log_bytes)
                content = file.read(MAX_READ_BYTES)
        except OSError:  # a log is optional; the job itself reports why
            return []
        end = content.rfind(b"\n") + 1 or (len(content) == MAX_READ_BYTES) * len(content)
        job.num_log_bytes += end
        return content[:end].decode(errors="replace").splitlines()

    def describe_failure(self, job: Job) -> str:
        """Return "failed: REASON" or "interrupted, ..." from the end of a log; "" if unknown."""
        path = self.find_current_log_path(job)
        if path is None:
            return ""
        try:
            with open_regular_file(path) as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - MAX_READ_BYTES))
                lines = file.read().decode(errors="replace").splitlines()
        except OSError:
            return ""
        failures = [line for line in lines if line.startswith(LOG_FAILURE)]
        prefix = f"{job.rule}: "
        interrupts = [
            line.removeprefix(prefix) for line in lines if line.startswith(f"{prefix}interrupted, ")
        ]
        return (failures or interrupts or [""])[-1]

    def find_current_log_path(self, job: Job) -> Path | None:
        """Return the path of the log of this job, not of an earlier one, in the results folder."""
        if job.log is None or job.start_time is None:
            return None
        log = PurePath(job.log)
        if not log.is_relative_to(self._recorded_results_dir):
            return None
        path = self._results_dir / log.relative_to(self._recorded_results_dir)
        located = Job(job.rule, job.wildcards, str(path), start_time=job.start_time)
        try:
            current = located.current_log_path() if is_within(path, self._results_dir) else None
        except (OSError, ValueError):  # it was just removed, or no path can be so
            return None
        return None if current is None else Path(current)
