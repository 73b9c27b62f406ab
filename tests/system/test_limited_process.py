"""Processes with limits, and scratch folders."""

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

from daf.audit.machine_errors import is_machine_error
from daf.config import ConfigError
from daf.files.safe_read import UnsafeFileError
from daf.system import temporary_folder
from daf.system.limited_process import LimitedProcess, ProcessLimits, limit_memory_of_this_process
from daf.system.temporary_folder import scratch_folder

FORKS = """
import os, time
for _ in range(30):
    if not os.fork():
        {child_code}
        time.sleep(600)
time.sleep(600)
"""


def start_limited(code: str, limits: ProcessLimits) -> LimitedProcess:
    return LimitedProcess([sys.executable, "-c", code], limits, stdout=subprocess.PIPE)


@pytest.mark.parametrize("code, message", [
    (FORKS.format(child_code="pass"), "it starts more than 10 processes"),
    (FORKS.format(child_code="os.setsid()"), "it starts more than 10 processes"),
    (FORKS.replace("30", "15").format(child_code="x = bytearray(20_000_000)"),
     "it takes more than 200 MB of memory"),
])  # fmt: skip
def test_process_tree_above_a_limit_is_killed(code, message):
    limits = ProcessLimits(200, 10 if "range(30)" in code else 100)
    with start_limited(code, limits) as running:
        running.process.wait(120)
        assert running.violation == message


def test_allocation_above_the_limit_fails():
    code = "try:\n    bytearray(10**9)\nexcept MemoryError:\n    print('none', flush=True)"
    with start_limited(code, ProcessLimits(300, 10)) as running:
        assert running.process.stdout.read() == b"none\n"


def test_libraries_reserve_little_memory():
    """Otherwise an audit of an unchanged folder can run out of memory."""
    code = (
        "import pyarrow, pyarrow.compute as compute\nprint(compute.sum(pyarrow.array(range(9))))\n"
        "import re\nprint(re.search(r'VmData:\\s+(\\d+)', open('/proc/self/status').read())[1])"
    )
    with start_limited(code, ProcessLimits(2000, 10)) as running:
        total, kib = running.process.stdout.read().split()
    assert int(total) == 36 and int(kib) < 2**19


def test_descendants_are_killed_at_the_end():
    code = (
        "import os, time\nchild = os.fork()\n"
        "os.write(1, f'{os.getpid()}\\n'.encode())\ntime.sleep(600)"
    )
    with start_limited(code, ProcessLimits(300, 10)) as running:
        numbers = [int(running.process.stdout.readline()) for _ in range(2)]
    for number in numbers:
        with contextlib.suppress(psutil.NoSuchProcess):
            assert psutil.Process(number).status() == psutil.STATUS_ZOMBIE


def test_limited_memory_of_this_process():
    with limit_memory_of_this_process(4000), pytest.raises(MemoryError):
        bytearray(6 * 10**9)
    assert len(bytearray(10**6)) == 10**6


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_scratch_folder_after_a_kill(how, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(temporary_folder, "SECONDS_TO_LOCK", 0.0)
    code = (
        "import time\nfrom daf.system.temporary_folder import scratch_folder\n"
        "from daf.system.interrupts import interrupt_on_stop_signals\n"
        "with interrupt_on_stop_signals(), scratch_folder('daf-test-') as folder:\n"
        "    print(folder, flush=True)\n    time.sleep(600)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True,
        stderr=subprocess.DEVNULL)  # fmt: skip
    left = Path(process.stdout.readline().strip())
    (left / "a").touch()
    os.utime(left, (0, 0))
    with scratch_folder("daf-test-"):
        assert left.is_dir(), "its process is running"
    process.send_signal(how)
    process.wait()
    assert left.is_dir() == (how == signal.SIGKILL)
    (tmp_path / "daf-test-link").symlink_to("/")
    with scratch_folder("daf-test-") as folder:
        assert not left.exists() and folder.is_dir()
    assert os.listdir(tmp_path) == ["daf-test-link"]


def test_scratch_folder_is_not_in_the_working_directory(tmp_path, monkeypatch):
    """Python falls back to the working directory without another folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TMPDIR", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(OSError, match="set TMPDIR to one"), scratch_folder("daf-test-"):
        pass
    assert not os.listdir(tmp_path)


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    try:
        try:
            raise cause or KeyError
        except BaseException:
            raise error from None
    except BaseException as caught:
        return caught


@pytest.mark.parametrize("error, is_machine", [
    (raised(OSError(28, "No space left on device")), True),
    (raised(ConfigError("cannot be read"), PermissionError(13, "Permission denied")), True),
    (raised(ConfigError("cannot be made"), MemoryError()), True),
    (raised(ValueError(), RuntimeError("can't start new thread")), True),
    (raised(ImportError("failed to map segment")), True),
    (raised(ConfigError("key 'x': got 3")), False),
    (raised(ConfigError("cannot be read"), UnsafeFileError(22, "is not a regular file")), False),
    (raised(ConfigError("not readable"), OSError("Couldn't deserialize thrift")), False),
    (raised(RecursionError()), False),
    (pyarrow.ArrowException("Failed to launch worker thread"), True),
    (pyarrow.ArrowInvalid("no parquet file"), False),
    (None, False),
])  # fmt: skip
def test_is_machine_error(error, is_machine):
    assert is_machine_error(error) == is_machine


def test_killed_audit_leaves_no_files_or_processes(tmp_path):
    """The worker process ends with the audit process."""
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom daf.audit.worker import WorkerClient\n"
        "with WorkerClient(Path('.'), (), 5) as worker, worker.temporary_job_folder() as folder:\n"
        "    worker._start_process()\n    print(folder, worker._process.process.pid, flush=True)\n"
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
