"""From the files of a benchmark to its report."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from daf.missions import Mission
from daf.report.report import render_report


def benchmark_report(
    *,
    title: str,
    stats: str,
    runs: Iterable[str],
    curves: Iterable[str],
    labels: Mapping[str, str],
    environment: str,
    timings: Mapping[str, str],
    missions: Iterable[Mission],
    config: Mapping[str, Any],
    provenance: Mapping[str, Any],
) -> str:
    """The report of a benchmark as HTML text.

    Args:
        title: the heading.
        stats: path of stats.json.
        runs, curves: paths of the run.json and metrics.parquet files, in the same order.
        labels: what the benchmark calls the policy of each run.
        environment: path of environment.json.
        timings: "rule item" -> path of its benchmark file of Snakemake; missing files are left out.
        missions: what was played.
        config: the resolved configuration.
        provenance: label -> value, shown as it is.

    Raises:
        OSError: a file cannot be read.
    """
    described = [_json(path) for path in runs]
    described = [run | {"policy": labels[run["run"]]} for run in described]
    analysed = _json(stats)
    return render_report(
        title=title,
        stats=analysed,
        left_out=analysed["left_out"],
        runs=described,
        curves=_curves(described, curves),
        missions=[_facts(mission, described) for mission in missions],
        config=config,
        environment=_json(environment),
        timings=_timings(timings),
        provenance=provenance,
    )


def _json(path: str) -> dict[str, Any]:
    return json.loads(Path(path).read_text(encoding="utf-8"))


def _curves(runs: list[dict[str, Any]], paths: Iterable[str]) -> pd.DataFrame:
    tables = [
        pd.read_parquet(path).assign(
            run=run["run"], policy=run["policy"], training_seed=run["training_seed"]
        )
        for run, path in zip(runs, paths)
    ]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def _timings(paths: Mapping[str, str]) -> list[dict[str, Any]]:
    found = []
    for label, path in paths.items():
        if Path(path).is_file():
            row = pd.read_csv(path, sep="\t").iloc[0]
            rule, _, item = label.partition(" ")
            memory = pd.to_numeric(row["max_rss"], errors="coerce")
            found.append(
                {
                    "rule": rule,
                    "item": item,
                    "seconds": float(row["s"]),
                    "max_rss_mb": None if pd.isna(memory) else float(memory),
                }
            )
    return found


def _facts(mission: Mission, runs: list[dict[str, Any]]) -> dict[str, Any]:
    learners = sorted({run["policy"] for run in runs if mission.name in run["missions"]})
    counts: dict[str, int] = {}
    for _, _, name in mission.cells(*mission.stations):
        counts[name] = counts.get(name, 0) + 1
    shown = {symbol for row in mission.map for symbol in row}
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
            "map": f"{mission.height} x {mission.width} cells",
            "stations": ", ".join(f"{n} {name}" for name, n in sorted(counts.items())),
            "rewards": ", ".join(f"{name} x {w:g}" for name, w in sorted(mission.rewards.items())),
            "window": f"{mission.window_height} x {mission.window_width} cells, "
            f"{mission.tokens} tokens",
        },
    }
