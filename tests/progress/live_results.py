"""Results folders with finished and running training runs, for tests of their learning curves."""

from pathlib import Path

import numpy as np
import pandas as pd

from daf.files.parquet import save_table
from daf.files.text_files import write_json
from daf.jobs.live_metrics import LiveMetricsHeader, LiveMetricsWriter

STEPS_PER_UPDATE = 1000


def curve_rows(
    updates: int, missions: list[str], final_score: float = 20.0, **others
) -> list[dict]:
    """Return rows of a learning curve; the score of every third update is missing."""
    rows = []
    for update in range(updates):
        score = final_score * (update + 1) / updates if update % 3 else np.nan
        rows.append(
            {
                "update": update,
                "steps": STEPS_PER_UPDATE * (update + 1),
                "learning_rate": 1 / 3,
                "score": score,
                **{f"score/{mission}": score for mission in missions},
                "reward": 0.1 * update,
                **others,
            }
        )
    return rows


def run_description(run: str, policy: str, updates: int, missions: list[str]) -> dict:
    """Return the keys that run.json and the header of live metrics share."""
    return {
        "run": run,
        "policy": policy,
        "class_path": "stateless",
        "init_kwargs": {"hidden_size": 64},
        "training_seed": 1,
        "missions": missions,
        "steps": STEPS_PER_UPDATE * updates,
        "training": {"learning_rate": 0.002, "anneal": True, "teacher": None, "shaping": {"a": 1}},
    }


def write_finished_run(
    results: Path, run: str, policy: str = "stateless", updates: int = 10, missions=("open",)
) -> Path:
    """Write run.json and metrics.parquet of a finished run; return its folder."""
    folder = results / "runs" / run
    folder.mkdir(parents=True)
    missions = list(missions)
    save_table(folder / "metrics.parquet", pd.DataFrame(curve_rows(updates, missions)))
    write_json(folder / "run.json", run_description(run, policy, updates, missions))
    return folder


def make_header(run: str, policy: str, updates: int, missions: list[str]) -> LiveMetricsHeader:
    """Return the first line of live metrics."""
    return LiveMetricsHeader(
        **run_description(run, policy, updates, missions),
        updates=updates,
        ceilings={mission: 25.0 for mission in missions},
        start_time=9e8,
    )


def open_running_run(
    results: Path, run: str, policy: str = "stateless", updates: int = 10, missions=("open",)
) -> LiveMetricsWriter:
    """Write the header of a running run's live metrics; return the writer of its rows."""
    folder = results / "resume" / f"{run}-key"
    folder.mkdir(parents=True)
    header = make_header(run, policy, updates, list(missions))
    return LiveMetricsWriter(folder / "metrics.jsonl", header, [], print)
