"""Command and rule `audit`: output, reports and exit status."""

import json
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml

from daf.__main__ import main
from daf.orchestrators.snakemake_command import snakemake_command
from tests.audit.conftest import BENCHMARK

TABLE = "evaluations/random-e3-w0/assembler_1.parquet"


@pytest.fixture
def results(evaluation_results) -> Path:
    return evaluation_results


@pytest.fixture
def command(monkeypatch, capfd):
    """Return a function that runs `daf audit ...` and returns exit status and output."""

    def call(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["daf", "audit", *map(str, arguments)])
        status = main()
        printed = capfd.readouterr()
        return status, printed.err + printed.out

    return call


def test_verified_folder(results, command):
    for _ in range(2):  # reports of the first audit do not affect the second
        status, printed = command(results, "--share", "1", "--retrain", "all")
        assert status == 0 and ", 0 changed, 0 unverifiable; " in printed, printed
    written = json.loads((results / "audit.json").read_text())
    assert written["verdict"] == "verified"
    verdicts = {file["file"]: file["verdict"] for file in written["files"]}
    assert verdicts[TABLE] == "verified"
    existing = {
        path.relative_to(results).as_posix() for path in results.rglob("*") if path.is_file()
    }
    assert set(verdicts) == existing - {"audit.json", "audit.html"}
    assert all(file["why"] for file in written["files"] if file["verdict"] != "verified")


def test_changed_folder(results, command):
    (results / TABLE).write_bytes((results / TABLE).read_bytes() + b"x")
    (results / "<img src=x onerror=alert(1)>").write_text("")
    status, printed = command(results, "--share", "0")
    assert status == 1
    assert f"changed: {TABLE}: SHA-256: got " in printed
    page = Page((results / "audit.html").read_text())
    assert "img" not in page.tags and "<img src=x onerror=alert(1)>" in page.text
    assert page.text.index("Changed results (2)") < page.text.index("Verified results")


def test_control_characters_are_escaped(results, command):
    (results / "x\x1b[2J\nverified: all").write_text("")
    status, printed = command(results, "--share", "0")
    assert status == 1 and "\x1b" not in printed
    assert "changed: x\\x1b[2J\\nverified: all: no sidecar lists this file\n" in printed


def test_unwritable_report(results, command):
    (results / "audit.html").mkdir()
    status, printed = command(results, "--share", "0")
    assert status == 3 and "verdicts of all files: " not in printed
    assert "unverifiable: cannot write the reports (" in printed


class Page(HTMLParser):
    def __init__(self, html: str):
        super().__init__()
        self.tags, self.text = set(), ""
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        assert not [value for name, value in attributes if name in ("src", "onerror")]

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize("arguments, message", [
    (["nowhere"], 'error: "nowhere" is not a results folder\n'),
    (["."], "error: .: no results to audit\n"),
    ([".", "--share", "2"], "command line: key 'share': got 2.0; expected a value <"),
    ([".", "--seed", "-1"], "command line: key 'seed': got -1; expected a value >"),
])  # fmt: skip
def test_invalid_arguments(arguments, message, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, printed = command(*arguments)
    assert status == 1 and message in printed and len(printed.splitlines()) == 1


def test_audit_waits_for_lock(results, command):
    holder = "from daf.jobs.results_lock import lock_results_until_exit; "
    holder += "lock_results_until_exit(input()); "
    holder += "print(flush=True); import time; "
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", f"{holder} time.sleep(1)"], stdin=pipe, stdout=pipe
    ) as holder_process:
        holder_process.stdin.write(f"{results}\n".encode())
        holder_process.stdin.flush()
        holder_process.stdout.readline()
        status, printed = command(results, "--share", "0")
    assert status == 0 and ", 0 changed, " in printed, printed
    assert printed.startswith(f"{results} is in use by process {holder_process.pid} on ")


def test_audit_rule(results):
    folder = results.parent
    (folder / "config.yaml").write_text(
        yaml.safe_dump(BENCHMARK | {"audit": {"share": 0, "retrain": "all"}})
    )
    call = snakemake_command(["audit"], folder / "config.yaml", "--cores", "1")
    good = subprocess.run(call, cwd=folder, capture_output=True, text=True)
    assert good.returncode == 0, good.stdout + good.stderr
    (results / TABLE).unlink()
    bad = subprocess.run(call, cwd=folder, capture_output=True, text=True)
    assert bad.returncode == 1
    assert f"changed: {TABLE}: is missing\n" in bad.stdout + bad.stderr
    assert json.loads((results / "audit.json").read_text())["verdict"] == "changed"
