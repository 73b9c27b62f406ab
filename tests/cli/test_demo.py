"""Command `demo`: a trained policy, its report, and an error line."""

import re
from pathlib import Path

import pytest

from daf.__main__ import main
from daf.cli import demo


def test_demo_trains_a_policy_and_names_its_report(tmp_path, monkeypatch, capsys):
    settings = {"steps": 40_000, "worlds": 4, "rollout_length": 16}
    monkeypatch.setitem(demo.DEMO, "training", demo.DEMO["training"] | settings)
    monkeypatch.setitem(demo.DEMO, "evaluation", {"episodes": 2})
    monkeypatch.setenv("DISPLAY", ":0")
    opened = []
    monkeypatch.setattr(demo.webbrowser, "open", opened.append)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["daf", "demo"])
    assert main() == 0
    out = capsys.readouterr().out
    assert re.search(r"^stateless: \d+\.\d hearts per episode of assembler_2$", out, re.MULTILINE)
    report = Path(re.search(r"^Report.*: (/.+)$", out, re.MULTILINE)[1])
    assert report == tmp_path / "results/benchmarks/demo/report.html"
    text = report.read_text()
    assert "Learning curves on assembler_2" in text and "stateless" in text
    assert opened == [], "stdout is no terminal"

    # at a desktop, the same command makes no job again and opens the report
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    before = report.stat().st_mtime_ns
    assert main() == 0 and report.stat().st_mtime_ns == before
    assert opened == [report.as_uri()]
    monkeypatch.setattr("sys.argv", ["daf", "demo", "--no-browser"])
    assert main() == 0 and len(opened) == 1


def test_demo_in_a_folder_that_cannot_be_written(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("")
    monkeypatch.setattr("sys.argv", ["daf", "demo", "--results-dir", "file"])
    assert main() == 1
    assert capsys.readouterr().err.startswith("error: ")


@pytest.mark.slow
def test_the_trained_policy_makes_hearts(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["daf", "demo"])
    assert main() == 0
    hearts = dict(re.findall(r"^(\w+): (\d+\.\d) hearts", capsys.readouterr().out, re.MULTILINE))
    assert float(hearts["stateless"]) > 80 > 10 > float(hearts["random"])
