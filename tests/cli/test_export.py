"""Command `daf export`: output, one-line errors and exit status."""

import pytest

from daf.__main__ import main
from tests.export.reports import write_experiment
from tests.progress.live_results import write_finished_run
from tests.report.recorded import scripted


@pytest.fixture
def daf(tmp_path, monkeypatch, capsys):
    """Function that runs a command in a folder with one run; returns (status, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    write_finished_run(tmp_path / "results", "a-s1")

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["daf", *arguments])
        status = main()
        return status, *capsys.readouterr()

    return run


def test_csv_export(daf):
    assert daf("export", "csv", "results", "csv") == (0, "csv: 2 CSV files\n", "")


def test_damaged_files_are_left_out(daf, tmp_path):
    folder = write_finished_run(tmp_path / "results", "b-s1")
    (folder / "metrics.parquet").write_bytes(b"")
    status, out, err = daf("export", "csv", "results", "csv")
    assert (status, out) == (3, "csv: 2 CSV files\n")
    assert err.startswith("left out: results/runs/b-s1/metrics.parquet: ") and err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["csv", "missing", "csv"], '"missing" is not a results folder'),
        (["csv", "results", "results/csv"], "expected a folder outside it"),
        (["csv", "results", "results"], "expected a folder outside it"),
        (["csv", "results/runs", "csv"], '"results/runs": nothing to export'),
        (["latex", "results", "latex"], "results: "),
    ],
)
def test_errors_are_one_line(daf, arguments, message):
    status, out, err = daf("export", *arguments)
    assert (status, out) == (1, "")
    assert err.startswith("error: ") and message in err and err.count("\n") == 1


def test_latex_tables_of_valid_experiments(daf, tmp_path):
    write_experiment(tmp_path / "results", "good", training_seeds=(1,))
    bad = write_experiment(tmp_path / "results", "bad", training_seeds=(1,))
    (bad / "stats.json").write_text("[]")
    status, out, err = daf("export", "latex", "results", "tables")
    assert (status, out) == (3, "tables: 5 tables\n")
    assert err.startswith("left out: results/benchmarks/bad/stats.json: ") and err.count("\n") == 1


@pytest.mark.extras
def test_figures_and_videos(daf, tmp_path):
    write_experiment(tmp_path / "results", missions=("hall",), training_seeds=(1,))
    assert daf("export", "figures", "results", "figures")[:2] == (0, "figures: 10 figure files\n")
    scripted().write(tmp_path / "episode.replay.json")
    arguments = ["episode.replay.json", "episode.gif", "--frames", "3"]
    assert daf("export", "video", *arguments) == (0, "episode.gif: exported\n", "")
    status, out, err = daf("export", "video", *arguments, "--episode", "7")
    assert (status, out) == (1, "") and "got episode 7; expected 0 to 0" in err
