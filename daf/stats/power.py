"""Power of t tests, and number of units that reach a power."""

import math
from collections.abc import Callable, Sequence

from scipy import special

from daf.stats.estimate import ErrorTerm

POWER = 0.8
"""Power of a test that a study needs (Cohen 1988)."""
MAX_UNITS = 1_000_000
"""Upper limit of the number of units; a difference that needs more counts as undetectable."""


def compute_t_test_power(
    difference: float,
    error_terms: Sequence[ErrorTerm],
    planned_to_observed_ratios: Sequence[float],
    significance_level: float,
) -> float:
    """Compute the power of a two-sided t test with other numbers of units.

    The noncentral t distribution (Cohen 1988, section 2.5): with a variance V and df degrees of
    freedom, P(|t'| > t(1 - level/2; df)) for the noncentrality difference / sqrt(V).

    Args:
        difference: true difference, in score units.
        error_terms: observed error terms of the difference, at least one of them above 0.
        planned_to_observed_ratios: planned number of units of each error term, divided by the
            observed number.
        significance_level: level of the test.
    """
    planned = [
        ErrorTerm(term.variance / ratio, (term.df + 1) * ratio - 1)
        for term, ratio in zip(error_terms, planned_to_observed_ratios, strict=True)
    ]
    variance = sum(term.variance for term in planned)
    df = 1 / sum((term.variance / variance) ** 2 / term.df for term in planned)
    critical = special.stdtrit(df, 1 - significance_level / 2)
    noncentrality = abs(difference) / math.sqrt(variance)
    if noncentrality > critical + 30:  # power 1; nctdtr is not accurate here
        return 1.0
    above, below = (float(special.nctdtr(df, noncentrality, t)) for t in (critical, -critical))
    # nctdtr gives NaN instead of tiny probabilities of the opposite sign.
    return 1 - above + (0.0 if math.isnan(below) else below)


def find_sufficient_sample_size(
    true_difference: float,
    error_terms: Sequence[ErrorTerm],
    observed_sample_size: int,
    significance_level: float,
    *,
    grow_samples_proportionally: bool = False,
    target_power: float = POWER,
) -> int | None:
    """Return the smallest number of units, above the observed one, that gives the target power.

    Args:
        true_difference: true difference, in score units.
        error_terms: observed error terms of the difference, at least one of them above 0.
        observed_sample_size: smallest observed number of units.
        significance_level: level of the test.
        grow_samples_proportionally: the units of all error terms grow in proportion; else each
            error term has at least the returned number of units.
        target_power: power to reach, between 0 and 1.

    Returns:
        number of units; None if `MAX_UNITS` further units are not sufficient.
    """

    def has_power(additional: int) -> bool:
        planned = observed_sample_size + additional
        ratios = [
            planned / observed_sample_size
            if grow_samples_proportionally
            else max(planned / (term.df + 1), 1.0)
            for term in error_terms
        ]
        power = compute_t_test_power(true_difference, error_terms, ratios, significance_level)
        return power >= target_power

    additional = find_smallest_sufficient_count(has_power)
    return None if additional is None else observed_sample_size + additional


def find_smallest_sufficient_count(is_sufficient: Callable[[int], bool]) -> int | None:
    """Return the smallest sufficient number from 1 to `MAX_UNITS` by bisection; None without any.

    Args:
        is_sufficient: monotonic predicate: False up to some number, True above it.
    """
    if not is_sufficient(MAX_UNITS):
        return None
    low, high = 0, 1
    while not is_sufficient(high):
        low, high = high, min(2 * high, MAX_UNITS)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_sufficient(middle) else (middle, high)
    return high
