"""From the files of a benchmark to its report."""

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


def benchmark_report(
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
    """The report of a benchmark as HTML text.

    Files are called by their names in the folder of results, which is where they lie.

    Args:
        title: the heading.
        stats: path of stats.json.
        runs, curves: paths of the run.json and metrics.parquet files, in the same order.
        labels: what the benchmark calls the policy of each run.
        environment: path of environment.json.
        replays: paths of the recorded episodes that can be watched.
        missions: what was played.
        config: the resolved configuration.
        provenance: label -> value, shown as it is.

    Raises:
        ConfigError: a file cannot be read, or is not what it should be.
    """
    runs, curves, replays = list(runs), list(curves), list(replays)
    described = [load_json(path) for path in runs]
    described = [run | {"policy": labels[run["run"]]} for run in described]
    analysed = load_json(stats)
    return render_report(
        title=title,
        stats=analysed,
        left_out=analysed["left_out"],
        runs=described,
        curves=_curves(described, curves),
        missions=[_facts(mission, described) for mission in missions],
        config=config,
        environment=load_json(environment),
        provenance=provenance,
        sources=_digests(stats, *runs, *curves, *replays),
        recorded=list(filter(None, (_recorded(path, labels) for path in replays))),
    )


def sweep_report(
    *,
    sweep: DAFSweepConfig,
    search: str,
    trials: str,
    rounds: str,
    environment: str,
    command: str,
) -> str:
    """The report of a sweep as HTML text.

    Args:
        sweep: the configuration.
        search, trials, rounds, environment: paths of search.json, trials.parquet, rounds.parquet,
            environment.json.
        command: what to type to make it again.

    Raises:
        ConfigError: a file cannot be read, or is not what it should be.
    """
    return render_sweep(
        sweep=sweep,
        found=load_json(search),
        trials=load_table(trials),
        rounds=load_table(rounds),
        environment=load_json(environment),
        command=command,
        sources=_digests(search, trials, rounds),
    )


def _digests(*paths: str) -> dict[str, str]:
    """The hash of each file."""
    return {_name(path): file_digest(path) for path in sorted(paths, key=_name)}


def _name(path: str) -> str:
    """What a file is called in the folder of results; each of a report's lies two folders deep."""
    return "/".join(Path(path).parts[-3:])


def _curves(runs: list[dict[str, Any]], paths: Iterable[str]) -> pd.DataFrame:
    tables = [
        load_table(path).assign(
            run=run["run"], policy=run["policy"], training_seed=run["training_seed"]
        )
        for run, path in zip(runs, paths)
    ]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def _recorded(path: str, labels: Mapping[str, str]) -> EpisodeView | None:
    recording = Replay.read(path)
    if recording.run not in labels:
        raise ConfigError(f"{path}: key 'run': {suggest(recording.run, sorted(labels))}")
    try:
        return EpisodeView.first_of(recording, labels[recording.run], _name(path))
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def _facts(mission: Mission, runs: list[dict[str, Any]]) -> dict[str, Any]:
    learners = sorted({run["policy"] for run in runs if mission.name in run["missions"]})
    counts: dict[str, int] = {}
    for _, _, name in mission.cells_with(*mission.stations):
        counts[name] = counts.get(name, 0) + 1
    shown = {symbol for row in mission.map for symbol in row}
    size = f"{mission.height} x {mission.width} cells"
    if mission.layout is not None:
        size += f"; layouts of the seeds {mission.layout.seed}, of which this is the first"
    return {
        "name": mission.name,
        "description": mission.description,
        "map": list(mission.map),
        "legend": {s: what for s, what in sorted(mission.legend.items()) if s in shown},
        "agents": mission.num_agents,
        "max_steps": mission.max_steps,
        "ceiling": mission.ceiling,
        "facts": {
            "trained on by": ", ".join(learners) or "no policy of this benchmark",
            "map": size,
            "stations": ", ".join(f"{n} {name}" for name, n in sorted(counts.items())),
            "rewards": ", ".join(f"{name} x {w:g}" for name, w in sorted(mission.rewards.items())),
            "window": f"{mission.window_height} x {mission.window_width} cells, "
            f"{mission.tokens} tokens",
        },
    }
