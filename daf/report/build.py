"""Reports of benchmarks, comparisons and sweeps, built from result files."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from daf.config import ConfigError, DAFSweepConfig, load_json, suggest_choice
from daf.evaluation.known_play import find_stored_play
from daf.evaluation.replay import Replay
from daf.files.parquet import load_table
from daf.missions import Mission
from daf.provenance.hashing import file_digest
from daf.report.best_known import BestKnownScore
from daf.report.charts import Chart
from daf.report.episode_player import EpisodeView
from daf.report.experiment import collect_experiment_charts, render_experiment_report
from daf.report.result_types import MissionFacts, RunJson
from daf.report.sweep import collect_sweep_charts, render_sweep_report


def build_benchmark_report(
    *,
    title: str,
    stats_file: str,
    run_files: Iterable[str],
    metrics_files: Iterable[str],
    policy_label_by_run: Mapping[str, str],
    environment_file: str,
    replay_files: Iterable[str],
    missions: Iterable[Mission],
    config: Mapping[str, Any],
    provenance: Mapping[str, Any],
) -> str:
    """Build the report of a benchmark or comparison.

    The report names each file by its path in the results folder.

    Args:
        title: heading of the page.
        stats_file: path of stats.json.
        run_files: paths of the run.json files.
        metrics_files: paths of the metrics.parquet files, in the order of `run_files`.
        policy_label_by_run: label of the policy of each run.
        environment_file: path of environment.json.
        replay_files: paths of the replays for the replay viewer.
        missions: evaluation missions.
        config: resolved configuration.
        provenance: label -> value.

    Returns:
        HTML text.

    Raises:
        ConfigError: a file cannot be read, or has invalid content.
    """
    run_files, metrics_files, replay_files = (
        list(run_files),
        list(metrics_files),
        list(replay_files),
    )
    run_infos = _load_run_infos(run_files, policy_label_by_run)
    analysis = load_json(stats_file)
    return render_experiment_report(
        title=title,
        stats=analysis,
        failed_evaluations=analysis["left_out"],
        runs=run_infos,
        training_metrics=_load_training_metrics(run_infos, metrics_files),
        missions=[_collect_mission_facts(mission, run_infos) for mission in missions],
        config=config,
        environment=load_json(environment_file),
        provenance=provenance,
        source_digests=_compute_file_digests(stats_file, *run_files, *metrics_files, *replay_files),
        episode_views=list(
            filter(None, (_load_first_episode(path, policy_label_by_run) for path in replay_files))
        ),
    )


def load_benchmark_charts(
    *,
    stats_file: str,
    run_files: Iterable[str],
    metrics_files: Iterable[str],
    policy_label_by_run: Mapping[str, str],
    missions: Iterable[Mission],
) -> dict[str, Chart]:
    """Return all charts of the page of `build_benchmark_report`, by name.

    Raises:
        ConfigError: a file cannot be read, or has invalid content.
    """
    run_infos = _load_run_infos(run_files, policy_label_by_run)
    return collect_experiment_charts(
        stats=load_json(stats_file),
        training_metrics=_load_training_metrics(run_infos, metrics_files),
        missions=[_collect_mission_facts(mission, run_infos) for mission in missions],
    )


def load_sweep_charts(
    *, sweep: DAFSweepConfig, search_file: str, trials_file: str, rounds_file: str
) -> dict[str, Chart]:
    """Return all charts of the page of `build_sweep_report`, by name.

    Raises:
        ConfigError: a file cannot be read, or has invalid content.
    """
    return collect_sweep_charts(
        sweep=sweep,
        search=load_json(search_file),
        trials=load_table(trials_file),
        rounds=load_table(rounds_file),
    )


def build_sweep_report(
    *,
    sweep: DAFSweepConfig,
    search_file: str,
    trials_file: str,
    rounds_file: str,
    environment_file: str,
    command: str,
) -> str:
    """Build the report of a sweep.

    Args:
        sweep: resolved configuration.
        search_file: path of search.json.
        trials_file: path of trials.parquet.
        rounds_file: path of rounds.parquet.
        environment_file: path of environment.json.
        command: command line that reproduces the sweep.

    Returns:
        HTML text.

    Raises:
        ConfigError: a file cannot be read, or has invalid content.
    """
    return render_sweep_report(
        sweep=sweep,
        search=load_json(search_file),
        trials=load_table(trials_file),
        rounds=load_table(rounds_file),
        environment=load_json(environment_file),
        command=command,
        source_digests=_compute_file_digests(search_file, trials_file, rounds_file),
    )


def _compute_file_digests(*paths: str) -> dict[str, str]:
    """Return the SHA-256 of each file, by its path in the results folder."""
    return {
        _strip_results_folder(path): file_digest(path)
        for path in sorted(paths, key=_strip_results_folder)
    }


def _strip_results_folder(path: str) -> str:
    """Return the path of a file relative to the results folder: two folders and its name."""
    return "/".join(Path(path).parts[-3:])


def _load_run_infos(
    run_files: Iterable[str], policy_label_by_run: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Return the content of each run.json, with the label of its policy."""
    runs = [load_json(path) for path in run_files]
    return [run | {"policy": policy_label_by_run[run["run"]]} for run in runs]


def _load_training_metrics(runs: Iterable[RunJson], metrics_files: Iterable[str]) -> pd.DataFrame:
    tables = [
        load_table(path).assign(
            run=run["run"], policy=run["policy"], training_seed=run["training_seed"]
        )
        for run, path in zip(runs, metrics_files)
    ]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def _load_first_episode(
    replay_file: str, policy_label_by_run: Mapping[str, str]
) -> EpisodeView | None:
    replay = Replay.read(replay_file)
    if replay.run not in policy_label_by_run:
        raise ConfigError(
            f"{replay_file}: key 'run': {suggest_choice(replay.run, sorted(policy_label_by_run))}"
        )
    try:
        return EpisodeView.from_first_episode(
            replay, policy_label_by_run[replay.run], _strip_results_folder(replay_file)
        )
    except ConfigError as error:
        raise ConfigError(f"{replay_file}: {error}") from None


def _collect_mission_facts(mission: Mission, runs: Iterable[RunJson]) -> MissionFacts:
    trained_policies = sorted({run["policy"] for run in runs if mission.name in run["missions"]})
    counts: dict[str, int] = {}
    for _, _, name in mission.find_cells_with(*mission.stations):
        counts[name] = counts.get(name, 0) + 1
    play = find_stored_play(mission)
    symbols = {symbol for row in mission.map for symbol in row}
    size = f"{mission.height} x {mission.width} cells"
    if mission.layout is not None:
        size += f"; first of the layouts with seeds {mission.layout.seed}"
    return {
        "name": mission.name,
        "description": mission.description,
        "map": list(mission.map),
        "legend": {s: name for s, name in sorted(mission.legend.items()) if s in symbols},
        "agents": mission.num_agents,
        "max_steps": mission.max_steps,
        "ceiling": mission.ceiling,
        "best_known": play and BestKnownScore(play.score, play.found_by),
        "facts": {
            "policies trained on it": ", ".join(trained_policies) or "none of this benchmark",
            "map": size,
            "stations": ", ".join(f"{n} {name}" for name, n in sorted(counts.items())),
            "rewards": ", ".join(f"{name} x {w:g}" for name, w in sorted(mission.rewards.items())),
            "window": f"{mission.window_height} x {mission.window_width} cells, "
            f"{mission.tokens} tokens",
        },
    }
