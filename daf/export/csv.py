"""CSV files of learning curves, episode tables, sweeps and statistics."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from daf.config import ConfigError, load_json
from daf.export.results_paths import join_path_within_results
from daf.files.parquet import load_table
from daf.files.safe_write import atomic_write, make_folder_within
from daf.progress.training_curves import TrainingCurve, load_training_curves

TABLES = ("evaluations/*/*.parquet", "sweeps/*/rounds.parquet", "sweeps/*/trials.parquet")
STATISTICS = ("benchmarks/*/stats.json", "comparisons/*/stats.json")
STATISTICS_TABLES = {
    "estimates": ("estimates", "overall"),
    "comparisons": ("comparisons", "comparisons_overall"),
}
"""Lists in stats.json that a CSV file joins; rows over all missions have no mission."""


def export_csv(
    results_dir: str | Path, folder: str | Path, report_problem: Callable[[str], None]
) -> int:
    """Write the tables of a results folder as CSV files with the paths of the results files.

    Numbers have all digits, missing values are empty. `runs.csv` has one row per training run,
    with its resolved configuration. Running training runs are included.

    Args:
        results_dir: results folder.
        folder: folder to write to.
        report_problem: function that receives one line for each file that is left out: a damaged
            one, or one outside the results folder.

    Returns:
        the number of files.

    Raises:
        OSError: a file cannot be written.
    """
    curves = load_training_curves(results_dir, report_problem)
    tables = {f"runs/{curve.run}/metrics.csv": curve.curve for curve in curves}
    if curves:
        tables["runs.csv"] = pd.DataFrame(map(_run_and_configuration_values, curves))
    num_files = 0
    for name, table in (*tables.items(), *_load_tables(Path(results_dir), report_problem)):
        path = Path(folder, name)
        make_folder_within(path.parent, folder)
        with atomic_write(path) as file:
            table.to_csv(file, index=False)
        num_files += 1
    return num_files


def _run_and_configuration_values(curve: TrainingCurve) -> dict[str, Any]:
    return {
        "run": curve.run,
        "is_running": curve.is_unfinished,
        "total_steps": curve.total_steps,
        **curve.configuration_by_dotted_key,
    }


def _load_tables(
    results_dir: Path, report_problem: Callable[[str], None]
) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield path and content of the CSV files of all tables but learning curves."""
    for pattern in TABLES:
        for path in sorted(results_dir.glob(pattern)):
            try:
                table = load_table(
                    join_path_within_results(results_dir, path.relative_to(results_dir))
                )
            except ConfigError as error:
                report_problem(f"{error}")
                continue
            yield str(path.relative_to(results_dir).with_suffix(".csv")), table
    for pattern in STATISTICS:
        for path in sorted(results_dir.glob(pattern)):
            try:
                tables = _load_statistics(
                    join_path_within_results(results_dir, path.relative_to(results_dir))
                )
            except ConfigError as error:
                report_problem(f"{error}")
                continue
            for name, table in tables.items():
                yield str(path.relative_to(results_dir).with_name(f"{name}.csv")), table


def _load_statistics(path: Path) -> dict[str, pd.DataFrame]:
    """Return the tables of a stats.json by name; empty ones are left out.

    Raises:
        ConfigError: the file cannot be read, or has other content.
    """
    statistics = load_json(path)
    tables = {}
    for name, keys in STATISTICS_TABLES.items():
        rows = []
        for key in keys:
            part = statistics.get(key) if isinstance(statistics, dict) else None
            if not isinstance(part, list) or not all(isinstance(row, dict) for row in part):
                raise ConfigError(f"{path}: key '{key}': expected a list of objects")
            rows += part
        if rows:
            tables[name] = pd.DataFrame([_flatten_nested_keys(row) for row in rows])
    return tables


def _flatten_nested_keys(row: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the values of nested objects by their path, such as `distribution_free.low`."""
    flat: dict[str, Any] = {}
    for key, value in row.items():
        if isinstance(value, dict):
            flat |= _flatten_nested_keys(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat
