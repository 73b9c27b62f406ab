"""Result of a sweep: best trial, confirmation on unseen seeds, importance, budget."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from daf.config import DAFSweepConfig
from daf.files import strict_json
from daf.stats.grades import DECIDED, DECIDED_FREE, NOT_TESTED
from daf.sweep.importance import compute_importance
from daf.sweep.objective import Objective, build_objective, compute_outcomes
from daf.sweep.rank import (
    compare_with_best,
    estimate_objective,
    is_trained_as_long_as_best,
    measure_episodes_by_trial,
)
from daf.sweep.trials import Trial, TrialRuns, build_base_training, build_trial_policy

SweepResult = dict[str, Any]
"""Result of a sweep, in JSON types; see `conclude_sweep` for the keys."""


def conclude_sweep(
    sweep: DAFSweepConfig,
    trials: pd.DataFrame,
    rounds: pd.DataFrame,
    finalists: Sequence[TrialRuns],
    confirmation_episodes: pd.DataFrame | None,
    ceilings: Mapping[str, float | None],
) -> SweepResult:
    """Return the result of a sweep as plain data.

    Args:
        sweep: configuration of the sweep.
        trials: table of trials, from `rank_trials`.
        rounds: table of rounds, from `rounds_table`.
        finalists: finalists with the runs of their confirmation, from
            `SweepPlan.confirmation_trial_runs`; empty without a confirmation.
        confirmation_episodes: episode tables of the confirmation, as one table; None without a
            confirmation.
        ceilings: ceiling of each mission of the sweep; None without one.

    Returns:
        `metric`, `direction`, `score_unit`: the objective; see `objective.Objective`.
        `best`: trial, run (its best run), hyperparameters, objective, low, high, unit, n_units,
        score_unit, rivals (number of other trials with as many steps), tied_with (those of them
        that the data cannot separate from it), not_tested_with (those of `tied_with` without a
        test), equal_to (those of `tied_with` with an equal objective), grade (lowest grade of the
        differences from all rivals; None if there is a tie or no rival), confirmed (its entry in
        `confirmation`, or None).
        `ranking`: successful trials, the best first. `failed`: failed trials.
        `confirmation`: for each finalist trial, score_unit, searched (its objective in the search),
        mean, low, high, unit, n_units, n_episodes (None if its confirmation failed), optimism
        (objective of the search minus that of the confirmation, positive if the search was better),
        to_best (output of `compare_with_best`; None for the best).
        `importance`: see `compute_importance`.
        `budget`: trials, trainings, agent_steps and episodes of the search, and `confirmation`,
        the same of the confirmation.
    """
    succeeded = trials[trials["status"] == "success"]
    best, *others = succeeded.to_dict("records")
    objective = build_objective(sweep, ceilings)
    confirmation = _confirmation_results(
        sweep, succeeded, finalists, confirmation_episodes, objective
    )
    rivals = [trial for trial in others if is_trained_as_long_as_best(sweep, trial, best)]
    tied = [trial for trial in rivals if trial["tied"]]
    columns = ("objective", "low", "high", "unit", "n_units")
    return {
        "metric": sweep.objective_metric,
        "direction": sweep.optimize_direction,
        "score_unit": objective.score_unit,
        "best": {
            "trial": best["trial"],
            "run": best["best_run"],
            "hyperparameters": strict_json.loads(best["hyperparameters"]),
            **{column: table_value_to_json(best[column]) for column in columns},
            "score_unit": objective.score_unit,
            "rivals": len(rivals),
            "tied_with": [trial["trial"] for trial in tied],
            "not_tested_with": [t["trial"] for t in tied if t["outcome"] == NOT_TESTED],
            "equal_to": [t["trial"] for t in tied if t["rank"] == best["rank"]],
            "grade": _lowest_grade([trial["grade"] for trial in rivals]),
            "confirmed": confirmation[0] if confirmation else None,
        },
        "ranking": succeeded["trial"].tolist(),
        "failed": trials["trial"][trials["status"] == "failed"].tolist(),
        "confirmation": confirmation,
        "importance": _compute_importance_at_equal_steps(sweep, trials, rounds),
        "budget": _compute_planned_budget(sweep, trials, finalists),
    }


def _lowest_grade(grades: Sequence[str | None]) -> str | None:
    """Return the lowest grade of some differences; None without any, or if one is undecided."""
    if not grades or not all(isinstance(grade, str) for grade in grades):
        return None
    return DECIDED if DECIDED in grades else DECIDED_FREE


def table_value_to_json(value: Any) -> Any:
    """Return a value of a table as a JSON value, and None for a missing one."""
    if pd.isna(value):
        return None
    return value.item() if hasattr(value, "item") else value


def _confirmation_results(
    sweep: DAFSweepConfig,
    successful_trials: pd.DataFrame,
    finalists: Sequence[TrialRuns],
    episodes: pd.DataFrame | None,
    objective: Objective,
) -> list[dict[str, Any]]:
    if not finalists or episodes is None:
        return []
    sign = -1 if sweep.optimize_direction == "minimize" else 1
    search_objectives = dict(zip(successful_trials["trial"], successful_trials["objective"]))
    (outcomes,) = compute_outcomes([finalists], episodes, objective)
    evaluated = [e for e, outcome in zip(finalists, outcomes) if outcome.objective is not None]
    tables = measure_episodes_by_trial(episodes, objective, evaluated)
    best = finalists[0]["trial"]
    others = [entry["trial"] for entry in evaluated[1:] if best in tables]
    to_best = compare_with_best(tables, best, others, objective)
    results = []
    for entry in finalists:
        trial = entry["trial"]
        result = {"trial": trial, "score_unit": objective.score_unit}
        result["searched"] = float(search_objectives[trial])
        result |= dict.fromkeys(
            ("mean", "low", "high", "unit", "n_units", "n_episodes", "optimism")
        )
        if trial in tables:
            estimate = estimate_objective(tables[trial], objective)
            result |= {key: value for key, value in estimate.items() if key in result}
            result["optimism"] = sign * (result["searched"] - result["mean"])
        results.append(result | {"to_best": to_best.get(trial)})
    return results


def _compute_importance_at_equal_steps(
    sweep: DAFSweepConfig, trials: pd.DataFrame, rounds: pd.DataFrame
) -> list[dict[str, Any]]:
    # Trials must have equal training steps. In halving, only the first rung has all trials.
    comparable = rounds[rounds["round"] == 0] if sweep.strategy == "halving" else rounds
    comparable = comparable.dropna(subset=["objective"])
    values = dict(zip(trials["trial"], map(strict_json.loads, trials["hyperparameters"])))
    return compute_importance(
        sweep, [values[trial] for trial in comparable["trial"]], comparable["objective"].tolist()
    )


def _compute_planned_budget(
    sweep: DAFSweepConfig, trials: pd.DataFrame, finalists: Sequence[TrialRuns]
) -> dict[str, Any]:
    """Return the planned cost of the sweep.

    A run that continues in a later rung counts once; its weights are evaluated after each rung.
    """
    num_runs = trials["runs"].map(len)
    num_evaluated = num_runs * (trials["round"] + 1 if sweep.strategy == "halving" else 1)
    num_confirmation_runs = sum(len(entry["runs"]) for entry in finalists)
    episodes = sweep.confirmation.episodes or sweep.episodes_per_trial
    return {
        "trials": len(trials),
        "trainings": int(num_runs.sum()),
        "agent_steps": int((num_runs * trials["steps"]).sum()),
        "episodes": int(num_evaluated.sum()) * len(sweep.missions) * sweep.episodes_per_trial,
        "confirmation": {
            "trials": len(finalists),
            "trainings": num_confirmation_runs,
            "agent_steps": sum(len(entry["runs"]) * entry["steps"] for entry in finalists),
            "episodes": num_confirmation_runs * len(sweep.missions) * episodes,
        },
    }


def build_best_benchmark_config(
    sweep: DAFSweepConfig, best_trial: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the configuration of a benchmark that trains the best trial again.

    Args:
        sweep: configuration of the sweep.
        best_trial: entry `best` of the result.
    """
    policy = build_trial_policy(sweep, Trial(best_trial["trial"], best_trial["hyperparameters"]))
    training = build_base_training(sweep).resolved() | policy.training
    return {
        "name": best_trial["trial"],
        "policies": [{"class_path": policy.class_path, "init_kwargs": policy.init_kwargs}],
        "missions": list(sweep.missions),
        "training": {key: value for key, value in training.items() if value not in (None, [])},
        "training_seeds": list(sweep.training_seeds),
        "evaluation": {"episodes": sweep.episodes_per_trial, "seed": sweep.world_seed},
    }
