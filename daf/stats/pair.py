"""One pair of policies: everything that its data say before the family is known.

A claim about a method is tested from `SEEDS_NEEDED` training seeds on. With fewer, a permutation
test cannot reach 5 % (3 seeds against 3: at best 10 %), and a t test leans on a normality that
nobody can check; the difference is described, not tested.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from daf.stats.contrast import Contrast, contrast
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
    """Two policies on the same missions, for `family.judge`.

    values: what is known whatever else is tested, JSON-able. contrast: the difference and its
        errors. seeds: training seeds of the sides that have them, episodes: per mission, of those
        judged by episodes; each the fewest, None where there are none. resolution: the smallest p
        that the permutation test can give, None where there is no such test. varies: False if no
        unit differs from any other.
    """

    values: dict
    contrast: Contrast
    seeds: int | None
    episodes: int | None
    resolution: float | None
    varies: bool

    @property
    def tested(self) -> bool:
        return self.values["p_t"] is not None

    @property
    def units(self) -> int:
        """Of the kind that is rarest."""
        return min(n for n in (self.seeds, self.episodes) if n is not None)


def compare_pair(a: Samples, b: Samples, confidence: float) -> PairResult:
    """The difference between two policies, with its interval, tests and effect size.

    Args:
        a, b: their unit values, made for the same missions.
        confidence: coverage of the intervals.

    Returns:
        a `PairResult` whose values are: difference (a - b), low, high, p_t (t test), p_permutation (None
        where there is no such test), df, effect_size, effect (which), improvement with bounds (see
        `proportions.probability_of_improvement`), seeds_missing (training seeds that a test still needs), unit,
        method_t (in words) and note.
    """
    found = contrast(a, b)
    result = t_interval(found.difference, found.terms, confidence)
    seeds = [len(stratum) for s in (a, b) if s.unit == SEED for stratum in s.strata]
    episodes = [len(stratum) for s in (a, b) if s.unit == EPISODE for stratum in s.strata]
    missing = max(SEEDS_NEEDED - min(seeds), 0) if seeds else 0
    refused = missing > 0 or result["p"] is None
    p, resolution = (None, None) if refused else _permutation(a, b, found)
    size, effect = _effect_size(a, b, found)
    note = None if not missing else f"described only: {missing} more training seeds for a test"
    values = {
        "difference": found.difference,
        "low": result["low"],
        "high": result["high"],
        "df": result["df"],
        "p_t": None if refused else result["p"],
        "p_permutation": p,
        "effect_size": size,
        "effect": effect,
        **probability_of_improvement(a, b, confidence),
        "seeds_missing": missing,
        "unit": found.unit,
        "method_t": found.method,
        "note": join_notes(found.note, result["note"], note),
    }
    return PairResult(
        values,
        found,
        min(seeds, default=None),
        min(episodes, default=None),
        resolution,
        result["note"] != NO_VARIATION,
    )


def _permutation(a: Samples, b: Samples, found: Contrast) -> tuple[float | None, float | None]:
    """p of the permutation test on the right unit, and the smallest that it could give."""
    equal = found.difference == 0  # though sums of rounding errors may differ
    if found.pairs:
        strata = [pairs.to_numpy() for pairs in found.pairs]
        return 1.0 if equal else sign_flip_p_value(strata), min_sign_flip_p(sum(map(len, strata)))
    if a.unit == b.unit and len(a.strata) == len(b.strata) == 1:
        x, y = a.strata[0].to_numpy(), b.strata[0].to_numpy()
        return 1.0 if equal else permutation_p_value(x, y), min_permutation_p(len(x), len(y))
    return None, None


def _effect_size(a: Samples, b: Samples, found: Contrast) -> tuple[float | None, str]:
    """The difference in standard deviations between units, corrected for small samples.

    Methods, and episodes on different worlds: Hedges' g, over the pooled standard deviation. Fixed
    policies on the same worlds: d_z, over the standard deviation of the paired differences (Cohen
    1988). A method against a fixed policy: Glass's delta, over that of the training seeds. Several
    strata are pooled. All times J(df) = Gamma(df / 2) / (sqrt(df / 2)
    Gamma((df - 1) / 2)) (Hedges 1981). None where nothing varies or one unit is all there is.
    """
    if found.pairs:
        groups, name = [found.pairs], "d_z, paired worlds"
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
    size = found.difference / math.sqrt(weighted / df) * correction / math.sqrt(df / 2)
    return float(size) if np.isfinite(size) else None, name
