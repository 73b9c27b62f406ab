"""Learning curves of a results folder: finished and running runs, damaged files, caching."""

import json
import os

import numpy as np
import pandas as pd
import pytest

from daf.files.parquet import load_table, save_table
from daf.progress import training_curves
from daf.progress.live_metrics_tail import LiveMetricsTail
from daf.progress.training_curves import ResultsCurveReader, load_training_curves
from tests.progress.live_results import curve_rows, open_running_run, write_finished_run


def test_curves_equal_the_files(tmp_path):
    folder = write_finished_run(tmp_path, "a-s1", "label", missions=["open", "maze"])
    writer = open_running_run(tmp_path, "b-s1", updates=20)
    rows = curve_rows(20, ["open"])
    writer.append_new_rows(rows[:7])
    finished, running = load_training_curves(tmp_path)
    assert (finished.run, finished.policy, finished.missions) == ("a-s1", "label", ("open", "maze"))
    assert not finished.is_unfinished and finished.total_steps == 10_000
    assert finished.ceilings == {"open": None, "maze": None}
    pd.testing.assert_frame_equal(finished.curve, load_table(folder / "metrics.parquet"))
    assert (
        running.is_unfinished and running.total_steps == 20_000 and running.ceilings == {"open": 25}
    )
    pd.testing.assert_frame_equal(running.curve.drop(columns="time"), pd.DataFrame(rows[:7]))
    assert running.training["learning_rate"] == 0.002


def test_finished_run_replaces_its_live_metrics(tmp_path):
    open_running_run(tmp_path, "a-s1")
    write_finished_run(tmp_path, "a-s1")
    assert [curve.is_unfinished for curve in load_training_curves(tmp_path)] == [False]


def test_folder_without_runs_has_no_curves(tmp_path):
    assert load_training_curves(tmp_path) == load_training_curves(tmp_path / "missing") == []


def test_unreadable_folder_is_reported(tmp_path):
    (tmp_path / "runs").write_text("")
    (tmp_path / "resume").symlink_to("resume")
    reports: list[str] = []
    assert load_training_curves(tmp_path, reports.append) == []
    assert [line.split(": ")[1] for line in reports] == [
        "Not a directory",
        "Too many levels of symbolic links",
    ]


@pytest.mark.parametrize("parent", ["runs", "resume"])
def test_a_link_to_itself_hides_no_other_run(tmp_path, parent):
    write_finished_run(tmp_path, "a-s1")
    open_running_run(tmp_path, "b-s1")
    (tmp_path / parent / "loop").symlink_to("loop")
    reports: list[str] = []
    assert len(load_training_curves(tmp_path, reports.append)) == 2
    [report] = reports
    assert report.endswith("Too many levels of symbolic links")


def test_too_large_live_metrics_are_reported(tmp_path):
    write_finished_run(tmp_path, "a-s1")
    open_running_run(tmp_path, "b-s1")
    os.truncate(tmp_path / "resume" / "b-s1-key" / "metrics.jsonl", 2**26 + 1)
    curves, [problem] = ResultsCurveReader(tmp_path).read()
    assert [curve.run for curve in curves] == ["a-s1"]
    assert problem.endswith("is larger than 67108864 bytes")


def change_run_json(folder, **changes):
    path = folder / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def save_curve(folder, **columns):
    save_table(folder / "metrics.parquet", pd.DataFrame(columns))


@pytest.mark.parametrize(
    "damage, reason",
    [
        (lambda folder: (folder / "run.json").write_text("{"), "not valid JSON"),
        (lambda folder: (folder / "run.json").write_text("[]"), "expected a mapping"),
        (lambda folder: change_run_json(folder, run="../../x"), "key 'run'"),
        (lambda folder: change_run_json(folder, steps="many"), "key 'steps'"),
        (lambda folder: (folder / "metrics.parquet").write_bytes(b"PAR1"), "parquet"),
        (lambda folder: save_curve(folder, steps=[1, 2]), "column 'update'"),
        (lambda folder: save_curve(folder, update=[0, 1], steps=[2, 2]), "increasing"),
        (lambda folder: save_curve(folder, update=[0], steps=[1], score=["x"]), "'score'"),
        (
            lambda folder: (os.unlink(folder / "run.json"), os.mkfifo(folder / "run.json")),
            "regular",
        ),
    ],
)
def test_damaged_run_is_reported_and_left_out(tmp_path, damage, reason):
    damage(write_finished_run(tmp_path, "a-s1"))
    write_finished_run(tmp_path, "b-s1")
    reports: list[str] = []
    assert [curve.run for curve in load_training_curves(tmp_path, reports.append)] == ["b-s1"]
    assert len(reports) == 1 and reason in reports[0] and "\n" not in reports[0]


@pytest.mark.parametrize(
    "line",
    [b"{\n", b"[1]\n", b'{"update": 0}\n', b'{"update": 0, "steps": 1e3, "time": 0}\n',
     b'{"update": 0, "steps": 99999999999999999999, "time": 0}\n',
     b'{"update": 0, "steps": -1, "time": 0}\n',
     b'{"update": 9007199254740993, "steps": 1, "time": 0}\n',
     b'{"update": 0, "steps": 1, "time": 1e300}\n', b'{"update": 0, "steps": 1, "time": -1}\n',
     b'{"update": 0, "steps": 1, "time": 0, "score": "x"}\n', b"\xff\n", b'{"update": NaN}\n'],
)  # fmt: skip
def test_damaged_live_metrics_are_reported_at_every_refresh(tmp_path, line):
    open_running_run(tmp_path, "a-s1")
    with open(tmp_path / "resume" / "a-s1-key" / "metrics.jsonl", "ab") as file:
        file.write(line)
    reader = ResultsCurveReader(tmp_path)
    for _ in range(2):
        curves, problems = reader.read()
        assert curves == [] and len(problems) == 1 and "metrics.jsonl" in problems[0]


def test_unchanged_files_are_read_once(tmp_path, monkeypatch):
    write_finished_run(tmp_path, "a-s1")
    damaged = write_finished_run(tmp_path, "b-s1")
    (damaged / "metrics.parquet").write_bytes(b"")
    reads = []
    load = training_curves.load_table
    monkeypatch.setattr(
        training_curves, "load_table", lambda path: (reads.append(path), load(path))[1]
    )
    reader = ResultsCurveReader(tmp_path)
    first, second = reader.read(), reader.read()
    assert len(reads) == 2 and first.problems == second.problems
    assert first.curves[0] is second.curves[0]
    save_curve(damaged, update=[0], steps=[5])
    assert [len(curve.curve) for curve in reader.read().curves] == [10, 1]


def test_tail_equals_the_whole_file_at_every_length(tmp_path):
    writer = open_running_run(tmp_path, "a-s1")
    path = tmp_path / "resume" / "a-s1-key" / "metrics.jsonl"
    writer.append_new_rows(curve_rows(10, ["open"], eval_score=np.nan))
    content = path.read_bytes()
    growing = tmp_path / "growing.jsonl"
    tail = LiveMetricsTail(growing)
    header_end = content.index(b"\n") + 1
    for end in [*range(header_end, len(content), 37), len(content)]:
        with open(growing, "r+b" if growing.exists() else "wb") as file:
            file.write(content[:end])
        header, curve = tail.read()
        expected_header, expected = LiveMetricsTail(growing).read()
        assert header == expected_header
        if len(expected):
            pd.testing.assert_frame_equal(curve, expected, check_like=True)
        assert len(curve) == len(expected)


def test_tail_restarts_when_a_resumed_run_replaces_the_file(tmp_path):
    writer = open_running_run(tmp_path, "a-s1")
    rows = curve_rows(10, ["open"])
    writer.append_new_rows(rows)
    path = tmp_path / "resume" / "a-s1-key" / "metrics.jsonl"
    tail = LiveMetricsTail(path)
    assert len(tail.read().curve) == 10
    resumed = tmp_path / "resumed.jsonl"
    resumed.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:5]))
    os.replace(resumed, path)
    assert len(tail.read().curve) == 4
