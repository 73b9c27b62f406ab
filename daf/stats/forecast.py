"""Forecast of the number of units that would decide an undecided comparison.

The true difference and the true variances are uncertain. A simulation draws both from their
distribution under the observations; each draw needs its own number of units. The forecast is the
middle half of these numbers. If its upper end is far above the observed number, the observations do
not support any forecast.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from daf.stats.contrast import MIXED
from daf.stats.pair import PairResult
from daf.stats.permutation import min_sign_flip_p_value, min_welch_permutation_p_value
from daf.stats.power import find_smallest_sufficient_count, find_sufficient_sample_size

DRAWS = 4000
STREAM = 0x666F7265
MAX_GROWTH = 10
"""Largest upper end of a forecast, relative to the observed number of units."""

NO_DIFFERENCE = "no difference was observed"
NO_VARIATION = "nothing varies, so the scores do not support a forecast"
UNCERTAIN = "the observed difference is too uncertain for a forecast"

Range = tuple[int, int]


class SampleSizeForecast(NamedTuple):
    """Forecast of an undecided comparison.

    Attributes:
        range_by_unit: numbers that each policy should have in all, as JSON types {training_seeds,
            episodes}, each [low, high]; None if the kind of unit does not count; None without a
            forecast.
        note: reason of a missing forecast; None with one.
    """

    range_by_unit: dict[str, list[int] | None] | None
    note: str | None


def forecast_units(pair: PairResult, significance_level: float) -> SampleSizeForecast:
    """Forecast the total number of units of each policy that would decide a comparison.

    Args:
        pair: undecided comparison with a model-based test.
        significance_level: strictest level of Holm's correction.
    """
    n = pair.smaller_sample_size
    if pair.contrast.difference == 0:
        return SampleSizeForecast(None, NO_DIFFERENCE)
    if pair.has_variation:
        sizes = _simulate_sample_size_quartiles(pair, significance_level)
        if sizes is None or sizes[1] > MAX_GROWTH * n:
            return SampleSizeForecast(None, UNCERTAIN)
    else:
        size = _find_min_permutation_sample_size(pair, significance_level)
        if size is None or size <= n:  # differences of opposite signs on different missions
            return SampleSizeForecast(None, NO_VARIATION)
        sizes = (size, size)
    return SampleSizeForecast(
        {
            "training_seeds": _scale_sizes_by_observed_ratio(sizes, pair.num_seeds, n),
            "episodes": _scale_sizes_by_observed_ratio(sizes, pair.num_episodes, n),
        },
        None,
    )


def _simulate_sample_size_quartiles(pair: PairResult, significance_level: float) -> Range | None:
    """Return the quartiles of the sufficient numbers of units over simulated true differences.

    A draw has the variance v df / chi2(df) of each error term, and a normal difference around the
    observed one with the sum of these variances. It needs the more units, the smaller the ratio of
    its difference to its standard error is. So the quartiles of this ratio give those of the units.
    """
    contrast = pair.contrast
    terms = [term for term in contrast.error_terms if term.variance > 0]
    rng = np.random.default_rng(STREAM)
    variances = sum(term.variance * term.df / rng.chisquare(term.df, size=DRAWS) for term in terms)
    errors = np.sqrt(variances)
    ratios = np.abs(contrast.difference / errors + rng.standard_normal(DRAWS))
    observed_error = math.sqrt(sum(term.variance for term in terms))
    low, high = (
        find_sufficient_sample_size(
            float(np.quantile(ratios, quantile)) * observed_error,
            contrast.error_terms,
            pair.smaller_sample_size,
            significance_level,
            grow_samples_proportionally=pair.contrast.unit == MIXED,
        )
        for quantile in (0.75, 0.25)
    )
    return None if low is None or high is None else (low, high)


def _find_min_permutation_sample_size(pair: PairResult, significance_level: float) -> int | None:
    """Return the smallest number of units whose permutation test can decide, if nothing varies."""
    if pair.contrast.paired_differences or pair.difference_statistics["unit"] == MIXED:
        return find_smallest_sufficient_count(
            lambda n: min_sign_flip_p_value(n) < significance_level
        )
    return find_smallest_sufficient_count(
        lambda n: min_welch_permutation_p_value(n, n) < significance_level
    )


def _scale_sizes_by_observed_ratio(
    smaller_sizes: Range, num_observed: int | None, smaller_num_observed: int
) -> list[int] | None:
    """Return the range of one kind of unit, in the observed proportion, rounded up.

    Args:
        smaller_sizes: range of the smaller number of units.
        num_observed: observed number of this kind of unit; None without any.
        smaller_num_observed: smaller observed number of units.
    """
    if num_observed is None:
        return None
    return [
        round_up_count(math.ceil(size * num_observed / smaller_num_observed))
        for size in smaller_sizes
    ]


def round_up_count(count: int) -> int:
    """Round a count up: to 1 up to 10, 5 up to 50, 10 up to 100, then half a decade's digit."""
    if count <= 10:
        step = 1
    elif count <= 50:
        step = 5
    elif count <= 100:
        step = 10
    else:
        step = 5 * 10 ** (len(str(count)) - 2)
    return -(-count // step) * step


def describe_required_sample_sizes(size_range_by_unit: dict[str, Any] | None) -> str | None:
    """Return a forecast in words: "about 15 to 40 training seeds per policy in all"."""
    if size_range_by_unit is None:
        return None
    names = {"training_seeds": "training seeds", "episodes": "episodes per mission"}
    parts = [
        f"{low if low == high else f'{low} to {high}'} {names[kind]}"
        for kind, (low, high) in ((k, v) for k, v in size_range_by_unit.items() if v)
    ]
    scope = " per policy" if len(parts) == 1 else ""
    return f"about {' and '.join(parts)}{scope} in all"
