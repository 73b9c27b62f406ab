"""Means with Student t intervals over independent units.

The unit is what was drawn at random and independently: a training seed where a policy was trained
several times (its episodes share weights, so they are not independent draws of the training
method), an episode where there is one set of weights. Missions are a fixed list, not a sample: a
mean over missions weighs each the same, and no variation between missions enters an interval.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from scipy import special

SEED, EPISODE = "training_seed", "episode"
"""The two units; the output of `analyse` uses these words."""

ROUNDING = 1e-12
"""Relative size below which a spread or a difference is floating-point rounding, not data."""

NO_VARIATION = "no variation observed"


@dataclass(frozen=True)
class ErrorTerm:
    """One independent source of error of an estimate.

    variance: squared standard error that this source adds to the estimate; None if it cannot be
        known, because the source was drawn once only. df: its degrees of freedom.
    """

    variance: float | None
    df: int


@dataclass(frozen=True)
class Samples:
    """The unit values of one policy on some missions: what its estimate is made of.

    strata: independent samples, each a series of unit values indexed by world seed (unit episode)
        or run (unit training seed); the estimate is the mean of the strata's means. Several strata
        arise where different units serve different missions.
    cells: per mission, the scores behind them, index world seed, one column a run [W, R].
    n_episodes, n_training_seeds: how many of each the rows hold.
    """

    unit: str
    strata: list[pd.Series]
    scores: dict[str, pd.DataFrame]
    n_episodes: int
    n_training_seeds: int
    note: str | None = None

    @cached_property
    def mean(self) -> float:
        return float(np.mean([stratum.mean() for stratum in self.strata]))

    @cached_property
    def run_means(self) -> dict[str, np.ndarray]:
        """The mean score of each run [R] on each mission."""
        return {mission: cell.mean().to_numpy() for mission, cell in self.scores.items()}

    @cached_property
    def terms(self) -> list[ErrorTerm]:
        """The error of each stratum's mean in the estimate."""
        return [error_term(stratum, 1 / len(self.strata)) for stratum in self.strata]


def unbiased_variance(values: Sequence[float]) -> float:
    """The unbiased sample variance of at least two values; exactly 0 if they differ by rounding."""
    values = np.asarray(values, dtype=float)
    if np.ptp(values) <= ROUNDING * np.abs(values).max():
        return 0.0
    return float(values.var(ddof=1))


def error_term(values: Sequence[float], weight: float = 1.0) -> ErrorTerm:
    """The error of `weight` times the mean of independent values: weight^2 s^2 / n."""
    if len(values) < 2:
        return ErrorTerm(None, 0)
    return ErrorTerm(weight**2 * unbiased_variance(values) / len(values), len(values) - 1)


def t_interval(estimate: float, terms: Sequence[ErrorTerm], confidence: float) -> dict:
    """Two-sided t interval, and p-value against zero, of an estimate with independent errors.

    The variances add; the degrees of freedom are Welch-Satterthwaite's, V^2 / sum(v_k^2 / df_k)
    (Satterthwaite 1946; Welch 1947). One term gives Student's t exactly, two terms Welch's t.

    Args:
        estimate: the value the errors belong to.
        terms: its sources of error, at least one.
        confidence: coverage of the interval, between 0 and 1.

    Returns:
        low, high, p, df and note; all but note are None where a source was drawn only once, with
        the reason as note. Without any variation the interval is the estimate alone, and p is 1
        or 0; the note says so, for such a p measures nothing but the lack of variation.
    """
    if any(part.variance is None for part in terms):
        unknown = dict.fromkeys(("low", "high", "p", "df"))
        return unknown | {"note": "one observation only: no interval or test is possible"}
    variance = sum(part.variance for part in terms)
    if variance == 0.0:
        p = 1.0 if estimate == 0.0 else 0.0
        return {"low": estimate, "high": estimate, "p": p, "df": None, "note": NO_VARIATION}
    # Shares of the total, so that tiny variances do not underflow when squared.
    df = 1 / sum((part.variance / variance) ** 2 / part.df for part in terms)
    error = math.sqrt(variance)
    half = float(special.stdtrit(df, (1 + confidence) / 2)) * error
    p = float(2 * special.stdtr(df, -abs(estimate) / error))
    return {"low": estimate - half, "high": estimate + half, "p": p, "df": df, "note": None}


def unit_of(episodes: pd.DataFrame) -> str:
    """The unit of one policy's rows: training seeds from two on, else episodes."""
    return SEED if episodes["training_seed"].nunique() >= 2 else EPISODE


def samples(episodes: pd.DataFrame, missions: Sequence[str], unit: str) -> Samples:
    """The unit values of one policy on `missions` (each of which it has).

    Unit episode: one stratum a mission, for its worlds serve no other. Unit training seed: where
    every run was evaluated on every mission, one stratum of each run's mean over the missions, so
    that the correlation of one run's results is kept; where each run belongs to one mission, one
    stratum a mission. Runs that cover only some of the missions are left out, with a note.

    Raises:
        ValueError: runs cover several missions each, but none covers all.
    """
    cells = {
        mission: rows.pivot(index="world_seed", columns="run", values="score").sort_index(axis=1)
        for mission, rows in episodes.groupby("mission", sort=True)
        if mission in set(missions)
    }
    rows = episodes[episodes["mission"].isin(list(cells))]
    counts = (len(rows), int(rows["training_seed"].nunique()))
    if unit == EPISODE:
        return Samples(unit, [cell.iloc[:, 0] for cell in cells.values()], cells, *counts)
    means = pd.DataFrame({mission: cell.mean() for mission, cell in cells.items()}).sort_index()
    if (means.notna().sum(axis=1) == 1).all():
        return Samples(unit, [means[mission].dropna() for mission in means], cells, *counts)
    complete = means.dropna()
    if complete.empty:
        policy = episodes["policy"].iloc[0]
        raise ValueError(f"policy '{policy}': no run was evaluated on all of {', '.join(means)}")
    left_out = len(means) - len(complete)
    note = f"{left_out} run(s) not evaluated on every mission left out" if left_out else None
    cells = {mission: cell[complete.index] for mission, cell in cells.items()}
    return Samples(unit, [complete.mean(axis=1)], cells, *counts, note)


def estimate(episodes: pd.DataFrame, missions: Sequence[str], unit: str, confidence: float) -> dict:
    """The mean score of one policy, each mission weighing the same, with its interval.

    Args:
        episodes: tidy rows of one policy.
        missions: at least one mission that it has.
        unit: `SEED` or `EPISODE`.
        confidence: coverage of the interval.

    Returns:
        mean, sd (between units; several strata: the root of their mean variance; None for one
        unit), low, high, n_units, n_episodes, n_training_seeds, note. Score units throughout.
    """
    return summarize(samples(episodes, missions, unit), confidence)


def summarize(sample: Samples, confidence: float) -> dict:
    """What `estimate` gives, from unit values that are there already."""
    known = all(len(stratum) > 1 for stratum in sample.strata)
    interval = t_interval(sample.mean, sample.terms, confidence)
    variances = [unbiased_variance(stratum) for stratum in sample.strata] if known else []
    return {
        "mean": sample.mean,
        "sd": math.sqrt(sum(variances) / len(variances)) if known else None,
        "low": interval["low"],
        "high": interval["high"],
        "n_units": sum(len(stratum) for stratum in sample.strata),
        "n_episodes": sample.n_episodes,
        "n_training_seeds": sample.n_training_seeds,
        "note": join_notes(sample.note, interval["note"]),
    }


def join_notes(*notes: str | None) -> str | None:
    """The notes that say something, as one."""
    return "; ".join(dict.fromkeys(note for note in notes if note)) or None
