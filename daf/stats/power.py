"""How many more units would decide what is undecided."""

import math
from collections.abc import Callable, Sequence

from scipy import special

from daf.stats.estimate import ErrorTerm

POWER = 0.8
MAX_UNITS = 1_000_000
"""More units than this nobody can pay for; a difference that needs them is as good as none."""


def power_of(difference: float, terms: Sequence[ErrorTerm], times: float, level: float) -> float:
    """The chance that a two-sided t test finds a difference, with `times` as many units.

    The noncentral t distribution (Cohen 1988, section 2.5): with a variance V and df degrees of
    freedom, P(|t'| > t(1 - level/2; df)) for the noncentrality difference / sqrt(V).

    Args:
        difference: taken as true, in score units.
        terms: the errors of the difference as observed, at least one of them above 0.
        times: how many times as many units as were observed.
        level: of the test.
    """
    variance = sum(term.variance for term in terms) / times
    shares = [term.variance / times / variance for term in terms]
    df = 1 / sum(s**2 / ((term.df + 1) * times - 1) for s, term in zip(shares, terms))
    critical = special.stdtrit(df, 1 - level / 2)
    away = abs(difference) / math.sqrt(variance)
    if away > critical + 30:  # certain, and beyond what the noncentral distribution is made for
        return 1.0
    above, below = special.nctdtr(df, away, critical), special.nctdtr(df, away, -critical)
    return float(1 - above + below)


def further_units(
    difference: float, terms: Sequence[ErrorTerm], units: int, level: float
) -> int | None:
    """The fewest further units with which the observed difference is found at 80 % power.

    Args:
        difference, terms, level: as in `power_of`.
        units: how many there are now; all sources of error are taken to grow alike.

    Returns:
        at least 1; None if even `MAX_UNITS` units would not do, as for a difference of 0.
    """
    return smallest_sufficient(
        lambda more: power_of(difference, terms, (units + more) / units, level) >= POWER
    )


def smallest_sufficient(enough: Callable[[int], bool]) -> int | None:
    """The smallest number from 1 to `MAX_UNITS` that is enough; None if there is none.

    Args:
        enough: is False up to some number, and True from there on.
    """
    if not enough(MAX_UNITS):
        return None
    low, high = 0, 1
    while not enough(high):
        low, high = high, min(2 * high, MAX_UNITS)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
