"""Errors about resource limits and the clock: one line for every command."""

import os
import resource
import subprocess
import sys
import time

import pytest

from daf.__main__ import main
from daf.system.limits import MachineCheckError, check_limits_and_clock, describe_low_limits

COMPARE = ["compare", "noop", "--missions", "assembler_1", "--episodes", "1"]
YEAR_1971 = 33e6


def run_limited(number: int, amount: int, *arguments: str, cwd=None) -> tuple[int, str]:
    """Return exit status and output of a command with a resource limit."""
    done = subprocess.run(
        [sys.executable, "-m", "daf", *arguments],
        cwd=cwd,
        preexec_fn=lambda: resource.setrlimit(number, (amount, amount)),
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("arguments", [["missions"], COMPARE, ["audit", "."]])
@pytest.mark.parametrize("mib", [100, 200, 400])
def test_low_memory_limit(arguments, mib, tmp_path):
    status, message = run_limited(resource.RLIMIT_AS, mib * 2**20, *arguments, cwd=tmp_path)
    assert status == 3
    assert message == (
        f"error: limited to memory {mib * 1024} KiB (ulimit -v); DAF needs 1048576 KiB\n"
    )
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("number, amount, message", [
    (resource.RLIMIT_NOFILE, 20, "open files 20 (ulimit -n); DAF needs 64"),
    (resource.RLIMIT_FSIZE, 0, "size of a file 0 KiB (ulimit -f); DAF needs 65536 KiB"),
    (resource.RLIMIT_FSIZE, 8192, "size of a file 8 KiB (ulimit -f); DAF needs 65536 KiB"),
])  # fmt: skip
def test_low_limits_for_a_workflow(number, amount, message, tmp_path):
    assert run_limited(number, amount, *COMPARE, cwd=tmp_path) == (
        3,
        f"error: limited to {message}\n",
    )
    assert not os.listdir(tmp_path)


def test_describe_limits(monkeypatch):
    soft = {resource.RLIMIT_AS: 2 * 2**30, resource.RLIMIT_CPU: 60, resource.RLIMIT_NOFILE: 1024}
    free = resource.RLIM_INFINITY
    monkeypatch.setattr(resource, "getrlimit", lambda number: (soft.get(number, free), free))
    assert describe_low_limits() == (
        "; limited to memory 2097152 KiB (ulimit -v), processor time 60 s (ulimit -t)"
    )
    soft.clear()
    assert describe_low_limits() == ""


@pytest.mark.parametrize("arguments", [
    COMPARE,
    ["train", "lstm", "--missions", "assembler_1", "--steps", "9"],
    ["audit", "."],
])  # fmt: skip
def test_wrong_clock(arguments, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(time, "time", lambda: YEAR_1971)
    monkeypatch.setattr("sys.argv", ["daf", *arguments])
    assert main() == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert err == ("error: system clock: got 1971-01-17; expected a year from 1980 to 2099\n")
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("seconds, wrong", [
    (315532799, True), (315532800, False), (4102444799, False), (4102444800, True),
])  # fmt: skip
def test_valid_years(seconds, wrong, monkeypatch):
    monkeypatch.setattr(time, "time", lambda: float(seconds))
    if wrong:
        with pytest.raises(MachineCheckError, match="system clock: got"):
            check_limits_and_clock()
    else:
        check_limits_and_clock()
