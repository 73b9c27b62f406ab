"""Processes within limits, and folders that do not outlive the processes they belong to."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pyarrow
import pytest

from daf.audit.machine_errors import own_trouble
from daf.config import ConfigError
from daf.files.safe_read import UnsafeFile
from daf.system import temporary_folder
from daf.system.limited_process import Confined, Limits, limited_memory
from daf.system.temporary_folder import scratch_folder

FORKS = """
import os, time
for _ in range(30):
    if not os.fork():
        {more}
        time.sleep(600)
time.sleep(600)
"""


def confined(code: str, limits: Limits) -> Confined:
    return Confined([sys.executable, "-c", code], limits, stdout=subprocess.PIPE)


@pytest.mark.parametrize("code, said", [
    (FORKS.format(more="pass"), "it starts more than 10 processes"),
    (FORKS.format(more="os.setsid()"), "it starts more than 10 processes"),
    (FORKS.replace("30", "15").format(more="x = bytearray(20_000_000)"),
     "it takes more than 200 MB of memory"),
])  # fmt: skip
def test_what_takes_too_much_is_ended_with_all_that_it_started(code, said):
    limits = Limits(200, 10 if "range(30)" in code else 100)
    with confined(code, limits) as running:
        running.process.wait(120)
        assert running.exceeded == said


def test_one_process_gets_no_more_memory_than_the_limit():
    code = "try:\n    bytearray(10**9)\nexcept MemoryError:\n    print('none', flush=True)"
    with confined(code, Limits(300, 10)) as running:
        assert running.process.stdout.read() == b"none\n"


def test_libraries_take_no_addresses_in_advance():
    """An honest folder was changed, said an audit for which a table left no memory."""
    code = (
        "import pyarrow, pyarrow.compute as compute\nprint(compute.sum(pyarrow.array(range(9))))\n"
        "import re\nprint(re.search(r'VmData:\\s+(\\d+)', open('/proc/self/status').read())[1])"
    )
    with confined(code, Limits(2000, 10)) as running:
        total, kib = running.process.stdout.read().split()
    assert int(total) == 36 and int(kib) < 2**19


def test_nothing_is_left_when_it_ends():
    code = (
        "import os, time\nchild = os.fork()\n"
        "os.write(1, f'{os.getpid()}\\n'.encode())\ntime.sleep(600)"
    )
    with confined(code, Limits(300, 10)) as running:
        numbers = [int(running.process.stdout.readline()) for _ in range(2)]
    for number in numbers:
        with contextlib.suppress(psutil.NoSuchProcess):
            assert psutil.Process(number).status() == psutil.STATUS_ZOMBIE


def test_memory_that_this_process_does_not_get():
    with limited_memory(4000), pytest.raises(MemoryError):
        bytearray(6 * 10**9)
    assert len(bytearray(10**6)) == 10**6


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_folder_for_work_is_gone_after_a_kill(how, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(temporary_folder, "SECONDS_TO_LOCK", 0.0)
    code = (
        "import time\nfrom daf.system.temporary_folder import scratch_folder\n"
        "from daf.system.interrupts import interruptible\n"
        "with interruptible(), scratch_folder('daf-test-') as folder:\n"
        "    print(folder, flush=True)\n    time.sleep(600)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True,
        stderr=subprocess.DEVNULL)  # fmt: skip
    left = Path(process.stdout.readline().strip())
    (left / "a").touch()
    os.utime(left, (0, 0))
    with scratch_folder("daf-test-"):
        assert left.is_dir(), "its owner lives"
    process.send_signal(how)
    process.wait()
    assert left.is_dir() == (how == signal.SIGKILL)
    (tmp_path / "daf-test-link").symlink_to("/")
    with scratch_folder("daf-test-") as folder:
        assert not left.exists() and folder.is_dir()
    assert os.listdir(tmp_path) == ["daf-test-link"]


def test_no_folder_for_work_in_the_working_directory(tmp_path, monkeypatch):
    """Where there is no other, Python takes that one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TMPDIR", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(OSError, match="TMPDIR names one"), scratch_folder("daf-test-"):
        pass
    assert not os.listdir(tmp_path)


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    try:
        try:
            raise cause or KeyError
        except BaseException:
            raise error from None
    except BaseException as found:
        return found


@pytest.mark.parametrize("error, own", [
    (raised(OSError(28, "No space left on device")), True),
    (raised(ConfigError("cannot be read"), PermissionError(13, "Permission denied")), True),
    (raised(ConfigError("cannot be made"), MemoryError()), True),
    (raised(ValueError(), RuntimeError("can't start new thread")), True),
    (raised(ImportError("failed to map segment")), True),
    (raised(ConfigError("key 'x': got 3")), False),
    (raised(ConfigError("cannot be read"), UnsafeFile(22, "is no regular file")), False),
    (raised(ConfigError("not readable"), OSError("Couldn't deserialize thrift")), False),
    (raised(RecursionError()), False),
    (pyarrow.ArrowException("Failed to launch worker thread"), True),
    (pyarrow.ArrowInvalid("no parquet file"), False),
    (None, False),
])  # fmt: skip
def test_whose_fault_an_error_is(error, own):
    assert own_trouble(error) == own


def test_an_audit_that_is_killed_leaves_nothing(tmp_path):
    """The process that does jobs again notices that nobody waits for it."""
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom daf.audit.worker import Worker\n"
        "with Worker(Path('.'), (), 5) as worker, worker.folder() as folder:\n"
        "    worker._begin()\n    print(folder, worker._process.process.pid, flush=True)\n"
        "    time.sleep(600)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(tmp_path)},
    )
    folder, number = process.stdout.readline().split()
    assert Path(folder).is_dir()
    process.kill()
    process.wait()
    with contextlib.suppress(psutil.NoSuchProcess):
        worker = psutil.Process(int(number))
        while worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.05)
    assert os.listdir(tmp_path) == []
