"""Supervision of jobs that run user code of policies.

User code may exit its process, block its exit or leave child processes running. Therefore the job
runs in a child process. The process that Snakemake started supervises it, and names the policy of a
crash in one line.
"""

import contextlib
import json
import os
import select
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import psutil

from daf.errors import escape_unprintable
from daf.jobs.log import LOG_FAILURE
from daf.system.garbage_collection import collect_garbage_rarely
from daf.system.interrupts import find_snakemake_ancestor
from daf.system.processes import (
    adopt_orphaned_descendants,
    die_with_parent,
    format_exit_status,
    kill_tree,
    wait_then_kill_descendants,
)

SECONDS_TO_END = 10.0
"""Time limit for the exit of a finished process."""
SECONDS_TO_STOP = 90.0
"""Time limit for the exit after a stop signal, in which a run saves its resume state."""
POLL_SECONDS = 0.5
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class SetPolicyForErrors(Protocol):
    """Function that sets the policy and the log file that an error line names."""

    def __call__(self, policy_name: str, log_path: str | Path | None = None) -> None:
        """Set the policy, and the log file (default: the job's)."""


@contextlib.contextmanager
def run_in_supervised_child(snakemake: Any) -> Iterator[SetPolicyForErrors]:
    """Run the block in a child process; wait for it, and exit with its status.

    Without a Snakemake job, as in the isolated re-execution of an audit, the block runs in this
    process.

    Yields:
        a function for the block that sets the policy that an error line names.
    """
    collect_garbage_rarely()
    if type(snakemake).__module__.partition(".")[0] != "snakemake":
        yield lambda policy_name, log_path=None: None
        return
    sys.stdout.flush()
    sys.stderr.flush()
    read_end, write_end = os.pipe()
    supervisor = os.getpid()
    adopt_orphaned_descendants()
    # A signal that arrives before the supervisor handles it would end the supervisor only.
    previous_mask = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    child = os.fork()
    if child:
        os.close(write_end)
        job_supervisor = _JobProcessSupervisor(snakemake, child, read_end)
        job_supervisor.forward_stop_signals()
        signal.pthread_sigmask(signal.SIG_SETMASK, previous_mask)
        sys.exit(job_supervisor.wait_and_decide_exit_status())
    signal.pthread_sigmask(signal.SIG_SETMASK, previous_mask)
    os.close(read_end)
    die_with_parent(supervisor)
    process = os.getpid()
    try:
        yield lambda policy_name, log_path=None: _send_message(
            write_end, policy=policy_name, log=log_path and str(log_path)
        )
        _send_message(write_end, end="done")
    except SystemExit as exit_error:
        if exit_error.code:  # the job has printed the reason
            _send_message(write_end, end="failed")
        raise
    finally:
        if os.getpid() != process:  # a process that user code has forked
            os._exit(1)


def _send_message(write_descriptor: int, **message: str | None) -> None:
    with contextlib.suppress(OSError):  # user code may have closed the pipe
        os.write(write_descriptor, json.dumps(message).encode() + b"\n")


class _JobProcessSupervisor:
    """Supervisor of the child process of a job.

    Args:
        child_pid: process id.
        message_descriptor: read end of the pipe with the child's messages, one JSON object a line.
    """

    def __init__(self, snakemake: Any, child_pid: int, message_descriptor: int):
        self.rule, self.log = snakemake.rule, str(snakemake.log[0])
        self.child, self.pipe = child_pid, message_descriptor
        self.policy: str | None = None
        self.end = ""
        self._unread = b""
        self._stopped = False

    def forward_stop_signals(self) -> None:
        """Forward stop signals to the child, except those that this process ignores."""
        for number in STOP_SIGNALS:
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._stop_child)

    def wait_and_decide_exit_status(self) -> int:
        """Wait for the end of the child, and return the exit status of the job."""
        was_killed = self._wait_and_kill_if_overdue()
        _, status = os.waitpid(self.child, 0)
        num_killed = wait_then_kill_descendants(1.0)
        if self.end == "done":
            if was_killed or num_killed:
                leftover = "a process" if num_killed else "a thread that blocked the exit"
                self._print_error_with_rule(
                    f"{self._format_policy_prefix()}its code left {leftover} running; killed"
                )
            return 0
        code = os.waitstatus_to_exitcode(status)
        if self.end == "failed":
            return code if code > 0 else 1
        if self._stopped:
            self._print_error_with_rule("interrupted, nothing was replaced; its process was killed")
            return 130
        hint = "; was it killed?" if code == -signal.SIGKILL else ""
        reason = f"its process ended without an error message ({format_exit_status(status)}{hint})"
        line = escape_unprintable(f"{self._format_policy_prefix() or 'the job: '}{reason}")
        with (
            contextlib.suppress(OSError),
            open(self.log, "a", encoding="utf-8", errors="backslashreplace") as log,
        ):
            print(f"{LOG_FAILURE}{line}", file=log)
        self._print_error_with_rule(line)
        return 1

    def _wait_and_kill_if_overdue(self) -> bool:
        """Read messages until the child ends; kill it if it is overdue. True if it was killed."""
        snakemake, deadline, was_killed = find_snakemake_ancestor(), None, False
        with contextlib.closing(_ProcessDescriptor(os.pidfd_open(self.child))) as process:
            sources = [process, self.pipe]
            while True:
                ready, _, _ = select.select(sources, [], [], POLL_SECONDS)
                if self.pipe in ready and not self._read_messages_if_open():
                    sources.remove(self.pipe)
                elif process in ready:
                    return was_killed
                if snakemake is not None and not _is_alive(snakemake):
                    self._stop_child()
                if deadline is None and (self.end or self._stopped):
                    seconds = SECONDS_TO_END if self.end else SECONDS_TO_STOP
                    deadline = time.monotonic() + seconds
                if deadline is not None and time.monotonic() > deadline:
                    was_killed = True
                    kill_tree(self.child)

    def _read_messages_if_open(self) -> bool:
        """Read messages of the child, if its pipe is open; return False at the end of the pipe."""
        chunk = os.read(self.pipe, 2**16)
        *lines, self._unread = (self._unread + chunk).split(b"\n")
        for line in lines:
            message = json.loads(line)
            self.end = message.get("end", self.end)
            self.policy = message.get("policy", self.policy)
            self.log = message.get("log") or self.log
        return bool(chunk)

    def _stop_child(self, *_: Any) -> None:
        if not self._stopped:
            self._stopped = True
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.child, signal.SIGTERM)

    def _format_policy_prefix(self) -> str:
        return f"policy '{self.policy}': " if self.policy else ""

    def _print_error_with_rule(self, line: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            print(f"error in {self.rule}: {line}", file=sys.stderr, flush=True)


class _ProcessDescriptor:
    """File descriptor with the method `close` of a file."""

    def __init__(self, number: int):
        self.number = number

    def fileno(self) -> int:
        return self.number

    def close(self) -> None:
        os.close(self.number)


def _is_alive(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False
