"""Comparison of two policies in both grades, with an interval within the bounds of the scores."""

from collections.abc import Mapping
from dataclasses import replace

from daf.stats.distribution_free import (
    MissingReason,
    PolicyCeilingShares,
    compare_distribution_free,
)
from daf.stats.estimate import UnitValues
from daf.stats.family import NamedPair
from daf.stats.pair import compare_pair


def compare_two_policies(
    policy_a: str,
    policy_b: str,
    mission_name: str | None,
    unit_values: Mapping[str, UnitValues],
    shares: Mapping[str, PolicyCeilingShares | MissingReason],
    confidence: float,
) -> NamedPair:
    """Compare two policies on the same missions, as a member of a family of tests.

    The interval does not exceed the bounds -ceiling and ceiling, since the true difference is
    within them.

    Args:
        policy_a: label of the first policy.
        policy_b: label of the second policy.
        mission_name: name of the mission; None for the overall mean.
        unit_values: unit values by policy.
        shares: output of `distribution_free.collect_ceiling_shares` by policy.
        confidence: coverage of the intervals.
    """
    result = compare_pair(unit_values[policy_a], unit_values[policy_b], confidence)
    share_a, share_b = shares[policy_a], shares[policy_b]
    low, high = result.difference_statistics["low"], result.difference_statistics["high"]
    if (
        isinstance(share_a, PolicyCeilingShares)
        and isinstance(share_b, PolicyCeilingShares)
        and low is not None
    ):
        bounded = {
            "low": max(low, -share_a.score_ceiling),
            "high": min(high, share_a.score_ceiling),
        }
        result = replace(result, difference_statistics=result.difference_statistics | bounded)
    free = compare_distribution_free(share_a, share_b, confidence)
    return NamedPair(policy_a, policy_b, mission_name, result, free)
