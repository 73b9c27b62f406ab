"""Ranking of trials, with confidence intervals and comparisons with the best trial."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from daf.config import ConfigError, DAFSweepConfig
from daf.files import strict_json
from daf.stats.distribution_free import collect_ceiling_shares
from daf.stats.episode_table import check_and_sort_episodes
from daf.stats.estimate import Ceilings, MeanEstimate, choose_independent_unit, collect_unit_values
from daf.stats.family import Comparison, test_family
from daf.stats.grades import WORSE
from daf.stats.policy_estimates import estimate_mean_with_clipped_interval
from daf.stats.two_policies import compare_two_policies
from daf.sweep.objective import Objective, build_objective, compute_outcomes
from daf.sweep.trials import TrialRuns, round_for_comparison

CONFIDENCE = 0.95

COLUMNS = [
    "rank", "trial", "status", "objective", "low", "high", "unit", "n_units", "tied", "outcome",
    "grade", "round", "steps", "hyperparameters", "runs", "best_run",
]  # fmt: skip


def rank_trials(
    sweep: DAFSweepConfig,
    rounds: Sequence[Sequence[TrialRuns]],
    episodes: pd.DataFrame,
    ceilings: Mapping[str, float | None],
) -> pd.DataFrame:
    """Return the table of all trials, the best first.

    A trial has the objective of its last round. Only the objective orders the trials. In halving,
    where survivors are trained longer, a later rung precedes an earlier one. Failed trials have no
    rank and are last.

    Args:
        sweep: configuration of the sweep.
        rounds: trials of each round, from `SweepPlan.trial_runs_by_round`.
        episodes: episode tables of all successful evaluations, as one table.
        ceilings: ceiling of each mission of the sweep; None without one.

    Returns:
        One row per trial: rank (equal for equal objectives), trial, status ("success" or "failed"),
        objective with its 95 % interval low, high over n_units of unit, tied (the data cannot
        separate it from the best), outcome of its comparison with the best ("worse", "undecided" or
        "not tested"; None for the best and for trials with fewer steps), grade of the difference
        from the best (see `grades.grade_outcome`), round (from 0), steps of training,
        hyperparameters (JSON), runs, best_run. The comparisons have Holm's correction. With 2 to 4
        training seeds, no model-based test exists; the outcome is "not tested" if the
        distribution-free test does not decide.

    Raises:
        ConfigError: every trial failed.
    """
    last_entries: dict[str, dict[str, Any]] = {}
    objective = build_objective(sweep, ceilings)
    outcomes = compute_outcomes(rounds, episodes, objective)
    for number, (entries, round_outcomes) in enumerate(zip(rounds, outcomes)):
        for entry, outcome in zip(entries, round_outcomes):
            last_entries[entry["trial"]] = {
                **entry,
                "round": number,
                "objective": outcome.objective,
            }
    succeeded = [entry for entry in last_entries.values() if entry["objective"] is not None]
    if not succeeded:
        raise ConfigError("every trial of the sweep failed; there is no best trial")
    sign = 1 if sweep.optimize_direction == "minimize" else -1
    ranked = sorted(
        succeeded,
        key=lambda entry: (*_sort_key_by_rung_and_objective(sweep, entry), entry["trial"]),
    )
    tables = measure_episodes_by_trial(episodes, objective, ranked)
    to_best = _compare_equally_trained_with_best(sweep, ranked, tables, objective)
    rows, rank = [], 0
    for index, entry in enumerate(ranked):
        if not index or _sort_key_by_rung_and_objective(
            sweep, entry
        ) != _sort_key_by_rung_and_objective(sweep, ranked[index - 1]):
            rank = index + 1
        rows.append(_trial_row(entry, "success", tables[entry["trial"]], objective, sign))
        rows[-1]["rank"] = rank
        comparison = to_best.get(entry["trial"])
        rows[-1]["tied"] = not index or (comparison is not None and not comparison["decided"])
        rows[-1]["outcome"] = comparison and _classify_trial(comparison)
        rows[-1]["grade"] = comparison and comparison["grade"]
    failed = [entry for entry in last_entries.values() if entry["objective"] is None]
    failed.sort(key=lambda entry: entry["trial"])
    rows += [_trial_row(entry, "failed", None, objective, sign) for entry in failed]
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.astype({"rank": "Int64", "n_units": "Int64", "objective": "float64"})


def _classify_trial(comparison: Comparison) -> str:
    """Return the outcome of a trial from its comparison with the best, in either direction."""
    return WORSE if comparison["decided"] else comparison["outcome"]


def is_trained_as_long_as_best(
    sweep: DAFSweepConfig, trial: Mapping[str, Any], best: Mapping[str, Any]
) -> bool:
    """Return True if a ranked trial has as many training steps as the best one."""
    return sweep.strategy != "halving" or trial["round"] == best["round"]


def _sort_key_by_rung_and_objective(
    sweep: DAFSweepConfig, trial_entry: Mapping[str, Any]
) -> tuple[int, float]:
    """Return the rung of halving and the objective; the best trial has the smallest key."""
    sign = 1 if sweep.optimize_direction == "minimize" else -1
    rung = trial_entry["round"] if sweep.strategy == "halving" else 0
    return -rung, sign * round_for_comparison(trial_entry["objective"])


def build_rounds_table(
    rounds: Sequence[Sequence[TrialRuns]], episodes: pd.DataFrame, objective: Objective
) -> pd.DataFrame:
    """Return the table of rounds.

    Args:
        rounds: trials of each round, from `SweepPlan.trial_runs_by_round`.
        episodes: episode tables of all successful evaluations, as one table.
        objective: objective of the sweep.

    Returns:
        One row per trial and round: round, trial, steps, objective (NaN if the trial failed).
    """
    outcomes = compute_outcomes(rounds, episodes, objective)
    rows = [
        {
            "round": number,
            "trial": entry["trial"],
            "steps": entry["steps"],
            "objective": math.nan if outcome.objective is None else outcome.objective,
        }
        for number, (entries, round_outcomes) in enumerate(zip(rounds, outcomes))
        for entry, outcome in zip(entries, round_outcomes)
    ]
    return pd.DataFrame(rows)


def select_finalists(sweep: DAFSweepConfig, trials: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the best `keep_best` successful trials, as {trial, values}."""
    best = trials[trials["status"] == "success"].head(sweep.keep_best)
    return [
        {"trial": name, "values": strict_json.loads(values)}
        for name, values in zip(best["trial"], best["hyperparameters"])
    ]


def measure_episodes_by_trial(
    episodes: pd.DataFrame, objective: Objective, trial_entries: Sequence[Mapping[str, Any]]
) -> dict[str, pd.DataFrame]:
    """Return the episode table of each trial, with the objective as score."""
    trial_by_run = {run: entry["trial"] for entry in trial_entries for run in entry["runs"]}
    rows = episodes[episodes["run"].isin(trial_by_run.keys())]
    table = check_and_sort_episodes(
        rows.assign(policy=rows["run"].map(trial_by_run), score=objective.measure_episodes(rows))
    )
    return dict(iter(table.groupby("policy")))


def compare_with_best(
    episodes_by_trial: Mapping[str, pd.DataFrame],
    best_trial: str,
    other_trials: Sequence[str],
    objective: Objective,
) -> dict[str, Comparison]:
    """Compare the best trial with other trials, on all missions together.

    Args:
        episodes_by_trial: episode table of each trial.
        best_trial: name of the best trial.
        other_trials: names of the other trials; the comparisons are one family of tests.
        objective: objective of the sweep, the unit of the scores in `episodes_by_trial`.

    Returns:
        Comparison by `test_family` for each other trial, the best minus the other, and its
        `score_unit`. Objectives with a ceiling have distribution-free results, too.
    """
    unit_values_by_trial = {
        trial: collect_unit_values(
            table, sorted(set(table["mission"])), choose_independent_unit(table)
        )
        for trial, table in episodes_by_trial.items()
        if trial in (best_trial, *other_trials)
    }
    missions = {
        mission for values in unit_values_by_trial.values() for mission in values.scores_by_mission
    }
    ceilings: Ceilings = {mission: objective.ceilings.get(mission) for mission in missions}
    shares = {
        trial: collect_ceiling_shares(unit_values, ceilings)
        for trial, unit_values in unit_values_by_trial.items()
    }
    pairs = [
        compare_two_policies(best_trial, trial, None, unit_values_by_trial, shares, CONFIDENCE)
        for trial in other_trials
    ]
    comparisons = test_family(
        pairs, confidence=CONFIDENCE, margin_fraction=1.0, ceilings={None: None}
    )
    return {
        trial: comparison | {"score_unit": objective.score_unit}
        for trial, comparison in zip(other_trials, comparisons)
    }


def estimate_objective(trial_episodes: pd.DataFrame, objective: Objective) -> MeanEstimate:
    """Return the estimate of a trial's objective on all missions, with its interval and unit.

    Args:
        trial_episodes: episode table of the trial, with the objective as score.
        objective: objective of the sweep.
    """
    unit = choose_independent_unit(trial_episodes)
    missions = sorted(set(trial_episodes["mission"]))
    unit_values = collect_unit_values(trial_episodes, missions, unit)
    ceilings: Ceilings = {mission: objective.ceilings.get(mission) for mission in missions}
    shares = collect_ceiling_shares(unit_values, ceilings)
    return estimate_mean_with_clipped_interval(unit_values, shares, CONFIDENCE) | {"unit": unit}


def _compare_equally_trained_with_best(
    sweep: DAFSweepConfig,
    ranked_trials: Sequence[Mapping[str, Any]],
    episodes_by_trial: dict[str, pd.DataFrame],
    objective: Objective,
) -> dict[str, Comparison]:
    """Compare the best trial with those with as many steps; see `compare_with_best`."""
    best = ranked_trials[0]
    others = [e["trial"] for e in ranked_trials[1:] if is_trained_as_long_as_best(sweep, e, best)]
    return compare_with_best(episodes_by_trial, best["trial"], others, objective)


def _trial_row(
    trial_entry: Mapping[str, Any],
    status: str,
    episodes: pd.DataFrame | None,
    objective: Objective,
    minimization_sign: int,
) -> dict[str, Any]:
    row = {
        "trial": trial_entry["trial"],
        "status": status,
        "objective": math.nan if trial_entry["objective"] is None else trial_entry["objective"],
        "tied": False,
        "outcome": None,
        "grade": None,
        "round": trial_entry["round"],
        "steps": trial_entry["steps"],
        "hyperparameters": json.dumps(trial_entry["values"], sort_keys=True),
        "runs": sorted(trial_entry["runs"]),
    }
    if episodes is None:
        return row
    estimate = estimate_objective(episodes, objective)
    run_means = episodes.groupby(["run", "mission"])["score"].mean().groupby("run").mean()
    return (
        row
        | {key: estimate[key] for key in ("low", "high", "unit", "n_units")}
        | {
            "best_run": str(
                (minimization_sign * run_means.map(round_for_comparison)).sort_index().idxmin()
            )
        }
    )
