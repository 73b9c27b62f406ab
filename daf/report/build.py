"""Reports of benchmarks, comparisons and sweeps, built from result files."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from daf.config import ConfigError, DAFSweepConfig, load_json, suggest
from daf.evaluation.replay import Replay
from daf.files.parquet import load_table
from daf.missions import Mission
from daf.provenance.hashing import file_digest
from daf.report.episode_player import EpisodeView
from daf.report.experiment import render_report
from daf.report.sweep import render_sweep


def build_benchmark_report(
    *,
    title: str,
    stats: str,
    runs: Iterable[str],
    curves: Iterable[str],
    labels: Mapping[str, str],
    environment: str,
    replays: Iterable[str],
    missions: Iterable[Mission],
    config: Mapping[str, Any],
    provenance: Mapping[str, Any],
) -> str:
    """Build the report of a benchmark or comparison.

    The report names each file by its path in the results folder.

    Args:
        title: heading of the page.
        stats: path of stats.json.
        runs: paths of the run.json files.
        curves: paths of the metrics.parquet files, in the order of `runs`.
        labels: label of the policy of each run.
        environment: path of environment.json.
        replays: paths of the replays for the replay viewer.
        missions: evaluation missions.
        config: resolved configuration.
        provenance: label -> value.

    Returns:
        HTML text.

    Raises:
        ConfigError: a file cannot be read, or has invalid content.
    """
    runs, curves, replays = list(runs), list(curves), list(replays)
    run_infos = [load_json(path) for path in runs]
    run_infos = [run | {"policy": labels[run["run"]]} for run in run_infos]
    analysis = load_json(stats)
    return render_report(
        title=title,
        stats=analysis,
        failed_evaluations=analysis["left_out"],
        runs=run_infos,
        curves=_load_curves(run_infos, curves),
        missions=[_mission_facts(mission, run_infos) for mission in missions],
        config=config,
        environment=load_json(environment),
        provenance=provenance,
        sources=_file_digests(stats, *runs, *curves, *replays),
        episode_views=list(filter(None, (_load_episode(path, labels) for path in replays))),
    )


def build_sweep_report(
    *,
    sweep: DAFSweepConfig,
    search: str,
    trials: str,
    rounds: str,
    environment: str,
    command: str,
) -> str:
    """Build the report of a sweep.

    Args:
        sweep: resolved configuration.
        search: path of search.json.
        trials: path of trials.parquet.
        rounds: path of rounds.parquet.
        environment: path of environment.json.
        command: command line that reproduces the sweep.

    Returns:
        HTML text.

    Raises:
        ConfigError: a file cannot be read, or has invalid content.
    """
    return render_sweep(
        sweep=sweep,
        search=load_json(search),
        trials=load_table(trials),
        rounds=load_table(rounds),
        environment=load_json(environment),
        command=command,
        sources=_file_digests(search, trials, rounds),
    )


def _file_digests(*paths: str) -> dict[str, str]:
    """Return the SHA-256 of each file, by its path in the results folder."""
    return {
        _path_in_results(path): file_digest(path) for path in sorted(paths, key=_path_in_results)
    }


def _path_in_results(path: str) -> str:
    """Return the path of a file in the results folder: two folders and its name."""
    return "/".join(Path(path).parts[-3:])


def _load_curves(runs: list[dict[str, Any]], paths: Iterable[str]) -> pd.DataFrame:
    tables = [
        load_table(path).assign(
            run=run["run"], policy=run["policy"], training_seed=run["training_seed"]
        )
        for run, path in zip(runs, paths)
    ]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def _load_episode(path: str, labels: Mapping[str, str]) -> EpisodeView | None:
    replay = Replay.read(path)
    if replay.run not in labels:
        raise ConfigError(f"{path}: key 'run': {suggest(replay.run, sorted(labels))}")
    try:
        return EpisodeView.from_replay(replay, labels[replay.run], _path_in_results(path))
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def _mission_facts(mission: Mission, runs: list[dict[str, Any]]) -> dict[str, Any]:
    trained_policies = sorted({run["policy"] for run in runs if mission.name in run["missions"]})
    counts: dict[str, int] = {}
    for _, _, name in mission.cells_with(*mission.stations):
        counts[name] = counts.get(name, 0) + 1
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
        "facts": {
            "policies trained on it": ", ".join(trained_policies) or "none of this benchmark",
            "map": size,
            "stations": ", ".join(f"{n} {name}" for name, n in sorted(counts.items())),
            "rewards": ", ".join(f"{name} x {w:g}" for name, w in sorted(mission.rewards.items())),
            "window": f"{mission.window_height} x {mission.window_width} cells, "
            f"{mission.tokens} tokens",
        },
    }
