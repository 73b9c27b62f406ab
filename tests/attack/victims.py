"""Runs of DAF commands on hostile input, with status, memory and time."""

import functools
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

SECONDS, MEMORY_MB = 300.0, 2048
"""Limits of a command; on an idle machine all commands take less than a fifth."""

NOBODY = 65534
DAF = str(Path(sys.executable).with_name("daf"))


@dataclass(frozen=True)
class CommandResult:
    """Result of one command.

    Attributes:
        status: exit status; None after a timeout.
        text: standard output and error.
        memory_mb: peak memory of the process and its descendants, in MiB.
        seconds: run time.
    """

    status: int | None
    text: str
    memory_mb: float
    seconds: float

    def check(self, *, verified: bool = False) -> None:
        """Assert that the command ended within limits, without traceback, and with the status."""
        assert self.status is not None, f"hangs: {self.text}"
        assert "Traceback" not in self.text, self.text
        assert self.memory_mb < MEMORY_MB, f"{self.memory_mb:.0f} MB"
        assert (self.status == 0) == verified, self.text
        assert self.status in (0, 1, 2, 3), self.text


def run(
    *arguments: str, cwd: Path, unprivileged: bool = False, seconds: float = SECONDS
) -> CommandResult:
    """Run a command of DAF.

    Args:
        arguments: command-line arguments of `daf`.
        cwd: the working directory.
        unprivileged: true to run as user nobody, or as root without capabilities if nobody cannot
            run this Python; file modes apply to both.
        seconds: timeout in seconds.
    """
    # The cache saves the compilation of the simulator, the slowest step.
    cache = os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache"))
    caches = {} if unprivileged else {"XDG_CACHE_HOME": cache}
    start = time.monotonic()
    command, options = [DAF, *arguments], {}
    if unprivileged and is_runnable_by_nobody():
        options = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    elif unprivileged:
        command = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", *command]
    process = subprocess.Popen(
        command,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        env=os.environ | {"HOME": str(cwd.parent), "OMP_NUM_THREADS": "1"} | caches,
        **options,
    )
    peak = [0.0]
    watch = threading.Thread(target=_watch, args=(process, peak), daemon=True)
    watch.start()
    try:
        text = process.communicate(timeout=seconds)[0]
        status = process.returncode
    except subprocess.TimeoutExpired:
        for descendant in (*psutil.Process(process.pid).children(recursive=True), process):
            descendant.kill()
        text, status = process.communicate()[0], None
    return CommandResult(status, text.decode(errors="replace"), peak[0], time.monotonic() - start)


@functools.cache
def is_runnable_by_nobody() -> bool:
    """Return true if user nobody can run this DAF."""
    try:
        subprocess.run([DAF, "policies"], check=True, capture_output=True, user=NOBODY)
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def _watch(process: subprocess.Popen, peak: list[float]) -> None:
    while process.poll() is None:
        try:
            root_process = psutil.Process(process.pid)
            sizes = [
                p.memory_info().rss for p in (root_process, *root_process.children(recursive=True))
            ]
            peak[0] = max(peak[0], sum(sizes) / 2**20)
        except psutil.Error:
            pass
        time.sleep(0.2)


def state(folder: Path) -> dict[str, tuple]:
    """Return mode, inode and small contents of all entries of a folder; links are not followed."""
    entries = {}
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(parent, name)
            info = os.lstat(path)
            small = path.is_file() and not path.is_symlink() and info.st_size < 10**6
            content = path.read_bytes() if small and os.access(path, os.R_OK) else b""
            entries[str(path.relative_to(folder))] = (
                info.st_mode,
                info.st_ino,
                content,
            )
    return entries
