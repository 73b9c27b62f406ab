"""Terminals that cannot show all characters: jobs and commands write escapes and continue."""

import os
import subprocess
import sys

import pytest

JOB = """
from types import SimpleNamespace
from daf.jobs.job import run_job
rule = SimpleNamespace(
    rule="demo", input={}, output={"result": "made.txt", "provenance": "made.json"}, params={},
    log=["job.log"], config={"execution": {"results_dir": "."}}, resources={"gpu": 0}, threads=1,
)
with run_job(rule) as job:
    print("between \\u22125 and 5", "\\udc80")
    job.output_paths["result"].write_text("done")
"""
LIMITED_ENCODINGS = {
    "ascii": {"PYTHONIOENCODING": "ascii"},
    "latin-1": {"PYTHONIOENCODING": "latin-1"},
    "POSIX": {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
}


@pytest.mark.parametrize("name", LIMITED_ENCODINGS)
def test_job_output(name, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", JOB],
        cwd=tmp_path,
        capture_output=True,
        env=os.environ | LIMITED_ENCODINGS[name],
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == b"between \\u22125 and 5 \\udc80\n"
    assert (tmp_path / "made.txt").read_text() == "done"
    assert "between \u22125 and 5 \\udc80" in (tmp_path / "job.log").read_text(encoding="utf-8")


def test_command_output(tmp_path):
    mission = "description: \u2212\nmax_steps: 9\nmap: ['####', '#@.#', '####']\n"
    (tmp_path / "x.yaml").write_text(mission, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "daf", "missions", "x.yaml"],
        cwd=tmp_path,
        capture_output=True,
        env=os.environ | LIMITED_ENCODINGS["ascii"],
    )
    assert done.returncode == 0 and b"\\u2212" in done.stdout and b"Traceback" not in done.stderr
