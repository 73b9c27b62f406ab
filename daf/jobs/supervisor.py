"""A job that runs the code of policies, watched by a second process.

The code may end its process in any way, keep it from ending, or leave others behind. The process
that Snakemake started only watches: it names the policy in one line, and takes nothing along.
"""

import contextlib
import json
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import psutil

from daf.errors import printable
from daf.jobs.log import LOG_FAILURE
from daf.system.interrupts import snakemake_process
from daf.system.processes import adopt_orphans, die_with_parent, end_descendants, ending, kill_tree

SECONDS_TO_END = 10.0
"""Time limit for ending a process whose work is done."""
SECONDS_TO_STOP = 90.0
"""Time limit for a job that was asked to stop; a training saves its state."""
SECONDS_BETWEEN = 0.5


@contextlib.contextmanager
def supervised(snakemake: Any) -> Iterator[Callable[..., None]]:
    """Run the block in a child process; this one waits for it and exits as it does.

    Outside of a job of Snakemake (an audit does jobs again in a process of its own) the block runs
    here.

    Yields:
        a function that is told which policy is next, and the log of what is done with it if that is
        not the job's: `tell(policy, log)`.
    """
    if type(snakemake).__module__.partition(".")[0] != "snakemake":
        yield lambda policy, log=None: None
        return
    sys.stdout.flush()
    sys.stderr.flush()
    reading, writing = os.pipe()
    watcher = os.getpid()
    adopt_orphans()
    child = os.fork()
    if child:
        os.close(writing)
        sys.exit(_Watch(snakemake, child, reading).status())
    os.close(reading)
    die_with_parent(watcher)
    process = os.getpid()
    try:
        yield lambda policy, log=None: _send(writing, policy=policy, log=log and str(log))
        _send(writing, end="done")
    except SystemExit as exit_:
        if exit_.code:  # the job has said why
            _send(writing, end="failed")
        raise
    finally:
        if os.getpid() != process:  # a policy has forked, and this is its child
            os._exit(1)


def _send(pipe: int, **message: str | None) -> None:
    with contextlib.suppress(OSError):  # the code of a policy may have closed it
        os.write(pipe, json.dumps(message).encode() + b"\n")


class _Watch:
    """What becomes of the process of a job."""

    def __init__(self, snakemake: Any, child: int, reading: int):
        self.rule, self.log = snakemake.rule, str(snakemake.log[0])
        self.child, self.reading = child, reading
        self.policy: str | None = None
        self.end = ""
        self._unread = b""
        self._stopped = False

    def status(self) -> int:
        """Wait for the end. Returns the exit status of the job."""
        for number in (signal.SIGTERM, signal.SIGINT):
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._stop)
        overdue = self._wait()
        _, status = os.waitpid(self.child, 0)
        left = end_descendants(1.0)
        if self.end == "done":
            if overdue or left:
                whose = "a process running" if left else "a thread running that kept its process"
                self._say(f"{self._whose()}its code left {whose}; it was ended")
            return 0
        code = os.waitstatus_to_exitcode(status)
        if self.end == "failed":
            return code if code > 0 else 1
        if self._stopped:
            self._say("interrupted, nothing was replaced; its process had to be killed")
            return 130
        killed = "; was it killed?" if code == -signal.SIGKILL else ""
        reason = f"its process ended without giving a reason ({ending(status)}{killed})"
        line = printable(f"{self._whose() or 'the job: '}{reason}")
        with (
            contextlib.suppress(OSError),
            open(self.log, "a", encoding="utf-8", errors="backslashreplace") as log,
        ):
            print(f"{LOG_FAILURE}{line}", file=log)
        self._say(line)
        return 1

    def _wait(self) -> bool:
        """Follow the process until it ends. Returns whether it had to be killed."""
        snakemake, deadline, overdue = snakemake_process(), None, False
        with contextlib.closing(_Descriptor(os.pidfd_open(self.child))) as process:
            sources = [process, self.reading]
            while True:
                ready, _, _ = select.select(sources, [], [], SECONDS_BETWEEN)
                if self.reading in ready and not self._read():
                    sources.remove(self.reading)
                elif process in ready:
                    return overdue
                if snakemake is not None and not _lives(snakemake):
                    self._stop()
                if deadline is None and (self.end or self._stopped):
                    seconds = SECONDS_TO_END if self.end else SECONDS_TO_STOP
                    deadline = time.monotonic() + seconds
                if deadline is not None and time.monotonic() > deadline:
                    overdue = True
                    kill_tree(self.child)

    def _read(self) -> bool:
        """Take what the process has told. Returns whether there may be more."""
        part = os.read(self.reading, 2**16)
        *lines, self._unread = (self._unread + part).split(b"\n")
        for line in lines:
            message = json.loads(line)
            self.end = message.get("end", self.end)
            self.policy = message.get("policy", self.policy)
            self.log = message.get("log") or self.log
        return bool(part)

    def _stop(self, *_: Any) -> None:
        if not self._stopped:
            self._stopped = True
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.child, signal.SIGTERM)

    def _whose(self) -> str:
        return f"policy '{self.policy}': " if self.policy else ""

    def _say(self, line: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            print(f"error in {self.rule}: {line}", file=sys.stderr, flush=True)


class _Descriptor:
    """A file descriptor that can be closed as a file."""

    def __init__(self, number: int):
        self.number = number

    def fileno(self) -> int:
        return self.number

    def close(self) -> None:
        os.close(self.number)


def _lives(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False
