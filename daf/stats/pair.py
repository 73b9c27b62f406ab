"""Results of one pair of policies that do not depend on the other comparisons of its family.

A test of a training method requires `SEEDS_NEEDED` training seeds. With fewer, a permutation test
cannot reach 5 % (3 seeds against 3: at best 10 %), and a t test relies on an unverifiable
normality. The difference is then described, not tested.
"""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy import special

from daf.stats.contrast import Contrast, compute_contrast
from daf.stats.estimate import (
    EPISODE,
    NO_VARIATION,
    SEED,
    UnitValues,
    join_notes,
    t_interval,
    unbiased_variance,
)
from daf.stats.permutation import (
    min_sign_flip_p_value,
    min_welch_permutation_p_value,
    sign_flip_p_value,
    welch_permutation_p_value,
)
from daf.stats.proportions import probability_of_improvement

SEEDS_NEEDED = 5


@dataclass(frozen=True)
class PairResult:
    """Comparison of two policies on the same missions, the input of `family.test_family`.

    Attributes:
        difference_statistics: JSON-able results that do not depend on the family.
        contrast: difference with its sources of error.
        num_seeds: smallest number of training seeds of a side with unit `SEED`; None without any.
        num_episodes: smallest number of episodes per mission of a side with unit `EPISODE`; None
            without any.
        min_permutation_p_value: smallest possible p of the permutation test; None without such a
            test.
        has_variation: False if all units are equal.
    """

    difference_statistics: dict[str, Any]
    contrast: Contrast
    num_seeds: int | None
    num_episodes: int | None
    min_permutation_p_value: float | None
    has_variation: bool

    @property
    def is_tested(self) -> bool:
        """True if the pair has a test."""
        return self.difference_statistics["p_t"] is not None

    @property
    def smaller_sample_size(self) -> int:
        """Smaller one of the numbers of training seeds and episodes."""
        return min(n for n in (self.num_seeds, self.num_episodes) if n is not None)


class _PermutationTest(NamedTuple):
    """p of a permutation test, and its smallest possible p; None without such a test."""

    p: float | None
    min_p: float | None


class _EffectSize(NamedTuple):
    """Difference in standard deviations, and the name of this effect size."""

    size: float | None
    name: str


def compare_pair(a: UnitValues, b: UnitValues, confidence: float) -> PairResult:
    """Compute the difference of two policies with interval, tests and effect size.

    Args:
        a: unit values of the first policy.
        b: unit values of the second policy, on the same missions.
        confidence: coverage of the intervals.

    Returns:
        result with the values difference (a - b), low, high, df, p_t (t test), p_permutation (None
        without such a test), effect_size, effect (its name), improvement with bounds (see
        `proportions.probability_of_improvement`), seeds_missing (additional training seeds that a
        test needs), unit, method_t (text) and note.
    """
    contrast = compute_contrast(a, b)
    interval = t_interval(contrast.difference, contrast.error_terms, confidence)
    seeds = [len(stratum) for s in (a, b) if s.unit == SEED for stratum in s.strata]
    episodes = [len(stratum) for s in (a, b) if s.unit == EPISODE for stratum in s.strata]
    missing = max(SEEDS_NEEDED - min(seeds), 0) if seeds else 0
    is_tested = missing == 0 and interval.p is not None
    permutation = (
        _run_permutation_test(a, b, contrast) if is_tested else _PermutationTest(None, None)
    )
    effect = _compute_effect_size(a, b, contrast)
    plural = "" if missing == 1 else "s"
    note = f"a model-based test needs {missing} more training seed{plural}" if missing else None
    values = {
        "difference": contrast.difference,
        "low": interval.low,
        "high": interval.high,
        "df": interval.df,
        "p_t": interval.p if is_tested else None,
        "p_permutation": permutation.p,
        "effect_size": effect.size,
        "effect": effect.name,
        **probability_of_improvement(a, b, confidence),
        "seeds_missing": missing,
        "unit": contrast.unit,
        "method_t": contrast.method,
        "note": join_notes(contrast.note, interval.note, note),
    }
    return PairResult(
        values,
        contrast,
        min(seeds, default=None),
        min(episodes, default=None),
        permutation.min_p,
        interval.note != NO_VARIATION,
    )


def _run_permutation_test(a: UnitValues, b: UnitValues, contrast: Contrast) -> _PermutationTest:
    """Test the difference by sign flips or by a permutation, whichever the unit of the pair has."""
    equal = contrast.difference == 0  # sums of rounding errors may differ
    if contrast.paired_differences:
        strata = [pairs.to_numpy() for pairs in contrast.paired_differences]
        p = 1.0 if equal else sign_flip_p_value(strata)
        return _PermutationTest(p, min_sign_flip_p_value(sum(map(len, strata))))
    if a.unit == b.unit and len(a.strata) == len(b.strata) == 1:
        x, y = a.strata[0].to_numpy(), b.strata[0].to_numpy()
        p = 1.0 if equal else welch_permutation_p_value(x, y)
        return _PermutationTest(p, min_welch_permutation_p_value(len(x), len(y)))
    return _PermutationTest(None, None)


def _compute_effect_size(a: UnitValues, b: UnitValues, contrast: Contrast) -> _EffectSize:
    """Return the difference in standard deviations, corrected for small samples, and its name.

    Two trained policies, or fixed policies on different worlds: Hedges' g, with the pooled standard
    deviation. Fixed policies on the same worlds: d_z, with the standard deviation of the paired
    differences (Cohen 1988). A trained and a fixed policy: Glass's delta, with the standard
    deviation of the training seeds. Several strata are pooled. The correction is the factor
    J(df) = Gamma(df / 2) / (sqrt(df / 2) Gamma((df - 1) / 2)) (Hedges 1981). None without
    variation or with a single unit.
    """
    if contrast.paired_differences:
        groups, name = [contrast.paired_differences], "d_z, paired worlds"
    elif a.unit == b.unit:
        groups, name = [a.strata, b.strata], "Hedges' g"
    else:
        groups, name = [a.strata if a.unit == SEED else b.strata], "Glass's delta"
    sizes = [len(stratum) - 1 for group in groups for stratum in group]
    if min(sizes) < 1 or sum(sizes) < 2:
        return _EffectSize(None, name)
    weighted = sum(
        unbiased_variance(stratum) * (len(stratum) - 1) for group in groups for stratum in group
    )
    if weighted == 0:
        return _EffectSize(None, name)
    df = sum(sizes)
    correction = math.exp(special.gammaln(df / 2) - special.gammaln((df - 1) / 2))
    size = contrast.difference / math.sqrt(weighted / df) * correction / math.sqrt(df / 2)
    return _EffectSize(float(size) if np.isfinite(size) else None, name)
