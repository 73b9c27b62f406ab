"""The ranking of trials: the best first, with intervals, and who cannot be told from the best."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from daf.config import ConfigError, DAFSweepConfig
from daf.files import strict_json
from daf.stats.episode_table import validate_episodes
from daf.stats.estimate import estimate, samples, unit_of
from daf.stats.family import test_family
from daf.stats.pair import compare_pair
from daf.sweep.objective import outcomes
from daf.sweep.trials import comparable

CONFIDENCE = 0.95


def rank(
    sweep: DAFSweepConfig, rounds: Sequence[Sequence[Mapping[str, Any]]], episodes: pd.DataFrame
) -> pd.DataFrame:
    """All trials, the best first.

    A trial has the objective of its last round. The objective alone orders the trials; in halving,
    which trains survivors longer, a later rung comes before an earlier one. Trials that failed have
    no rank and come last.

    Args:
        rounds: as `SweepState.described` gives them.
        episodes: the tables of all evaluations that succeeded.

    Returns:
        a row for each trial: rank (equal objectives share one), trial, status ("success" or
        "failed"), objective with its 95 % interval low, high over n_units of unit, tied (it cannot
        be told from the best; Holm's correction over the comparisons of the best with those
        trained as long; 2 to 4 training seeds tell nothing), round (from 0), steps of training,
        hyperparameters (JSON), runs, best_run.

    Raises:
        ConfigError: every trial failed.
    """
    last: dict[str, dict[str, Any]] = {}
    found = outcomes(rounds, episodes, sweep.objective_metric)
    for number, (entries, results) in enumerate(zip(rounds, found)):
        for entry, outcome in zip(entries, results):
            last[entry["trial"]] = {**entry, "round": number, "objective": outcome.objective}
    succeeded = [entry for entry in last.values() if entry["objective"] is not None]
    if not succeeded:
        raise ConfigError("every trial of the sweep failed; there is nothing to select")
    sign = 1 if sweep.optimize_direction == "minimize" else -1
    ordered = sorted(succeeded, key=lambda entry: (*_sort_key(sweep, entry), entry["trial"]))
    measured = episodes_by_trial(episodes, sweep.objective_metric, ordered)
    tied = _tied(sweep, ordered, measured)
    rows, place = [], 0
    for number, entry in enumerate(ordered):
        if not number or _sort_key(sweep, entry) != _sort_key(sweep, ordered[number - 1]):
            place = number + 1
        rows.append(_row(entry, "success", measured[entry["trial"]], sign) | {"rank": place})
        rows[-1]["tied"] = entry["trial"] in tied
    failed = [entry for entry in last.values() if entry["objective"] is None]
    rows += [_row(entry, "failed", None, sign) for entry in sorted(failed, key=_name)]
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.astype({"rank": "Int64", "n_units": "Int64", "objective": "float64"})


def is_trained_as_long(
    sweep: DAFSweepConfig, trial: Mapping[str, Any], best: Mapping[str, Any]
) -> bool:
    """Return whether a ranked trial had as many steps of training as the best one."""
    return sweep.strategy != "halving" or trial["round"] == best["round"]


def _sort_key(sweep: DAFSweepConfig, entry: Mapping[str, Any]) -> tuple[int, float]:
    """Return what orders the trials, the least first: the rung of halving, then the objective."""
    sign = 1 if sweep.optimize_direction == "minimize" else -1
    rung = entry["round"] if sweep.strategy == "halving" else 0
    return -rung, sign * comparable(entry["objective"])


COLUMNS = [
    "rank", "trial", "status", "objective", "low", "high", "unit", "n_units", "tied", "round",
    "steps", "hyperparameters", "runs", "best_run",
]  # fmt: skip


def rounds_table(
    rounds: Sequence[Sequence[Mapping[str, Any]]], episodes: pd.DataFrame, metric: str
) -> pd.DataFrame:
    """A row for each trial of each round: round, trial, steps, objective (NaN if it failed)."""
    rows = [
        {
            "round": number,
            "trial": entry["trial"],
            "steps": entry["steps"],
            "objective": math.nan if outcome.objective is None else outcome.objective,
        }
        for number, (entries, found) in enumerate(zip(rounds, outcomes(rounds, episodes, metric)))
        for entry, outcome in zip(entries, found)
    ]
    return pd.DataFrame(rows)


def finalists(sweep: DAFSweepConfig, trials: pd.DataFrame) -> list[dict[str, Any]]:
    """The best `keep_best` of those that succeeded, as {trial, values}."""
    best = trials[trials["status"] == "success"].head(sweep.keep_best)
    return [
        {"trial": name, "values": strict_json.loads(values)}
        for name, values in zip(best["trial"], best["hyperparameters"])
    ]


def episodes_by_trial(
    episodes: pd.DataFrame, metric: str, entries: Sequence[Mapping[str, Any]]
) -> dict[str, pd.DataFrame]:
    """The episodes of each trial as the statistics know them; their score is the measure."""
    trial_of = {run: entry["trial"] for entry in entries for run in entry["runs"]}
    rows = episodes[episodes["run"].isin(trial_of.keys())]
    table = validate_episodes(rows.assign(policy=rows["run"].map(trial_of), score=rows[metric]))
    return dict(iter(table.groupby("policy")))


def compare_with_best(
    measured: Mapping[str, pd.DataFrame], best: str, others: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """What `test_family` says of the best trial less each of the others, on all missions together; the
    comparisons are one family."""
    known = {
        trial: samples(table, sorted(set(table["mission"])), unit_of(table))
        for trial, table in measured.items()
        if trial in (best, *others)
    }
    pairs = [
        (
            {"a": best, "b": other, "mission": None},
            compare_pair(known[best], known[other], CONFIDENCE),
        )
        for other in others
    ]
    judged = test_family(pairs, confidence=CONFIDENCE, share=1.0, ceilings={None: None})
    return dict(zip(others, judged))


def interval(table: pd.DataFrame) -> dict[str, Any]:
    """What `estimate` says of a trial, on all missions; and the unit."""
    unit = unit_of(table)
    return estimate(table, sorted(set(table["mission"])), unit, CONFIDENCE) | {"unit": unit}


def _tied(
    sweep: DAFSweepConfig,
    ordered: Sequence[Mapping[str, Any]],
    measured: dict[str, pd.DataFrame],
) -> set[str]:
    """Of the trials trained as long as the best, those that cannot be told from it, and itself."""
    best = ordered[0]
    others = [e["trial"] for e in ordered[1:] if is_trained_as_long(sweep, e, best)]
    found = compare_with_best(measured, best["trial"], others)
    return {best["trial"], *(other for other, pair in found.items() if not pair["decided"])}


def _row(
    entry: Mapping[str, Any], status: str, table: pd.DataFrame | None, sign: int
) -> dict[str, Any]:
    row = {
        "trial": entry["trial"],
        "status": status,
        "objective": math.nan if entry["objective"] is None else entry["objective"],
        "tied": False,
        "round": entry["round"],
        "steps": entry["steps"],
        "hyperparameters": json.dumps(entry["values"], sort_keys=True),
        "runs": sorted(entry["runs"]),
    }
    if table is None:
        return row
    found = interval(table)
    of_runs = table.groupby(["run", "mission"])["score"].mean().groupby("run").mean()
    return (
        row
        | {key: found[key] for key in ("low", "high", "unit", "n_units")}
        | {"best_run": str((sign * of_runs.map(comparable)).sort_index().idxmin())}
    )


def _name(entry: Mapping[str, Any]) -> str:
    return entry["trial"]
