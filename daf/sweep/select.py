"""Which trial is best: pure functions on the episode tables of a sweep."""

import json
from dataclasses import dataclass
from typing import Any

import pandas as pd
import yaml

from daf.config import ConfigError, DAFSweepConfig, nearest
from daf.sweep.trials import shared_training, trial_policy, trials_of

TEXTS = ("policy", "run", "mission")


@dataclass(frozen=True)
class Selected:
    """What a sweep found.

    Attributes:
        trials: a row for each trial, the best first: rank (none if it failed), trial, status
            ("success" or "failed"), objective, hyperparameters (JSON), runs, missing.
        best: trial, run (its best training), hyperparameters, objective, metric, direction.
    """

    trials: pd.DataFrame
    best: dict[str, Any]
    config: dict[str, Any]

    def config_yaml(self) -> str:
        """The best configuration as a file that `snakemake benchmark_report` reads."""
        return yaml.safe_dump(self.config, sort_keys=False, allow_unicode=True)


def select(
    sweep: DAFSweepConfig,
    episodes: pd.DataFrame,
    labels: dict[str, str],
    missing: list[dict[str, str]],
) -> Selected:
    """Rank the trials by their objective: its mean over episodes, then seeds, then missions.

    Args:
        sweep: the search.
        episodes: the episode tables of all trials.
        labels: the trial of each run.
        missing: the evaluations that failed, {policy, run, mission}; their trials are not ranked.

    Raises:
        ConfigError: the objective is no column of numbers, or every trial failed.
    """
    metric = sweep.objective_metric
    numbers = [c for c in episodes.columns if c not in TEXTS and episodes[c].dtype.kind in "iufb"]
    if metric not in numbers or episodes[metric].isna().any():
        known = sorted(column for column in numbers if not episodes[column].isna().any())
        raise ConfigError(f"key 'objective_metric': got '{metric}'; {nearest(metric, known)}")
    table = episodes.assign(trial=episodes["run"].map(labels))
    of_cells = table.groupby(["trial", "mission", "run"])[metric].mean()
    of_trials = of_cells.groupby(["trial", "mission"]).mean().groupby("trial").mean()
    of_runs = of_cells.groupby(["trial", "run"]).mean()
    sign = 1 if sweep.optimize_direction == "minimize" else -1
    failed = {entry["policy"] for entry in missing}
    rows = []
    for trial in trials_of(sweep):
        success = trial.name in of_trials.index and trial.name not in failed
        rows.append(
            {
                "trial": trial.name,
                "status": "success" if success else "failed",
                "objective": float(of_trials[trial.name]) if success else float("nan"),
                "hyperparameters": json.dumps(trial.values, sort_keys=True),
                "runs": sorted(run for run, label in labels.items() if label == trial.name),
            }
        )
    ranked = pd.DataFrame(rows)
    ranked["rank"] = (sign * ranked["objective"]).rank(method="min").astype("Int64")
    ranked = ranked.sort_values(["rank", "trial"], na_position="last", ignore_index=True)
    if ranked["rank"].isna().all():
        raise ConfigError("every trial of the sweep failed; there is nothing to select")
    first = ranked.iloc[0]
    chosen = next(trial for trial in trials_of(sweep) if trial.name == first["trial"])
    best = {
        "trial": chosen.name,
        "run": str((sign * of_runs[chosen.name]).sort_index().idxmin()),
        "hyperparameters": chosen.values,
        "objective": float(first["objective"]),
        "metric": metric,
        "direction": sweep.optimize_direction,
        "ranking": ranked["trial"][ranked["rank"].notna()].tolist(),
    }
    order = ["rank", "trial", "status", "objective", "hyperparameters", "runs"]
    return Selected(ranked[order], best, best_config(sweep, chosen))


def best_config(sweep: DAFSweepConfig, trial) -> dict[str, Any]:
    """A benchmark of the one policy of a trial, with all it needs to be trained again."""
    policy = trial_policy(sweep, trial)
    training = shared_training(sweep).resolved() | policy.training
    return {
        "name": trial.name,
        "policies": [{"class_path": policy.class_path, "init_kwargs": policy.init_kwargs}],
        "missions": list(sweep.missions),
        "training": {key: value for key, value in training.items() if value not in (None, [])},
        "training_seeds": list(sweep.training_seeds),
        "evaluation": {"episodes": sweep.episodes_per_trial, "seed": sweep.seed},
    }
