"""Means with Student t intervals over independent units.

The unit is the independent random sample: the training seed of a policy with several runs, else
the episode. Episodes of one run share its weights, so they are not independent samples of the
training method. Missions are a fixed list, not a sample: a mean over missions has equal weights,
and the variation between missions does not enter an interval.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from scipy import special

Unit = Literal["training_seed", "episode", "mixed"]
"""Independent unit, as the output of `analyse` spells it; mixed: a comparison of both units."""

SEED: Unit = "training_seed"
EPISODE: Unit = "episode"

Floats = Sequence[float] | np.ndarray | pd.Series
"""Some numbers, in any container."""

Ceilings = Mapping[str | None, float | None]
"""Ceiling of each mission, and of the overall mean under None; None if unknown."""

MeanEstimate = dict[str, Any]
"""Estimated mean with interval, in JSON types; see `estimate_mean` for the keys."""

HEARTS = "hearts per episode"
SHARE = "share of the ceiling"
"""Units of scores: of one mission, and of several missions with ceilings."""

ROUNDING = 1e-12
"""Relative size below which a range or a difference is floating-point rounding error."""

NO_VARIATION = "no variation observed"


@dataclass(frozen=True)
class ErrorTerm:
    """One independent source of error of an estimate.

    Attributes:
        variance: squared standard error that this source adds to the estimate; NaN for a source
            with a single unit.
        df: degrees of freedom of the variance; 0 for a source with a single unit.
    """

    variance: float
    df: float


class TInterval(NamedTuple):
    """Two-sided t interval and p-value (against 0) of an estimate; see `t_interval`."""

    low: float | None
    high: float | None
    p: float | None
    df: float | None
    note: str | None


@dataclass(frozen=True)
class UnitValues:
    """Unit values of one policy on some missions, the input of its estimate.

    Attributes:
        unit: `SEED` or `EPISODE`.
        strata: independent samples, each a series of unit values indexed by world seed (unit
            episode) or run (unit training seed). The estimate is the mean of the strata's means.
            There are several strata if different missions have different units.
        scores_by_mission: scores of each mission [worlds, runs], indexed by world seed and run.
        n_episodes: number of episodes.
        n_training_seeds: number of training seeds.
        note: restrictions of the estimate; None without any.
    """

    unit: Unit
    strata: list[pd.Series]
    scores_by_mission: dict[str, pd.DataFrame]
    n_episodes: int
    n_training_seeds: int
    note: str | None = None

    @cached_property
    def mean(self) -> float:
        """Estimate: mean of the strata's means, in score units."""
        return float(np.mean([stratum.mean() for stratum in self.strata]))

    @cached_property
    def run_means_by_mission(self) -> dict[str, np.ndarray]:
        """Mean score of each run on each mission, {mission: float64 [runs]}."""
        return {
            mission: scores.mean().to_numpy() for mission, scores in self.scores_by_mission.items()
        }

    @cached_property
    def error_terms(self) -> list[ErrorTerm]:
        """Error terms of the strata's means in the estimate."""
        return [compute_error_term(stratum, 1 / len(self.strata)) for stratum in self.strata]


def unbiased_variance(values: Floats) -> float:
    """Compute the unbiased variance of at least 2 values; 0 if they differ by rounding only."""
    numbers = np.asarray(values, dtype=float)
    if np.ptp(numbers) <= ROUNDING * np.abs(numbers).max():
        return 0.0
    return float(numbers.var(ddof=1))


def compute_error_term(values: Floats, weight: float = 1.0) -> ErrorTerm:
    """Return the error term of `weight` times the mean of independent values: weight^2 s^2 / n."""
    if len(values) < 2:
        return ErrorTerm(math.nan, 0)
    return ErrorTerm(weight**2 * unbiased_variance(values) / len(values), len(values) - 1)


def t_interval(estimate: float, error_terms: Sequence[ErrorTerm], confidence: float) -> TInterval:
    """Compute the two-sided t interval and p-value (against 0) of an estimate.

    The variances of the independent errors add. The degrees of freedom are Welch-Satterthwaite's,
    V^2 / sum(v_k^2 / df_k) (Satterthwaite 1946; Welch 1947). One term gives Student's t, two terms
    give Welch's t.

    Args:
        estimate: estimated value.
        error_terms: independent sources of its error, at least one.
        confidence: coverage of the interval, between 0 and 1.

    Returns:
        interval. If a source has a single unit, all but its note are None. Without any variation,
        the interval is the estimate itself, p is 1 or 0, and the note is `NO_VARIATION`.
    """
    if any(term.df == 0 for term in error_terms):
        note = "one observation only: no interval or test is possible"
        return TInterval(None, None, None, None, note)
    variance = sum(term.variance for term in error_terms)
    if variance == 0.0:
        p = 1.0 if estimate == 0.0 else 0.0
        return TInterval(estimate, estimate, p, None, NO_VARIATION)
    # Fractions of the total, because squares of tiny variances would underflow.
    df = 1 / sum((term.variance / variance) ** 2 / term.df for term in error_terms)
    error = math.sqrt(variance)
    half = float(special.stdtrit(df, (1 + confidence) / 2)) * error
    p = float(2 * special.stdtr(df, -abs(estimate) / error))
    return TInterval(estimate - half, estimate + half, p, df, None)


def choose_independent_unit(policy_episodes: pd.DataFrame) -> Unit:
    """Return `SEED` for episodes with 2 or more training seeds, else `EPISODE`."""
    return SEED if policy_episodes["training_seed"].nunique() >= 2 else EPISODE


def collect_unit_values(
    policy_episodes: pd.DataFrame, mission_names: Sequence[str], unit: Unit
) -> UnitValues:
    """Collect the unit values of one policy on some missions.

    Unit episode: one stratum per mission, because missions have separate worlds. Unit training
    seed: one stratum with each run's mean over the missions, which keeps the correlation within a
    run; one stratum per mission if each run belongs to one mission. Runs with only some of the
    missions are left out, with a note.

    Args:
        policy_episodes: validated rows of one policy.
        mission_names: missions with episodes of this policy.
        unit: `SEED` or `EPISODE`.

    Raises:
        ValueError: runs have several missions each, but none has all.
    """
    scores = {
        mission: rows.pivot(index="world_seed", columns="run", values="score").sort_index(axis=1)
        for mission, rows in policy_episodes.groupby("mission", sort=True)
        if mission in set(mission_names)
    }
    rows = policy_episodes[policy_episodes["mission"].isin(list(scores))]
    counts = (len(rows), int(rows["training_seed"].nunique()))
    if unit == EPISODE:
        return UnitValues(unit, [table.iloc[:, 0] for table in scores.values()], scores, *counts)
    means = pd.DataFrame({mission: table.mean() for mission, table in scores.items()}).sort_index()
    if (means.notna().sum(axis=1) == 1).all():
        return UnitValues(unit, [means[mission].dropna() for mission in means], scores, *counts)
    complete = means.dropna()
    if complete.empty:
        policy = policy_episodes["policy"].iloc[0]
        raise ValueError(f"policy '{policy}': no run was evaluated on all of {', '.join(means)}")
    num_excluded = len(means) - len(complete)
    note = (
        f"{num_excluded} run(s) not evaluated on every mission left out" if num_excluded else None
    )
    scores = {mission: table[complete.index] for mission, table in scores.items()}
    return UnitValues(unit, [complete.mean(axis=1)], scores, *counts, note)


def estimate_mean(
    policy_episodes: pd.DataFrame, mission_names: Sequence[str], unit: Unit, confidence: float
) -> MeanEstimate:
    """Estimate the mean score of one policy with equal weights of the missions.

    Args:
        policy_episodes: validated rows of one policy.
        mission_names: missions with episodes of this policy, at least one.
        unit: `SEED` or `EPISODE`.
        confidence: coverage of the interval.

    Returns:
        mean, sd (between units; for several strata the root of their mean variance; None for one
        unit), low, high (all in score units), n_units, n_episodes, n_training_seeds, note.
    """
    return estimate_unit_values_mean(
        collect_unit_values(policy_episodes, mission_names, unit), confidence
    )


def estimate_unit_values_mean(unit_values: UnitValues, confidence: float) -> MeanEstimate:
    """Estimate the mean of unit values; see `estimate_mean` for the output."""
    has_variance = all(len(stratum) > 1 for stratum in unit_values.strata)
    interval = t_interval(unit_values.mean, unit_values.error_terms, confidence)
    variances = (
        [unbiased_variance(stratum) for stratum in unit_values.strata] if has_variance else []
    )
    return {
        "mean": unit_values.mean,
        "sd": math.sqrt(sum(variances) / len(variances)) if has_variance else None,
        "low": interval.low,
        "high": interval.high,
        "n_units": sum(len(stratum) for stratum in unit_values.strata),
        "n_episodes": unit_values.n_episodes,
        "n_training_seeds": unit_values.n_training_seeds,
        "note": join_notes(unit_values.note, interval.note),
    }


def join_notes(*notes: str | None) -> str | None:
    """Join all notes except None, without repetition; None without any."""
    return "; ".join(dict.fromkeys(note for note in notes if note)) or None
