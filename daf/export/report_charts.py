"""Charts of all reports of a results folder, from the files that each report shows."""

from collections.abc import Callable, Iterator
from pathlib import Path

from daf.config import ConfigError, DAFSweepConfig, load_json
from daf.export.invalid_results import ReportProblem, raise_or_report_invalid_result
from daf.export.results_paths import join_path_within_results
from daf.missions import Mission
from daf.provenance.sidecar import SUFFIX, Sidecar
from daf.report.build import load_benchmark_charts, load_sweep_charts
from daf.report.charts import Chart
from daf.report.engine import build_speed_chart_by_mission

REPORT = "report.html"
EXPERIMENT_FOLDERS, SWEEP_FOLDER = ("benchmarks", "comparisons"), "sweeps"
SPEEDS = "engine/speeds.json"


def find_report_charts(
    results_dir: str | Path, report_problem: ReportProblem = None
) -> Iterator[tuple[str, dict[str, Chart]]]:
    """Yield the folder of each report, such as `benchmarks/NAME`, and its charts by name.

    Args:
        results_dir: results folder.
        report_problem: receives one line for each report that is left out.

    Raises:
        ConfigError: no report, or one with invalid content and no `report_problem`; one line.
    """
    results = Path(results_dir)
    loaders: dict[str, Callable[[Path, str], dict[str, Chart]]] = {}
    for kind in (*EXPERIMENT_FOLDERS, SWEEP_FOLDER):
        load = load_charts_of_sweep if kind == SWEEP_FOLDER else load_charts_of_experiment
        for sidecar_file in sorted(results.glob(f"{kind}/*/{REPORT}{SUFFIX}")):
            loaders[f"{kind}/{sidecar_file.parent.name}"] = load
    if results.joinpath(SPEEDS).is_file():
        loaders["engine"] = load_charts_of_engine_benchmark
    if not loaders:
        raise ConfigError(
            f"{results}: no report; expected a results folder with a finished benchmark, "
            "comparison or sweep"
        )
    for folder, load in loaders.items():
        with raise_or_report_invalid_result(results / folder, report_problem):
            yield folder, load(results, folder)


def load_charts_of_experiment(results_dir: Path, report_folder: str) -> dict[str, Chart]:
    """Return the charts of the report of a benchmark or comparison."""
    sidecar = Sidecar.read(
        join_path_within_results(results_dir, f"{report_folder}/{REPORT}{SUFFIX}")
    )

    def paths(name: str) -> list[str]:
        return [str(join_path_within_results(results_dir, p)) for p in sidecar.inputs.get(name, {})]

    return load_benchmark_charts(
        stats_file=str(join_path_within_results(results_dir, f"{report_folder}/stats.json")),
        run_files=paths("runs"),
        metrics_files=paths("curves"),
        policy_label_by_run=sidecar.parameters["labels"],
        missions=[Mission.model_validate(mission) for mission in sidecar.parameters["missions"]],
    )


def load_charts_of_sweep(results_dir: Path, report_folder: str) -> dict[str, Chart]:
    """Return the charts of the report of a sweep."""
    sidecar_file = join_path_within_results(results_dir, f"{report_folder}/{REPORT}{SUFFIX}")
    sweep = Sidecar.read(sidecar_file).parameters["sweep"]
    return load_sweep_charts(
        sweep=DAFSweepConfig.parse(sweep, str(sidecar_file)),
        search_file=str(join_path_within_results(results_dir, f"{report_folder}/search.json")),
        trials_file=str(join_path_within_results(results_dir, f"{report_folder}/trials.parquet")),
        rounds_file=str(join_path_within_results(results_dir, f"{report_folder}/rounds.parquet")),
    )


def load_charts_of_engine_benchmark(results_dir: Path, folder: str) -> dict[str, Chart]:
    """Return the charts of the report of `engine_benchmark`."""
    charts = build_speed_chart_by_mission(load_json(join_path_within_results(results_dir, SPEEDS)))
    return {f"speed_{mission}": chart for mission, chart in charts.items()}
