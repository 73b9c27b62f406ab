"""CSV files have the content of the results files."""

import json

import pandas as pd
import pytest

from daf.export.csv import export_csv
from daf.files.parquet import load_table, save_table
from tests.progress.live_results import curve_rows, open_running_run, write_finished_run

ESTIMATE = {
    "policy": "a",
    "mission": "open",
    "mean": 1 / 3,
    "low": None,
    "distribution_free": {"low": 0.25, "note": None},
}
COMPARISON = {"a": "a", "b": "b", "mission": "open", "difference": 0.25}


@pytest.fixture
def results(tmp_path):
    results = tmp_path / "results"
    write_finished_run(results, "a-s1", "label, with comma")
    open_running_run(results, "b-s1").append_new_rows(curve_rows(4, ["open"]))
    (results / "evaluations" / "a-s1-e2-w0").mkdir(parents=True)
    episodes = pd.DataFrame({"policy": ["a", "a"], "episode": [0, 1], "score": [0.1, 2.0]})
    save_table(results / "evaluations" / "a-s1-e2-w0" / "open.parquet", episodes)
    (results / "benchmarks" / "tiny").mkdir(parents=True)
    statistics = {
        "estimates": [ESTIMATE],
        "overall": [ESTIMATE | {"mission": None}],
        "comparisons": [COMPARISON],
        "comparisons_overall": [],
    }
    (results / "benchmarks" / "tiny" / "stats.json").write_text(json.dumps(statistics))
    return results


def test_csv_files_equal_the_results(results, tmp_path):
    folder = tmp_path / "csv"
    reports: list[str] = []
    assert export_csv(results, folder, reports.append) == 6 and reports == []
    paths = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.csv"))
    assert paths == [
        "benchmarks/tiny/comparisons.csv",
        "benchmarks/tiny/estimates.csv",
        "evaluations/a-s1-e2-w0/open.csv",
        "runs.csv",
        "runs/a-s1/metrics.csv",
        "runs/b-s1/metrics.csv",
    ]
    for source, name in (
        ("runs/a-s1/metrics.parquet", "runs/a-s1/metrics.csv"),
        ("evaluations/a-s1-e2-w0/open.parquet", "evaluations/a-s1-e2-w0/open.csv"),
    ):
        pd.testing.assert_frame_equal(pd.read_csv(folder / name), load_table(results / source))
    estimates = pd.read_csv(folder / "benchmarks/tiny/estimates.csv")
    assert estimates["mean"].tolist() == [1 / 3, 1 / 3]
    assert estimates["distribution_free.low"].tolist() == [0.25, 0.25]
    assert estimates["mission"].isna().tolist() == [False, True]
    assert len(pd.read_csv(folder / "runs/b-s1/metrics.csv")) == 4


def test_runs_have_their_configuration(results, tmp_path):
    export_csv(results, tmp_path / "csv", print)
    runs = pd.read_csv(tmp_path / "csv" / "runs.csv").set_index("run")
    assert runs.loc["a-s1", "policy"] == "label, with comma"
    assert runs.loc["a-s1", "training.learning_rate"] == 0.002
    assert runs["is_running"].tolist() == [False, True]


def test_damaged_files_are_reported_and_left_out(results, tmp_path):
    (results / "evaluations" / "a-s1-e2-w0" / "open.parquet").write_bytes(b"PAR1")
    (results / "benchmarks" / "tiny" / "stats.json").write_text('{"estimates": 1}')
    (results / "runs" / "a-s1" / "run.json").write_text("[")
    reports: list[str] = []
    assert export_csv(results, tmp_path / "csv", reports.append) == 2
    assert len(reports) == 3


def test_links_in_the_output_folder_are_not_followed(results, tmp_path):
    folder, elsewhere = tmp_path / "csv", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    (folder / "runs").symlink_to(elsewhere)
    with pytest.raises(OSError, match="is a link"):
        export_csv(results, folder, print)
    assert list(elsewhere.iterdir()) == []


def test_links_out_of_the_results_folder_are_reported_and_left_out(results, tmp_path):
    secret = tmp_path / "secret"
    secret.mkdir()
    save_table(secret / "open.parquet", pd.DataFrame({"secret": [1]}))
    (secret / "stats.json").write_text((results / "benchmarks/tiny/stats.json").read_text())
    (results / "evaluations" / "folder").symlink_to("../../secret")
    (results / "evaluations" / "a-s1-e2-w0" / "file.parquet").symlink_to(secret / "open.parquet")
    (results / "comparisons").mkdir()
    (results / "comparisons" / "folder").symlink_to(secret)
    (results / "sweeps").symlink_to("sweeps")
    reports: list[str] = []
    assert export_csv(results, tmp_path / "csv", reports.append) == 6
    assert len(reports) == 3
    assert all(line.endswith(": leads out of the results folder") for line in reports)
    assert not any("secret" in path.read_text() for path in (tmp_path / "csv").rglob("*.csv"))
