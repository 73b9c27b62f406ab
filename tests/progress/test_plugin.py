"""The logger plugin under plain Snakemake, with a small workflow."""

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

WORKFLOW = """
import os

from daf.progress.events import call_workflow_start_listeners

onstart:
    os.makedirs("results", exist_ok=True)
    call_workflow_start_listeners("results", {})

rule report:
    input: "results/a.txt", "results/b.txt"
    output: "results/report.html"
    log: "results/logs/report.log"
    shell: "echo finding > {log}; echo noise; echo noise >&2; touch {output}"

rule evaluate:
    output: "results/{policy}.txt"
    log: "results/logs/evaluate/{policy}.log"
    shell: "echo 'begin: now' > {log}; test {wildcards.policy} != fails; touch {output}"

rule crash:
    output: "results/crash"
    log: "results/logs/crash.log"
    shell: "echo last words >&2; exit 3"
"""
LINE = re.compile(r"\d\d:\d\d:\d\d (\S.*)")


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "Snakefile").write_text(WORKFLOW)
    return tmp_path


def command(*arguments: str) -> list[str]:
    options = ("--cores", "1", "--keep-going", "--logger", "daf")
    return [sys.executable, "-P", "-m", "snakemake", *arguments, *options]


def snakemake(folder: Path, *arguments: str) -> tuple[int, list[str]]:
    """Run Snakemake; return its exit status and its lines, without the time."""
    done = subprocess.run(
        command(*arguments), cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    assert "\x1b" not in done.stdout + done.stderr and done.stdout == ""
    lines = done.stderr.splitlines()
    assert all(map(LINE.fullmatch, lines)), done.stderr
    return done.returncode, [line[9:] for line in lines]


def recorded(folder: Path) -> list[dict]:
    return list(map(json.loads, (folder / "results/progress.jsonl").read_text().splitlines()))


def test_plain_lines_and_events_of_a_call(folder):
    status, lines = snakemake(folder, "report")
    assert status == 0
    assert lines[0] == "workflow: 3 jobs to do: 2 evaluate, 1 report"
    assert set(lines[1:5:2]) == {"evaluate a: started", "evaluate b: started"}
    assert lines[5] == "report: started" and lines[6] == "report: finding"
    assert lines[7].startswith("report: finished in ")
    assert "workflow: made results/report.html" in lines
    assert lines[-1].startswith("workflow: finished after ")
    first, *_, last = recorded(folder)
    assert first["event"] == "workflow_started" and first["results_dir"] == "results"
    assert last["event"] == "workflow_finished" and last["is_success"] is True
    assert sum(event["event"] == "job_finished" for event in recorded(folder)) == 3


def test_a_call_with_nothing_to_do_keeps_the_events(folder):
    snakemake(folder, "report")
    before = recorded(folder)
    status, lines = snakemake(folder, "report")
    assert status == 0 and len(lines) == 1 and "Nothing to be done" in lines[0]
    assert recorded(folder) == before


def test_a_failure_has_its_last_output(folder):
    status, lines = snakemake(folder, "results/crash", "results/fails.txt", "results/a.txt")
    assert status == 1
    assert any(
        "ended without an error message; last output: " in line and "last words" in line
        for line in lines
        if line.startswith("crash: failed: ")
    )
    assert any(line.startswith("evaluate fails: failed: ") for line in lines)
    assert lines[-1].endswith("1 of 3 jobs done, 2 failed")
    assert recorded(folder)[-1]["is_success"] is False


def test_errors_before_the_first_job_reach_the_user(folder):
    status, lines = snakemake(folder, "nothing")
    assert status == 1 and "MissingRuleException" in lines[-1]
    (folder / "Snakefile").write_text("rule broken\n    output: 1\n")
    done = subprocess.run(command("x"), cwd=folder, capture_output=True, text=True)
    assert done.returncode == 1 and "SyntaxError" in done.stderr


def test_a_dry_run_shows_the_jobs_of_snakemake_and_writes_nothing(folder):
    done = subprocess.run(
        command("report", "--dry-run"), cwd=folder, capture_output=True, text=True
    )
    assert "rule report:" in done.stdout + done.stderr
    assert not (folder / "results").exists()


def test_the_output_of_snakemake_on_request(folder):
    done = subprocess.run(
        command("report", "--printshellcmds"), cwd=folder, capture_output=True, text=True
    )
    assert "rule report:" in done.stderr and "noise" in done.stderr
    assert recorded(folder)[-1]["event"] == "workflow_finished"


def test_a_quiet_call_prints_the_result_only(folder):
    status, lines = snakemake(folder, "report", "--quiet", "rules")
    assert status == 0
    assert [line.split()[1] for line in lines] == ["made", "made", "finished"]


def test_an_unwritable_file_is_a_warning(folder):
    (folder / "results" / "progress.jsonl").mkdir(parents=True)
    status, lines = snakemake(folder, "report")
    assert status == 0
    (warning,) = [line for line in lines if "warning: " in line]
    assert "progress.jsonl" in warning and "`daf watch` cannot follow this call" in warning


def test_a_terminal_gets_a_screen(folder):
    master, slave = pty.openpty()
    variables = {k: v for k, v in os.environ.items() if k not in ("CI", "NO_COLOR")}
    variables |= {"TERM": "xterm", "COLUMNS": "100", "LINES": "30"}
    process = subprocess.Popen(
        command("report"), cwd=folder, stdin=slave, stdout=slave, stderr=slave, env=variables
    )
    os.close(slave)
    written = b""
    try:
        while chunk := os.read(master, 2**16):
            written += chunk
    except OSError:  # the other side is closed
        pass
    os.close(master)
    assert process.wait() == 0
    text = written.decode()
    assert "of 3 jobs done" in text and "report" in text
    assert "noise" not in text, "the output of jobs would mix with the screen"
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") > 0
    assert "workflow: made results/report.html" in text


def test_snakemake_finds_the_plugin_outside_of_the_checkout(tmp_path):
    done = subprocess.run(
        [sys.executable, "-P", "-m", "snakemake", "--help"],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert "--logger-daf-path" in done.stdout
