"""Distribution-free inference on the mean of independent values in a known interval.

Gaffke's bound (Gaffke 2005, Mathematical Methods of Statistics 14). The n sorted values and the
end of the interval, weighted by n + 1 uniform spacings (Dirichlet(1, ..., 1) weights D), have the
random mean sum(D_i x_(i)). Its 1 - level quantile is the upper bound of the mean. The lower bound
is the mirror image. The p-value of "the mean is at least m" is P(sum(D_i x_(i)) >= m).

Guarantee. For values at the two ends only, the bound is that of Clopper and Pearson (1934), which
is exact. For other distributions, Gaffke (2005) and Learned-Miller and Thomas (2019, arXiv
1905.06208) conjecture a coverage of at least 1 - level for every n; the asymptotic coverage is
proved. No simulation has contradicted it. The bound is never wider than Anderson's (1969).

Difference of two independent samples: melded confidence distributions (Fay, Proschan and Brittain
2015, Biometrics 71). The p-value of "mean a is at least mean b + d" is P(U_a - L_b >= d), with
independent random means U_a (completed by the upper end) and L_b (by the lower end). For values at
the two ends only and d = 0, it is the p-value of Fisher's exact test.

Computation. With exponential variables E_i, P(sum(D_i v_i) >= t) is P(sum(E_i (v_i - t)) >= 0). Its
Bromwich integral on the vertical line through the saddle point has a relative error below 1e-9. The
two distributions of a difference are tabulated on `GRID_CELLS` cells and summed by trapezoids.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy import optimize

GRID_CELLS = 1024
"""Cells of the grid over the interval on which confidence distributions are tabulated."""

_CHUNK, _MAX_HEIGHT, _TOLERANCE = 16, 24.0, 1e-10
"""Nodes of one step of the trapezoidal rule, its end, and the relative size of its last term."""

_BLOCK, _NEGLIGIBLE = 16, 1e-15
"""Cells of one block of the grid, and the difference below which a block is constant."""

_BISECTIONS = 30


class BoundedInterval(NamedTuple):
    """Two-sided distribution-free interval of a mean or of a difference of means.

    Attributes:
        low: lower end, in units of the values.
        high: upper end, in units of the values.
        p_value: two-sided p of the hypothesis that the true value is the null value.
    """

    low: float
    high: float
    p_value: float


@dataclass(frozen=True)
class BoundedSample:
    """Independent values with equal means in [0, 1], and their confidence distributions.

    Attributes:
        values: float64 [n], n >= 1.
    """

    values: np.ndarray

    @property
    def size(self) -> int:
        """Number of values."""
        return len(self.values)

    def p_value_of_null_at_least(self, means: np.ndarray) -> np.ndarray:
        """Compute P(U >= m), the p-value of "the mean is at least m", float64 [...]."""
        return _gaffke_upper_tail_probability(self.values, means)

    def p_value_of_null_at_most(self, means: np.ndarray) -> np.ndarray:
        """Compute P(L <= m), the p-value of "the mean is at most m", float64 [...]."""
        return _gaffke_upper_tail_probability(1 - self.values, 1 - np.asarray(means))

    @cached_property
    def grid_p_values_of_null_at_least(self) -> np.ndarray:
        """P(U >= m) for means m at the edges of the grid, float64 [GRID_CELLS + 1]."""
        return _tabulate_upper_tail_on_unit_grid(self.values)

    @cached_property
    def grid_p_values_of_null_at_most(self) -> np.ndarray:
        """P(L <= m) for means m at the edges of the grid, float64 [GRID_CELLS + 1]."""
        return _tabulate_upper_tail_on_unit_grid(1 - self.values)[::-1]


def estimate_bounded_mean(
    sample: BoundedSample, confidence: float, null_mean: float = 0.5
) -> BoundedInterval:
    """Compute Gaffke's two-sided interval of the mean, and the p-value of a null value.

    Args:
        sample: values in [0, 1].
        confidence: coverage of the interval; each side has half of the error.
        null_mean: mean under the hypothesis of the p-value.
    """
    level = (1 - confidence) / 2
    high = _upper_mean_bound(sample.values, level)
    low = 1 - _upper_mean_bound(1 - sample.values, level)
    point = np.array([null_mean])
    p = 2 * min(sample.p_value_of_null_at_least(point)[0], sample.p_value_of_null_at_most(point)[0])
    return BoundedInterval(low, high, min(float(p), 1.0))


def estimate_bounded_difference(
    a: BoundedSample, b: BoundedSample, confidence: float
) -> BoundedInterval:
    """Compute the melded interval of mean a - mean b, and the p-value of equal means.

    Args:
        a: values in [0, 1] of the first policy.
        b: values in [0, 1] of the second policy, independent of the first.
        confidence: coverage of the interval; each side has half of the error.
    """
    level = (1 - confidence) / 2
    above, below = _tabulate_p_difference_at_least(a, b), _tabulate_p_difference_at_least(b, a)
    p = 2 * min(above[GRID_CELLS], below[GRID_CELLS])
    low, high = (
        -_largest_unrejected_difference(below, level),
        _largest_unrejected_difference(above, level),
    )
    return BoundedInterval(low, high, min(float(p), 1.0))


def _gaffke_upper_tail_probability(values: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Compute P(sum(D_i v_i) >= t) of values that the upper end 1 completes."""
    distinct, counts = np.unique(np.append(values, 1.0), return_counts=True)
    return dirichlet_mean_upper_tail(distinct, np.asarray(thresholds, dtype=float), counts)


def _tabulate_upper_tail_on_unit_grid(values: np.ndarray) -> np.ndarray:
    """Compute P(sum(D_i v_i) >= t) at the edges of the grid, decreasing in t.

    Blocks of cells with equal ends up to `_NEGLIGIBLE` are constant.
    """
    edges = np.linspace(0, 1, GRID_CELLS + 1)
    coarse = _gaffke_upper_tail_probability(values, edges[::_BLOCK])
    table = np.append(np.repeat(coarse[:-1], _BLOCK), coarse[-1])
    inner = np.repeat(coarse[:-1] - coarse[1:] > _NEGLIGIBLE, _BLOCK)
    inner[::_BLOCK] = False
    rows = np.flatnonzero(inner)
    table[rows] = _gaffke_upper_tail_probability(values, edges[rows])
    return np.minimum.accumulate(table)


def _upper_mean_bound(values: np.ndarray, tail_probability: float) -> float:
    """Return the largest mean whose p-value is at least `tail_probability`: Gaffke's bound."""
    smallest = float(values.min())
    if smallest >= 1:
        return 1.0

    def excess(mean: float) -> float:
        return float(_gaffke_upper_tail_probability(values, np.array([mean]))[0]) - tail_probability

    return float(optimize.brentq(excess, smallest, 1.0, xtol=1e-9))


def _tabulate_p_difference_at_least(a: BoundedSample, b: BoundedSample) -> np.ndarray:
    """Compute P(U_a - L_b >= d) for d from -1 to 1, float64 [2 GRID_CELLS + 1]."""
    cells = GRID_CELLS
    tail = np.concatenate([np.ones(cells), a.grid_p_values_of_null_at_least, np.zeros(cells)])
    atom, probabilities = (
        b.grid_p_values_of_null_at_most[0],
        np.diff(b.grid_p_values_of_null_at_most),
    )
    averages = (tail[1:] + tail[:-1]) / 2
    return np.correlate(averages, probabilities, "valid") + atom * tail[: 2 * cells + 1]


def _largest_unrejected_difference(p_values_on_difference_grid: np.ndarray, level: float) -> float:
    """Return the difference at which decreasing p-values on the grid -1 to 1 reach `level`.

    One cell is added against errors of the interpolation, unless the sign would change.
    """
    index = (
        int(np.argmax(p_values_on_difference_grid < level))
        if p_values_on_difference_grid[-1] < level
        else len(p_values_on_difference_grid)
    )
    if index in (0, len(p_values_on_difference_grid)):
        return 1.0 if index else -1.0
    before, after = p_values_on_difference_grid[index - 1], p_values_on_difference_grid[index]
    step = index - 1 + (before - level) / (before - after)
    difference = float(step / GRID_CELLS - 1)
    rounded_up = min(difference + 1 / GRID_CELLS, 1.0)
    return difference if difference < 0 <= rounded_up else rounded_up


def dirichlet_mean_upper_tail(
    values: np.ndarray, thresholds: np.ndarray, multiplicities: np.ndarray | None = None
) -> np.ndarray:
    """Compute P(sum(D_i v_i) >= t) for uniform spacings D, with relative accuracy.

    Args:
        values: float64 [..., k], distinct or repeated values v.
        thresholds: float64 [...], thresholds t; leading axes broadcast with those of `values`.
        multiplicities: float64 [k], number of copies of each value; 1 by default.

    Returns:
        float64 [...], probabilities.
    """
    weights = values - np.asarray(thresholds, dtype=float)[..., None]
    multiplicities = (
        np.ones(weights.shape[-1])
        if multiplicities is None
        else np.asarray(multiplicities, dtype=float)
    )
    largest, smallest = weights.max(axis=-1), weights.min(axis=-1)
    result = np.where(smallest >= 0, 1.0, 0.0)
    inner = (largest > 0) & (smallest < 0)
    if inner.any():
        scaled = weights[inner] / largest[inner][:, None]
        result[inner] = _bromwich_integral(scaled, multiplicities)
    return result


def _bromwich_integral(weights: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Integrate exp(K(s)) / (2 pi i) along the vertical line through the saddle point.

    K(s) = -log(s) - sum(counts log(1 - s w)) is convex between its poles 0 and 1.

    Args:
        weights: float64 [R, k], largest weight 1 and smallest below 0 in each row.
        counts: float64 [k], multiplicity of each weight.

    Returns:
        float64 [R], P(sum(E_i w_i) >= 0) of each row.
    """
    low, high = np.zeros(len(weights)), np.ones(len(weights))
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        derivative = (weights / (1 - middle[:, None] * weights)) @ counts - 1 / middle
        low, high = np.where(derivative < 0, middle, low), np.where(derivative < 0, high, middle)
    saddle = (low + high) / 2
    poles = weights / (1 - saddle[:, None] * weights)
    peak = -np.log(saddle) - np.log(1 - saddle[:, None] * weights) @ counts
    width = 1 / np.sqrt(poles**2 @ counts + 1 / saddle**2)
    step = min(0.15, 0.9 / np.sqrt(counts.sum()))
    total = np.zeros(len(weights))
    for first in range(0, int(_MAX_HEIGHT / step), _CHUNK):
        nodes = np.arange(first, first + _CHUNK) * step
        heights = 1j * (width[:, None] * np.sinh(nodes))
        # A product that overflows belongs to a term of 0.
        with np.errstate(over="ignore", invalid="ignore"):
            product = (1 + heights / saddle[:, None]) * _product_of_linear_factor_powers(
                heights, poles, counts
            )
            terms = np.nan_to_num(1 / product, nan=0.0) * (width[:, None] * np.cosh(nodes))
        terms[:, 0] /= 2 if first == 0 else 1
        total += terms.real.sum(axis=1)
        if (np.abs(terms[:, -1]) <= _TOLERANCE * np.abs(total)).all():
            break
    return np.clip(total * np.exp(peak) * step / np.pi, 0.0, 1.0)


def _product_of_linear_factor_powers(
    heights: np.ndarray, poles: np.ndarray, counts: np.ndarray
) -> np.ndarray:
    """Compute the product over k of (1 - heights poles_k)^counts_k.

    Few rows are faster with logarithms, many rows with repeated products.

    Args:
        heights: complex128 [R, nodes].
        poles: float64 [R, k].
        counts: float64 [k], whole numbers.

    Returns:
        complex128 [R, nodes].
    """
    if len(heights) <= 4:
        return np.exp(np.log(1 - heights[..., None] * poles[:, None, :]) @ counts)
    product = np.ones_like(heights)
    for index, count in enumerate(counts):
        product *= _power_by_squaring(1 - heights * poles[:, index, None], int(count))
    return product


def _power_by_squaring(base: np.ndarray, exponent: int) -> np.ndarray:
    """Compute a whole power by squaring, which is faster than `**` for complex numbers."""
    result = None
    while exponent:
        if exponent & 1:
            result = base if result is None else result * base
        exponent >>= 1
        base = base * base if exponent else base
    return base if result is None else result
