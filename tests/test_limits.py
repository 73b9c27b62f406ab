"""What the machine does not allow is one line that names the limit, for every command."""

import os
import resource
import subprocess
import sys
import time

import pytest

from daf.__main__ import main
from daf.system.limits import EnvironmentProblem, check_process, limited

COMPARE = ["compare", "noop", "--missions", "assembler_1", "--episodes", "1"]
YEAR_1971 = 33e6


def limited_to(number: int, amount: int, *arguments: str, cwd=None) -> tuple[int, str]:
    """Exit status of a command under a limit, and all that it said."""
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
def test_too_little_memory(arguments, mib, tmp_path):
    status, said = limited_to(resource.RLIMIT_AS, mib * 2**20, *arguments, cwd=tmp_path)
    assert status == 3
    assert said == (
        f"error: limited to memory {mib * 1024} KiB (ulimit -v); DAF needs 1048576 KiB\n"
    )
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("number, amount, said", [
    (resource.RLIMIT_NOFILE, 20, "open files 20 (ulimit -n); DAF needs 64"),
    (resource.RLIMIT_FSIZE, 0, "size of a file 0 KiB (ulimit -f); DAF needs 65536 KiB"),
    (resource.RLIMIT_FSIZE, 8192, "size of a file 8 KiB (ulimit -f); DAF needs 65536 KiB"),
])  # fmt: skip
def test_too_little_for_a_workflow(number, amount, said, tmp_path):
    assert limited_to(number, amount, *COMPARE, cwd=tmp_path) == (3, f"error: limited to {said}\n")
    assert not os.listdir(tmp_path)


def test_a_limit_that_may_explain_a_failure_is_named(monkeypatch):
    soft = {resource.RLIMIT_AS: 2 * 2**30, resource.RLIMIT_CPU: 60, resource.RLIMIT_NOFILE: 1024}
    free = resource.RLIM_INFINITY
    monkeypatch.setattr(resource, "getrlimit", lambda number: (soft.get(number, free), free))
    assert limited() == (
        "; limited to memory 2097152 KiB (ulimit -v), processor time 60 s (ulimit -t)"
    )
    soft.clear()
    assert limited() == ""


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
    assert err == (
        "error: the clock says 1971-01-17; it has to be set before DAF can record when it did "
        "what, in the years 1980 to 2099\n"
    )
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("seconds, wrong", [
    (315532799, True), (315532800, False), (4102444799, False), (4102444800, True),
])  # fmt: skip
def test_years_that_records_can_hold(seconds, wrong, monkeypatch):
    monkeypatch.setattr(time, "time", lambda: float(seconds))
    if wrong:
        with pytest.raises(EnvironmentProblem, match="the clock says"):
            check_process()
    else:
        check_process()
