"""The log of a job has all that was said, even if nobody listens; without it nothing is done."""

import subprocess
import sys

import pytest
from unprivileged import unprivileged

JOB = """
import sys
from datetime import UTC, datetime
from types import SimpleNamespace
from daf.jobs.log import job_log

with job_log(SimpleNamespace(rule="train", log=[sys.argv[1]]), datetime.now(UTC)):
    print("said")
    print("warned", file=sys.stderr)
"""


def run(log: str, streams: str = "") -> tuple[int, str]:
    """Exit status of a job, and what it said to standard error."""
    command = unprivileged("bash", "-c", f'"$0" -c "$1" "$2" {streams}', sys.executable, JOB, log)
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stderr


@pytest.mark.parametrize("streams", ["", ">/dev/full", ">/dev/full 2>&1", ">&-", ">&- 2>&- <&-"])
def test_the_log_has_it_all(streams, tmp_path):
    log = tmp_path / "log"
    status, _ = run(str(log), streams)
    assert status == 0
    assert log.read_text().splitlines()[1:] == ["said", "warned"]


def test_a_log_that_cannot_be_written(tmp_path):
    log = tmp_path / "log"
    log.touch(mode=0o444)
    assert run(str(log)) == (1, f'error in train: "{log}": Permission denied\n')
