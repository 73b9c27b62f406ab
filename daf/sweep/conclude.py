"""What a search came to: the best trial, and what is left of its lead on fresh seeds."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from daf.config import DAFSweepConfig
from daf.files import strict_json
from daf.sweep.importance import importance
from daf.sweep.objective import outcomes
from daf.sweep.rank import compare_with_best, episodes_by_trial, interval, is_trained_as_long
from daf.sweep.trials import Trial, base_training, trial_policy


def conclude(
    sweep: DAFSweepConfig,
    trials: pd.DataFrame,
    rounds: pd.DataFrame,
    confirmed: Sequence[Mapping[str, Any]],
    episodes: pd.DataFrame | None,
) -> dict[str, Any]:
    """Everything that is said about a search, as plain data.

    Args:
        trials, rounds: what `rank` and `rounds_table` gave.
        confirmed: the finalists' confirmation, as `Round.described` gives it; none: not confirmed.
        episodes: the tables of its evaluations that succeeded.

    Returns:
        `metric`, `direction`;
        `best`: trial, run (its best training), hyperparameters, objective, low, high, unit,
        n_units, rivals (how many others were trained as long), tied_with (those of them it cannot
        be told from), confirmed (its entry in `confirmation`, or None);
        `ranking`: the trials that succeeded, the best first; `failed`: those that did not;
        `confirmation`: for each finalist trial, searched (its objective in the search), mean, low,
        high, unit, n_units, n_episodes (None if its confirmation failed), optimism (by how much it
        did better in the search), and `to_best`, what `judge` says of the best less it (None for
        the best);
        `importance`: of each hyperparameter, see there;
        `budget`: trials, trainings, agent_steps and episodes of the search, and `confirmation`, the
        same of it.
    """
    succeeded = trials[trials["status"] == "success"]
    first, *others = succeeded.to_dict("records")
    confirmation = _confirmation(sweep, succeeded, confirmed, episodes)
    names = ("objective", "low", "high", "unit", "n_units")
    return {
        "metric": sweep.objective_metric,
        "direction": sweep.optimize_direction,
        "best": {
            "trial": first["trial"],
            "run": first["best_run"],
            "hyperparameters": strict_json.loads(first["hyperparameters"]),
            **{name: plain(first[name]) for name in names},
            "rivals": sum(is_trained_as_long(sweep, other, first) for other in others),
            "tied_with": succeeded["trial"][succeeded["tied"].astype(bool)].tolist()[1:],
            "confirmed": confirmation[0] if confirmation else None,
        },
        "ranking": succeeded["trial"].tolist(),
        "failed": trials["trial"][trials["status"] == "failed"].tolist(),
        "confirmation": confirmation,
        "importance": _importance(sweep, trials, rounds),
        "budget": _budget(sweep, trials, confirmed),
    }


def plain(value: Any) -> Any:
    """A value of a table as JSON knows it; None where it is missing."""
    if pd.isna(value):
        return None
    return value.item() if hasattr(value, "item") else value


def _confirmation(
    sweep: DAFSweepConfig,
    succeeded: pd.DataFrame,
    confirmed: Sequence[Mapping[str, Any]],
    episodes: pd.DataFrame | None,
) -> list[dict[str, Any]]:
    if not confirmed or episodes is None:
        return []
    sign = -1 if sweep.optimize_direction == "minimize" else 1
    searched = dict(zip(succeeded["trial"], succeeded["objective"]))
    (found,) = outcomes([confirmed], episodes, sweep.objective_metric)
    there = [entry for entry, outcome in zip(confirmed, found) if outcome.objective is not None]
    measured = episodes_by_trial(episodes, sweep.objective_metric, there)
    best = confirmed[0]["trial"]
    others = [entry["trial"] for entry in there[1:] if best in measured]
    to_best = compare_with_best(measured, best, others)
    result = []
    for entry in confirmed:
        trial = entry["trial"]
        item = {"trial": trial, "searched": float(searched[trial])}
        item |= dict.fromkeys(("mean", "low", "high", "unit", "n_units", "n_episodes", "optimism"))
        if trial in measured:
            item |= {
                name: found for name, found in interval(measured[trial]).items() if name in item
            }
            item["optimism"] = sign * (item["searched"] - item["mean"])
        result.append(item | {"to_best": to_best.get(trial)})
    return result


def _importance(
    sweep: DAFSweepConfig, trials: pd.DataFrame, rounds: pd.DataFrame
) -> list[dict[str, Any]]:
    # The rungs of halving are trained differently long; only in the first are all trials.
    compared = rounds[rounds["round"] == 0] if sweep.strategy == "halving" else rounds
    compared = compared.dropna(subset=["objective"])
    values = dict(zip(trials["trial"], map(strict_json.loads, trials["hyperparameters"])))
    return importance(
        sweep, [values[trial] for trial in compared["trial"]], compared["objective"].tolist()
    )


def _budget(
    sweep: DAFSweepConfig, trials: pd.DataFrame, confirmed: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """What was asked for. A training that goes on in a later round counts once, but its weights
    are evaluated after each."""
    trainings = trials["runs"].map(len)
    evaluated = trainings * (trials["round"] + 1 if sweep.strategy == "halving" else 1)
    again = sum(len(entry["runs"]) for entry in confirmed)
    episodes = sweep.confirmation.episodes or sweep.episodes_per_trial
    return {
        "trials": len(trials),
        "trainings": int(trainings.sum()),
        "agent_steps": int((trainings * trials["steps"]).sum()),
        "episodes": int(evaluated.sum()) * len(sweep.missions) * sweep.episodes_per_trial,
        "confirmation": {
            "trials": len(confirmed),
            "trainings": again,
            "agent_steps": sum(len(entry["runs"]) * entry["steps"] for entry in confirmed),
            "episodes": again * len(sweep.missions) * episodes,
        },
    }


def best_config(sweep: DAFSweepConfig, best: Mapping[str, Any]) -> dict[str, Any]:
    """A benchmark of the best trial, with all it needs to be trained again: the configuration that
    `snakemake benchmark_report` reads."""
    policy = trial_policy(sweep, Trial(best["trial"], best["hyperparameters"]))
    training = base_training(sweep).resolved() | policy.training
    return {
        "name": best["trial"],
        "policies": [{"class_path": policy.class_path, "init_kwargs": policy.init_kwargs}],
        "missions": list(sweep.missions),
        "training": {key: value for key, value in training.items() if value not in (None, [])},
        "training_seeds": list(sweep.training_seeds),
        "evaluation": {"episodes": sweep.episodes_per_trial, "seed": sweep.world_seed},
    }
