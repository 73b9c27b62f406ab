"""Runs a command of DAF on what an attacker has made, and sees what it did to the machine."""

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
"""Nothing takes a fifth of that on a machine that has nothing else to do."""

NOBODY = 65534
DAF = str(Path(sys.executable).with_name("daf"))


@dataclass(frozen=True)
class Harm:
    """What became of one command: its exit status (None: it had to be ended), all it printed, the
    most memory that it and all it started had at one moment, and its seconds."""

    status: int | None
    text: str
    memory_mb: float
    seconds: float

    def check(self, *, verified: bool = False) -> None:
        """Make sure that it came to an end, in words, and with the right verdict."""
        assert self.status is not None, f"hangs: {self.text}"
        assert "Traceback" not in self.text, self.text
        assert self.memory_mb < MEMORY_MB, f"{self.memory_mb:.0f} MB"
        assert (self.status == 0) == verified, self.text
        assert self.status in (0, 1, 2, 3), self.text


def run(*arguments: str, cwd: Path, nobody: bool = False, seconds: float = SECONDS) -> Harm:
    """A command of DAF.

    Args:
        arguments: what stands behind `daf`.
        cwd: the working directory.
        nobody: as a user without rights; where such a user cannot reach this Python, as root
            without capabilities, to whom the modes of files apply.
        seconds: that it may take.
    """
    # Without them the simulator is compiled each time, which takes longer than all else.
    cache = os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache"))
    caches = {} if nobody else {"XDG_CACHE_HOME": cache}
    begin = time.monotonic()
    command, options = [DAF, *arguments], {}
    if nobody and reached_by_nobody():
        options = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    elif nobody:
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
    most = [0.0]
    watch = threading.Thread(target=_watch, args=(process, most), daemon=True)
    watch.start()
    try:
        text = process.communicate(timeout=seconds)[0]
        status = process.returncode
    except subprocess.TimeoutExpired:
        for other in (*psutil.Process(process.pid).children(recursive=True), process):
            other.kill()
        text, status = process.communicate()[0], None
    return Harm(status, text.decode(errors="replace"), most[0], time.monotonic() - begin)


@functools.cache
def reached_by_nobody() -> bool:
    """Whether another user can run this DAF."""
    try:
        subprocess.run([DAF, "policies"], check=True, capture_output=True, user=NOBODY)
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def _watch(process: subprocess.Popen, most: list[float]) -> None:
    while process.poll() is None:
        try:
            whole = psutil.Process(process.pid)
            sizes = [p.memory_info().rss for p in (whole, *whole.children(recursive=True))]
            most[0] = max(most[0], sum(sizes) / 2**20)
        except psutil.Error:
            pass
        time.sleep(0.05)


def state(folder: Path) -> dict[str, tuple]:
    """All that is in a folder, without following links: kinds, sizes, contents of small files."""
    found = {}
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(place, name)
            about = os.lstat(path)
            small = path.is_file() and not path.is_symlink() and about.st_size < 10**6
            content = path.read_bytes() if small and os.access(path, os.R_OK) else b""
            found[str(path.relative_to(folder))] = (about.st_mode, about.st_ino, content)
    return found
