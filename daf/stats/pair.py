"""Results of one pair of policies that do not depend on the other comparisons of its family.

A test of a training method requires `SEEDS_NEEDED` training seeds. With fewer, a permutation test
cannot reach 5 % (3 seeds against 3: at best 10 %), and a t test relies on an unverifiable
normality. The difference is then described, not tested.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from daf.stats.contrast import Contrast, compute_contrast
from daf.stats.estimate import (
    EPISODE,
    NO_VARIATION,
    SEED,
    Samples,
    join_notes,
    t_interval,
    unbiased_variance,
)
from daf.stats.permutation import (
    min_permutation_p,
    min_sign_flip_p,
    permutation_p_value,
    sign_flip_p_value,
)
from daf.stats.proportions import probability_of_improvement

SEEDS_NEEDED = 5


@dataclass(frozen=True)
class PairResult:
    """Comparison of two policies on the same missions, the input of `family.test_family`.

    Attributes:
        values: JSON-able results that do not depend on the family.
        contrast: difference with its sources of error.
        seeds: smallest number of training seeds of a side with unit `SEED`; None without any.
        episodes: smallest number of episodes per mission of a side with unit `EPISODE`; None
            without any.
        resolution: smallest possible p of the permutation test; None without such a test.
        varies: False if all units are equal.
    """

    values: dict
    contrast: Contrast
    seeds: int | None
    episodes: int | None
    resolution: float | None
    varies: bool

    @property
    def tested(self) -> bool:
        """True if the pair has a test."""
        return self.values["p_t"] is not None

    @property
    def units(self) -> int:
        """Smaller one of the numbers of training seeds and episodes."""
        return min(n for n in (self.seeds, self.episodes) if n is not None)


def compare_pair(a: Samples, b: Samples, confidence: float) -> PairResult:
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
    result = t_interval(contrast.difference, contrast.terms, confidence)
    seeds = [len(stratum) for s in (a, b) if s.unit == SEED for stratum in s.strata]
    episodes = [len(stratum) for s in (a, b) if s.unit == EPISODE for stratum in s.strata]
    missing = max(SEEDS_NEEDED - min(seeds), 0) if seeds else 0
    untested = missing > 0 or result["p"] is None
    p, resolution = (None, None) if untested else _permutation_test(a, b, contrast)
    size, effect = _effect_size(a, b, contrast)
    note = None if not missing else f"described only: {missing} more training seeds for a test"
    values = {
        "difference": contrast.difference,
        "low": result["low"],
        "high": result["high"],
        "df": result["df"],
        "p_t": None if untested else result["p"],
        "p_permutation": p,
        "effect_size": size,
        "effect": effect,
        **probability_of_improvement(a, b, confidence),
        "seeds_missing": missing,
        "unit": contrast.unit,
        "method_t": contrast.method,
        "note": join_notes(contrast.note, result["note"], note),
    }
    return PairResult(
        values,
        contrast,
        min(seeds, default=None),
        min(episodes, default=None),
        resolution,
        result["note"] != NO_VARIATION,
    )


def _permutation_test(
    a: Samples, b: Samples, contrast: Contrast
) -> tuple[float | None, float | None]:
    """Return p of the permutation test for the pair's unit, and its smallest possible p."""
    equal = contrast.difference == 0  # sums of rounding errors may differ
    if contrast.pairs:
        strata = [pairs.to_numpy() for pairs in contrast.pairs]
        return 1.0 if equal else sign_flip_p_value(strata), min_sign_flip_p(sum(map(len, strata)))
    if a.unit == b.unit and len(a.strata) == len(b.strata) == 1:
        x, y = a.strata[0].to_numpy(), b.strata[0].to_numpy()
        return 1.0 if equal else permutation_p_value(x, y), min_permutation_p(len(x), len(y))
    return None, None


def _effect_size(a: Samples, b: Samples, contrast: Contrast) -> tuple[float | None, str]:
    """Return the difference in standard deviations, corrected for small samples, and its name.

    Two trained policies, or fixed policies on different worlds: Hedges' g, with the pooled standard
    deviation. Fixed policies on the same worlds: d_z, with the standard deviation of the paired
    differences (Cohen 1988). A trained and a fixed policy: Glass's delta, with the standard
    deviation of the training seeds. Several strata are pooled. The correction is the factor
    J(df) = Gamma(df / 2) / (sqrt(df / 2) Gamma((df - 1) / 2)) (Hedges 1981). None without
    variation or with a single unit.
    """
    if contrast.pairs:
        groups, name = [contrast.pairs], "d_z, paired worlds"
    elif a.unit == b.unit:
        groups, name = [a.strata, b.strata], "Hedges' g"
    else:
        groups, name = [a.strata if a.unit == SEED else b.strata], "Glass's delta"
    sizes = [len(stratum) - 1 for group in groups for stratum in group]
    if min(sizes) < 1 or sum(sizes) < 2:
        return None, name
    weighted = sum(
        unbiased_variance(stratum) * (len(stratum) - 1) for group in groups for stratum in group
    )
    if weighted == 0:
        return None, name
    df = sum(sizes)
    correction = math.exp(special.gammaln(df / 2) - special.gammaln((df - 1) / 2))
    size = contrast.difference / math.sqrt(weighted / df) * correction / math.sqrt(df / 2)
    return float(size) if np.isfinite(size) else None, name
