"""Log of a job: complete for closed and full streams; required for a job."""

import subprocess
import sys

import pytest

from tests.unprivileged import unprivileged

JOB = """
import sys
from datetime import UTC, datetime
from types import SimpleNamespace
from daf.jobs.log import log_output_and_errors

with log_output_and_errors(SimpleNamespace(rule="train", log=[sys.argv[1]]), datetime.now(UTC)):
    print("printed")
    print("warned", file=sys.stderr)
"""


def run(log: str, streams: str = "") -> tuple[int, str]:
    """Return exit status and stderr of a job."""
    command = unprivileged("bash", "-c", f'"$0" -c "$1" "$2" {streams}', sys.executable, JOB, log)
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stderr


@pytest.mark.parametrize("streams", ["", ">/dev/full", ">/dev/full 2>&1", ">&-", ">&- 2>&- <&-"])
def test_log_is_complete_for_all_streams(streams, tmp_path):
    log = tmp_path / "log"
    status, _ = run(str(log), streams)
    assert status == 0
    assert log.read_text().splitlines()[1:] == ["printed", "warned"]


def test_unwritable_log_fails(tmp_path):
    log = tmp_path / "log"
    log.touch(mode=0o444)
    assert run(str(log)) == (1, f'error in train: "{log}": Permission denied\n')
