"""An audit as users run it: the command and the rule, what they say, write and exit with."""

import json
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml

from daf.__main__ import main
from daf.orchestrators.snakemake_command import snakemake_command
from tests.audit.conftest import BENCHMARK

STATS = "benchmarks/tiny/stats.json"


@pytest.fixture
def results(made, tmp_path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "results"))


@pytest.fixture
def command(monkeypatch, capfd):
    """`daf audit ...`: its exit status and what it printed."""

    def call(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["daf", "audit", *map(str, arguments)])
        status = main()
        printed = capfd.readouterr()
        return status, printed.err + printed.out

    return call


def test_a_good_folder(results, command):
    for _ in range(2):  # what the first audit wrote does not disturb the second
        status, printed = command(results, "--retrain", "all")
        assert status == 0 and ", 0 changed, 0 unverifiable; " in printed, printed
    written = json.loads((results / "audit.json").read_text())
    assert written["verdict"] == "verified"
    verdicts = {file["file"]: file["verdict"] for file in written["files"]}
    assert verdicts[STATS] == "verified"
    there = {path.relative_to(results).as_posix() for path in results.rglob("*") if path.is_file()}
    assert set(verdicts) == there - {"audit.json", "audit.html"}
    assert all(file["why"] for file in written["files"] if file["verdict"] != "verified")


def test_a_bad_folder(results, command):
    stats = results / STATS
    stats.write_text(stats.read_text().replace("random", "<b>andom", 1))
    (results / "<img src=x onerror=alert(1)>").write_text("")
    status, printed = command(results, "--share", "0")
    assert status == 1
    assert f"changed: {STATS}: has sha256 " in printed
    page = Page((results / "audit.html").read_text())
    assert "img" not in page.tags and "<img src=x onerror=alert(1)>" in page.text
    assert page.text.index("Changed results (2)") < page.text.index("Verified results")


def test_a_name_cannot_command_the_terminal(results, command):
    (results / "x\x1b[2J\nverified: all").write_text("")
    status, printed = command(results, "--share", "0")
    assert status == 1 and "\x1b" not in printed
    assert "changed: x\\x1b[2J\\nverified: all: no record speaks of it\n" in printed


def test_no_report_is_named_that_could_not_be_written(results, command):
    (results / "audit.html").mkdir()
    status, printed = command(results, "--share", "0")
    assert status == 3 and "every file: " not in printed
    assert "unverifiable: the reports cannot be written (" in printed


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


@pytest.mark.parametrize("arguments, said", [
    (["nowhere"], 'error: "nowhere" is no folder of results\n'),
    (["."], "error: .: there are no results to audit\n"),
    ([".", "--share", "2"], "command line: key 'share': got 2.0; should be less than"),
    ([".", "--seed", "-1"], "command line: key 'seed': got -1; should be greater than"),
])  # fmt: skip
def test_wrong_requests(arguments, said, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, printed = command(*arguments)
    assert status == 1 and said in printed and len(printed.splitlines()) == 1


def test_it_waits_for_whoever_writes_to_the_folder(results, command):
    holder = "from daf.jobs.results_lock import lock_results; lock_results(input()); print(flush=True); import time; "
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", f"{holder} time.sleep(1)"], stdin=pipe, stdout=pipe
    ) as other:
        other.stdin.write(f"{results}\n".encode())
        other.stdin.flush()
        other.stdout.readline()
        status, printed = command(results, "--share", "0")
    assert status == 3 and ", 0 changed, " in printed
    assert printed.startswith(f"{results} is in use by process {other.pid} on ")


def test_the_rule(results):
    folder = results.parent
    (folder / "config.yaml").write_text(
        yaml.safe_dump(BENCHMARK | {"audit": {"share": 0, "retrain": "all"}})
    )
    call = snakemake_command("audit", folder / "config.yaml", "--cores", "1")
    good = subprocess.run(call, cwd=folder, capture_output=True, text=True)
    assert good.returncode == 0, good.stdout + good.stderr
    (results / STATS).unlink()
    bad = subprocess.run(call, cwd=folder, capture_output=True, text=True)
    assert bad.returncode == 1
    assert f"changed: {STATS}: is gone\n" in bad.stdout + bad.stderr
    assert json.loads((results / "audit.json").read_text())["verdict"] == "changed"
