"""Tests of one family of comparisons, with Holm's correction and an outcome for each.

The deciding test does not depend on the scores: it is the permutation test, if its smallest p-value
is below level / family size, the strictest level of Holm's correction; else the t test. Without
any variation the t test is undefined, and the permutation test decides; where it does not exist
either, the distribution-free test decides (see `grades`).
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from scipy import special

from daf.stats.distribution_free import DistributionFree
from daf.stats.estimate import EPISODE, Ceilings
from daf.stats.forecast import NO_DIFFERENCE, NO_VARIATION, SampleSizeForecast, forecast_units
from daf.stats.grades import (
    BETTER,
    EQUIVALENT,
    NOT_TESTED,
    UNDECIDED,
    WORSE,
    correct_distribution_free_p_values,
    grade_outcome,
)
from daf.stats.holm import holm_adjust
from daf.stats.pair import PairResult
from daf.stats.permutation import min_sign_flip_p_value

DISTRIBUTION_FREE = "distribution-free"
"""Name of the deciding test where the model has none."""

Comparison = dict[str, Any]
"""Tested comparison of two policies, in JSON types; see `test_family` for the keys."""


class NamedPair(NamedTuple):
    """Result of one pair, with the names of its policies.

    Attributes:
        policy_a: label of the first policy.
        policy_b: label of the second policy.
        mission_name: name of the mission; None for the overall mean.
        result: comparison of the two policies.
        distribution_free: output of `distribution_free.compare_distribution_free`; None without it.
    """

    policy_a: str
    policy_b: str
    mission_name: str | None
    result: PairResult
    distribution_free: DistributionFree | None = None

    @property
    def keeps_model_based_test(self) -> bool:
        """True if the model has a test that no distribution-free test replaces."""
        if not self.result.is_tested:
            return False
        is_replaced = (
            not self.result.has_variation
            and self.result.difference_statistics["p_permutation"] is None
            and self.distribution_free is not None
            and self.distribution_free["p_value"] is not None
        )
        return not is_replaced


class _DecidingTest(NamedTuple):
    """p, name ("permutation", "t", "distribution-free") and description of the deciding test."""

    p: float | None
    name: str | None
    method: str


def test_family(
    named_pairs: Sequence[NamedPair],
    *,
    confidence: float,
    margin_fraction: float,
    ceilings: Ceilings,
) -> list[Comparison]:
    """Test the comparisons of one family with Holm's correction; classify each outcome.

    Args:
        named_pairs: results of all pairs of the family.
        confidence: 1 - confidence is the family-wise level.
        margin_fraction: equivalence margin as a fraction of the ceiling.
        ceilings: ceiling of each mission; the key None is the overall mean.

    Returns:
        for each pair its a, b and mission, the keys of `PairResult.difference_statistics`, and
        p (of the deciding test), test ("permutation", "t" or "distribution-free"), method (text);
        p_holm, decided (a difference was found; None: not tested);
        margin (score units), p_equivalence, p_equivalence_holm (None without margin or test),
        within_margin (the difference is significantly smaller than the margin);
        outcome: "better" or "worse" (a than b), "equivalent", "undecided" or "not tested";
        forecast, forecast_note: see `SampleSizeForecast`; None unless the pair is undecided;
        distribution_free: see `compare_distribution_free`, with p_holm (corrected over the family)
        and outcome; None without it;
        grade: see `grades.grade_outcome`.
    """
    level = 1 - confidence
    size = max(sum(named.result.is_tested for named in named_pairs), 1)
    results: list[Comparison] = []
    for named in named_pairs:
        a, b, mission, pair = named[:4]
        test = _choose_deciding_test(pair, level / size)
        if pair.is_tested and not named.keeps_model_based_test:
            # It counts in the family as p = 1, whose size does not depend on the scores.
            test = test._replace(p=1.0, name=DISTRIBUTION_FREE)
        ceiling = ceilings[mission]
        margin = None if ceiling is None else margin_fraction * ceiling
        p_equivalence = (
            None
            if margin is None or test.p is None
            # The quotient and `ceiling` can differ in the last bit; the results use the quotient.
            else _equivalence_p_value(pair, margin, ceiling=margin / margin_fraction)
        )
        results.append(
            {"a": a, "b": b, "mission": mission}
            | {**pair.difference_statistics, "p": test.p, "test": test.name, "method": test.method}
            | {"margin": margin, "p_equivalence": p_equivalence}
        )
    for key in ("p", "p_equivalence"):
        tested = [item for item in results if item[key] is not None]
        corrected = iter(holm_adjust([item[key] for item in tested]))
        for item in results:
            item[f"{key}_holm"] = None if item[key] is None else next(corrected)
    _add_distribution_free(results, named_pairs, level)
    _add_outcomes_and_forecasts(results, named_pairs, level, level / size)
    return results


def _add_outcomes_and_forecasts(
    results: Sequence[Comparison],
    named_pairs: Sequence[NamedPair],
    significance_level: float,
    strictest_holm_level: float,
) -> None:
    """Add outcomes, grades and forecasts to comparisons with corrected p-values."""
    for item, named in zip(results, named_pairs):
        corrected = item["p_equivalence_holm"]
        item["within_margin"] = corrected is not None and corrected < significance_level
        item["outcome"] = _classify_outcome(item, significance_level)
        free = item["distribution_free"]
        item["grade"] = grade_outcome(item["outcome"], free["outcome"] if free else NOT_TESTED)
        item["decided"] = None if item["p"] is None else item["outcome"] in (BETTER, WORSE)
        item["forecast"], item["forecast_note"] = _forecast_sample_size(
            item, named, strictest_holm_level
        )


def _add_distribution_free(
    results: Sequence[Comparison], named_pairs: Sequence[NamedPair], significance_level: float
) -> None:
    """Add the corrected distribution-free results; they replace a test that the model lacks."""
    available = [index for index, named in enumerate(named_pairs) if named.distribution_free]
    completed = correct_distribution_free_p_values(
        [named_pairs[index].distribution_free or {} for index in available], significance_level
    )
    for item in results:
        item["distribution_free"] = None
    for index, free in zip(available, completed):
        item = results[index]
        item["distribution_free"] = free
        reason = "nothing varies"
        if item["test"] is None and free["outcome"] in (BETTER, WORSE):
            item["test"], reason = DISTRIBUTION_FREE, "there are too few units for another test"
        if item["test"] == DISTRIBUTION_FREE:
            item["p"], item["p_holm"] = free["p_value"], free["p_holm"]
            item["method"] = f"{free['method']}, because {reason}"


def _choose_deciding_test(pair: PairResult, significance_level: float) -> _DecidingTest:
    """Choose the deciding test of a pair at a level, by the rule of this module."""
    values = pair.difference_statistics
    if not pair.is_tested:
        return _DecidingTest(None, None, f"no test; interval of {values['method_t']}")
    kind = {EPISODE: "episodes"}.get(values["unit"], "training seeds")
    description = (
        "paired permutation over worlds"
        if pair.contrast.paired_differences
        else f"permutation of {kind}"
    )
    if not pair.has_variation:
        p = values["p_permutation"]
        if p is None:
            p = min_sign_flip_p_value(pair.smaller_sample_size) if values["difference"] else 1.0
        return _DecidingTest(p, "permutation", f"{description}, without any variation")
    if (
        pair.min_permutation_p_value is not None
        and pair.min_permutation_p_value < significance_level
    ):
        return _DecidingTest(values["p_permutation"], "permutation", description)
    return _DecidingTest(values["p_t"], "t", values["method_t"])


def _equivalence_p_value(pair: PairResult, margin: float, ceiling: float) -> float:
    """Compute the larger p of two one-sided t tests: d < margin, d > -margin (Schuirmann 1987).

    Without variation all n units have the difference d. If the true difference were as large as
    the margin, a fraction of at least r = (margin - |d|) / (ceiling - |d|) of all cases would
    differ from d, because no difference exceeds the ceiling. The probability of n units without
    such a case is (1 - r)^n.
    """
    terms, distance = pair.contrast.error_terms, margin - abs(pair.contrast.difference)
    if distance <= 0 and not pair.has_variation:
        return 1.0
    if not pair.has_variation:
        share = distance / (ceiling - abs(pair.contrast.difference))
        return (1 - share) ** pair.smaller_sample_size
    variance = sum(term.variance for term in terms)
    df = 1 / sum((term.variance / variance) ** 2 / term.df for term in terms)
    return float(special.stdtr(df, -distance / math.sqrt(variance)))


def _classify_outcome(test_result: Mapping[str, Any], significance_level: float) -> str:
    if test_result["p"] is None:
        return NOT_TESTED
    if test_result["test"] == DISTRIBUTION_FREE:
        outcome = test_result["distribution_free"]["outcome"]
        is_equivalent = outcome == UNDECIDED and test_result["within_margin"]
        return EQUIVALENT if is_equivalent else outcome
    if test_result["p_holm"] < significance_level and test_result["difference"] != 0:
        return BETTER if test_result["difference"] > 0 else WORSE
    return EQUIVALENT if test_result["within_margin"] else UNDECIDED


def _forecast_sample_size(
    test_result: Mapping[str, Any], named: NamedPair, significance_level: float
) -> SampleSizeForecast:
    """Return the forecast of an undecided pair; without units and note for any other pair."""
    if test_result["outcome"] != UNDECIDED:
        return SampleSizeForecast(None, None)
    if test_result["test"] == DISTRIBUTION_FREE:
        return SampleSizeForecast(
            None, NO_VARIATION if test_result["difference"] else NO_DIFFERENCE
        )
    return forecast_units(named.result, significance_level)
