"""Distribution-free intervals and tests of scores between 0 and the ceiling of their mission.

The only assumptions are independent units and scores in [0, ceiling]. The method is that of
`bounded_mean`: Gaffke's interval for one mean, the melded interval for a difference. It was chosen
before any score, as the narrowest one without a coverage below the level in simulation.

The value of a training seed is the mean over its episodes, so it is in [0, ceiling], too. Given the
worlds, the seeds' values are independent with the mean of the method: a sample of size n = seeds.
Nothing is assumed about the variation within a seed or between seeds.

- Several missions: every value is the mean over the missions of shares of the ceiling. Missions
  with separate units are combined in a fixed order: each first unit with each first unit.
- Two fixed policies on common worlds: paired differences, values in [-ceiling, ceiling].
- A trained and a fixed policy: seeds share their worlds with each other and with the fixed
  policy, so seeds' means over all worlds are not independent. Worlds in even positions belong to
  the fixed policy. Worlds in odd positions are assigned to the seeds in turn. The values are
  independent, and contain both sources of error.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from daf.stats.bounded_mean import (
    BoundedInterval,
    BoundedSample,
    estimate_bounded_difference,
    estimate_bounded_mean,
)
from daf.stats.estimate import EPISODE, SEED, Ceilings, UnitValues

MEAN = "Gaffke's bound"
PAIRED = "Gaffke's bound on paired differences of worlds"
MELDED = "melded bounds of Gaffke"

DistributionFree = dict[str, Any]
"""Distribution-free result in JSON types; see `estimate_distribution_free`."""


MissingReason = str
"""Reason why a policy has no shares of the ceiling."""


class NotAvailableError(Exception):
    """No distribution-free result exists; the message is the reason."""


@dataclass(frozen=True)
class PolicyCeilingShares:
    """Scores of one policy as shares of the ceiling.

    Attributes:
        unit: `SEED` or `EPISODE`.
        shares_by_mission: shares of each mission [worlds, runs], indexed by world seed and run.
        sample: independent values of the policy; one per seed or world.
        score_ceiling: ceiling of the results, in score units.
        cached_half_world_samples: samples of half of the worlds, by the worlds of all missions.
    """

    unit: str
    shares_by_mission: dict[str, pd.DataFrame]
    sample: BoundedSample
    score_ceiling: float
    cached_half_world_samples: dict[tuple[bytes, ...], BoundedSample] = field(default_factory=dict)

    def sample_disjoint_half_of_worlds(
        self, worlds_of_both_by_mission: Mapping[str, pd.Index]
    ) -> BoundedSample:
        """Return the sample on half of the worlds: even positions if fixed, odd ones if trained.

        Args:
            worlds_of_both_by_mission: sorted worlds of both compared policies.

        Raises:
            NotAvailableError: there are too few worlds.
        """
        key = tuple(worlds.to_numpy().tobytes() for worlds in worlds_of_both_by_mission.values())
        if key not in self.cached_half_world_samples:
            if self.unit == EPISODE:
                values = average_unequal_samples_over_missions(
                    [
                        _select_fixed_policy_scores(self.shares_by_mission[m], worlds[::2], m)
                        for m, worlds in worlds_of_both_by_mission.items()
                    ]
                )
            else:
                values = _compute_run_means_over_missions(
                    [
                        _average_runs_over_disjoint_worlds(
                            self.shares_by_mission[m], worlds[1::2], m
                        )
                        for m, worlds in worlds_of_both_by_mission.items()
                    ]
                )
            self.cached_half_world_samples[key] = BoundedSample(values)
        return self.cached_half_world_samples[key]


def collect_ceiling_shares(
    unit_values: UnitValues, ceilings: Ceilings
) -> PolicyCeilingShares | MissingReason:
    """Divide the scores of one policy by the ceilings; return the reason if this is impossible.

    Args:
        unit_values: unit values of the policy.
        ceilings: ceiling of each mission, in the unit of the unit values; equal for all missions.
    """
    scores, ceiling = {}, None
    for mission, table in unit_values.scores_by_mission.items():
        ceiling = ceilings[mission]
        if ceiling is None:
            return f"{mission} has no known ceiling"
        numbers = table.to_numpy()
        if np.nanmin(numbers) < 0 or np.nanmax(numbers) > ceiling:
            return f"a score on {mission} is not between 0 and its ceiling"
        scores[mission] = table / ceiling
    if unit_values.unit == EPISODE:
        values = average_unequal_samples_over_missions(
            [table.iloc[:, 0].to_numpy() for table in scores.values()]
        )
    else:
        values = _compute_run_means_over_missions(list(scores.values()))
    return PolicyCeilingShares(unit_values.unit, scores, BoundedSample(values), ceiling or 1.0)


def average_unequal_samples_over_missions(values_by_mission: Sequence[np.ndarray]) -> np.ndarray:
    """Combine independent values of each mission into independent values of the overall mean.

    A mission with more than the smallest number of values contributes means of groups of values,
    whose sizes differ by at most 1.

    Args:
        values_by_mission: float64 [n_k] of each mission.

    Returns:
        float64 [min n_k].
    """
    size = min(map(len, values_by_mission))
    columns = [
        [group.mean() for group in np.array_split(values, size)] for values in values_by_mission
    ]
    return np.clip(np.mean(columns, axis=0), -1.0, 1.0)


def _compute_run_means_over_missions(score_tables: Sequence[pd.DataFrame]) -> np.ndarray:
    """Return the mean of each run over its missions, or of one run of each mission if separate.

    Args:
        score_tables: shares [worlds, runs] of each mission.
    """
    means = [table.mean().dropna() for table in score_tables]
    if all(mean.index.equals(means[0].index) for mean in means):
        return np.clip(np.mean([mean.to_numpy() for mean in means], axis=0), 0.0, 1.0)
    return average_unequal_samples_over_missions([mean.to_numpy() for mean in means])


def estimate_distribution_free(
    shares: PolicyCeilingShares | MissingReason, confidence: float
) -> DistributionFree:
    """Estimate the mean of one policy.

    Args:
        shares: output of `collect_ceiling_shares`.
        confidence: coverage of the interval.

    Returns:
        low, high (score units; None if not available), n_units, method, note.
    """
    if isinstance(shares, str):
        return _make_unavailable_result(shares, "n_units")
    interval = estimate_bounded_mean(shares.sample, confidence)
    return {
        "low": interval.low * shares.score_ceiling,
        "high": interval.high * shares.score_ceiling,
        "n_units": shares.sample.size,
        "method": MEAN,
        "note": None,
    }


def compare_distribution_free(
    a: PolicyCeilingShares | MissingReason,
    b: PolicyCeilingShares | MissingReason,
    confidence: float,
) -> DistributionFree:
    """Compare the means of two policies on the same missions.

    Args:
        a: shares of the first policy.
        b: shares of the second policy.
        confidence: coverage of the interval.

    Returns:
        difference (a - b of the independent values), low, high (score units), p_value (two
        sides; all None if not available), n_a, n_b (independent values), method, note.
    """
    reasons = [side for side in (a, b) if isinstance(side, str)]
    if isinstance(a, str) or isinstance(b, str):
        return _make_unavailable_result(reasons[0], "difference", "p_value", "n_a", "n_b")
    try:
        sample_a, sample_b = _make_independent_or_paired_samples(a, b)
    except NotAvailableError as error:
        return _make_unavailable_result(str(error), "difference", "p_value", "n_a", "n_b")
    if sample_b is None:
        halved = estimate_bounded_mean(sample_a, confidence)
        interval = BoundedInterval(2 * halved.low - 1, 2 * halved.high - 1, halved.p_value)
        difference, method = 2 * sample_a.values.mean() - 1, PAIRED
    else:
        interval = estimate_bounded_difference(sample_a, sample_b, confidence)
        difference, method = sample_a.values.mean() - sample_b.values.mean(), MELDED
    return {
        "difference": float(difference) * a.score_ceiling,
        "low": interval.low * a.score_ceiling,
        "high": interval.high * a.score_ceiling,
        "p_value": interval.p_value,
        "n_a": sample_a.size,
        "n_b": sample_a.size if sample_b is None else sample_b.size,
        "method": method,
        "note": None,
    }


def _make_unavailable_result(reason: str, *empty_keys: str) -> DistributionFree:
    empty = dict.fromkeys(("low", "high", *empty_keys, "method"))
    return empty | {"note": f"not available: {reason}"}


def _make_independent_or_paired_samples(
    a: PolicyCeilingShares, b: PolicyCeilingShares
) -> tuple[BoundedSample, BoundedSample | None]:
    """Return one independent sample of each policy; paired differences and None for fixed ones.

    Paired differences d in [-1, 1] are returned as (d + 1) / 2.
    """
    if a.unit == b.unit == SEED:
        return a.sample, b.sample
    common = [
        len(a.shares_by_mission[mission].index.intersection(b.shares_by_mission[mission].index))
        for mission in a.shares_by_mission
    ]
    if not any(common):
        return a.sample, b.sample
    if not all(common):
        raise NotAvailableError("the policies share the worlds of some missions only")
    if a.unit == b.unit:
        differences = [
            (a.shares_by_mission[mission].iloc[:, 0] - b.shares_by_mission[mission].iloc[:, 0])
            .dropna()
            .to_numpy()
            for mission in a.shares_by_mission
        ]
        return BoundedSample((average_unequal_samples_over_missions(differences) + 1) / 2), None
    unions = {
        mission: a.shares_by_mission[mission]
        .index.union(b.shares_by_mission[mission].index)
        .sort_values()
        for mission in a.shares_by_mission
    }
    return a.sample_disjoint_half_of_worlds(unions), b.sample_disjoint_half_of_worlds(unions)


def _select_fixed_policy_scores(
    mission_scores: pd.DataFrame, worlds: pd.Index, mission_name: str
) -> np.ndarray:
    """Return the scores of a fixed policy in some worlds.

    Raises:
        NotAvailableError: the policy has none of these worlds.
    """
    values = mission_scores.iloc[:, 0].reindex(worlds).dropna().to_numpy()
    if not len(values):
        raise NotAvailableError(f"{mission_name} has too few common worlds")
    return values


def _average_runs_over_disjoint_worlds(
    table: pd.DataFrame, worlds: pd.Index, mission_name: str
) -> pd.DataFrame:
    """Return the mean score of each run over its own worlds [1, runs]; run i has every i-th world.

    Raises:
        NotAvailableError: a run has no world.
    """
    scores = table.reindex(worlds).to_numpy()
    rows, runs = scores.shape
    own = np.arange(rows)[:, None] % runs == np.arange(runs)
    own &= ~np.isnan(scores)
    if not own.any(axis=0).all():
        raise NotAvailableError(f"{mission_name} has fewer than {2 * runs} common worlds")
    means = np.where(own, scores, 0.0).sum(axis=0) / own.sum(axis=0)
    return pd.DataFrame([means], columns=table.columns)
