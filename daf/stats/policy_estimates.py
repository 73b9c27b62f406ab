"""Estimates of each policy on one mission or overall: mean, median, gap and variation."""

from daf.stats.distribution_free import (
    MissingReason,
    PolicyCeilingShares,
    estimate_distribution_free,
)
from daf.stats.estimate import MeanEstimate, UnitValues, estimate_unit_values_mean
from daf.stats.evaluations import Evaluations, UnitValuesByPolicy
from daf.stats.optimality_gap import estimate_optimality_gap
from daf.stats.robust import estimate_median_and_iqm
from daf.stats.training_variation import describe_training_variation
from daf.stats.verdict import describe_claim_scope


def estimate_policies(
    data: Evaluations,
    unit_values_by_policy: UnitValuesByPolicy,
    mission_name: str | None,
    confidence: float,
    solved_share: float,
) -> list[MeanEstimate]:
    """Estimate mean, median, IQM, optimality gap and variation between seeds of each policy.

    The mission is None for overall scores.
    """
    return [
        {
            "policy": policy,
            "mission": mission_name,
            "score_unit": data.score_unit(mission_name),
            "unit": unit_values.unit,
            "claim": describe_claim_scope(unit_values.unit),
        }
        | (
            mean := estimate_mean_with_clipped_interval(
                unit_values, data.shares_by_mission_and_policy[mission_name][policy], confidence
            )
        )
        | estimate_median_and_iqm(unit_values, confidence)
        | estimate_optimality_gap(mean, unit_values, data.ceilings_in_unit_of(mission_name))
        | {
            "distribution_free": estimate_distribution_free(
                data.shares_by_mission_and_policy[mission_name][policy], confidence
            ),
            "training_variation": describe_training_variation(
                unit_values, data.ceilings[mission_name], confidence, solved_share
            ),
        }
        for policy, unit_values in unit_values_by_policy.items()
    ]


def estimate_mean_with_clipped_interval(
    unit_values: UnitValues, shares: PolicyCeilingShares | MissingReason, confidence: float
) -> MeanEstimate:
    """Estimate a mean, and clip its interval to the bounds 0 and ceiling.

    The true mean is within the bounds, so this keeps the coverage.

    Args:
        unit_values: unit values of the policy.
        shares: output of `distribution_free.collect_ceiling_shares`.
        confidence: coverage of the interval.
    """
    estimate = estimate_unit_values_mean(unit_values, confidence)
    if isinstance(shares, str) or estimate["low"] is None:
        return estimate
    return estimate | {
        "low": max(estimate["low"], 0.0),
        "high": min(estimate["high"], shares.score_ceiling),
    }
