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
Bromwich integral on the vertical line through the saddle point has a relative error below 1e-9.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy import optimize

GRID_CELLS = 1024
"""Cells of the grid over the interval on which confidence distributions are tabulated."""

_CHUNK, _MAX_HEIGHT, _TOLERANCE = 16, 24.0, 1e-11
"""Nodes of one step of the trapezoidal rule, its end, and the relative size of its last term."""

_BISECTIONS = 50


class BoundedMean(NamedTuple):
    """Two-sided distribution-free interval of a mean or a difference of means.

    Attributes:
        low: lower end, in units of the values.
        high: upper end.
        p_value: two-sided p of the hypothesis that the true value is `null`.
    """

    low: float
    high: float
    p_value: float


def random_mean_tail(
    values: np.ndarray, thresholds: np.ndarray, counts: np.ndarray | None = None
) -> np.ndarray:
    """Compute P(sum(D_i v_i) >= t) for uniform spacings D, with relative accuracy.

    Args:
        values: float64 [..., k], distinct or repeated values v.
        thresholds: float64 [...], thresholds t; leading axes broadcast with those of `values`.
        counts: float64 [k], multiplicity of each value; 1 by default.

    Returns:
        float64 [...], probabilities.
    """
    weights = values - np.asarray(thresholds, dtype=float)[..., None]
    counts = np.ones(weights.shape[-1]) if counts is None else np.asarray(counts, dtype=float)
    largest, smallest = weights.max(axis=-1), weights.min(axis=-1)
    result = np.where(smallest >= 0, 1.0, 0.0)
    inner = (largest > 0) & (smallest < 0)
    if inner.any():
        scaled = weights[inner] / largest[inner][:, None]
        result[inner] = _bromwich_integral(scaled, counts)
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
        slope = (weights / (1 - middle[:, None] * weights)) @ counts - 1 / middle
        low, high = np.where(slope < 0, middle, low), np.where(slope < 0, high, middle)
    saddle = (low + high) / 2
    poles = weights / (1 - saddle[:, None] * weights)
    width = 1 / np.sqrt(poles**2 @ counts + 1 / saddle**2)
    total = np.zeros(len(weights))
    step = min(0.15, 0.9 / np.sqrt(counts.sum()))
    for first in range(0, int(_MAX_HEIGHT / step), _CHUNK):
        nodes = np.arange(first, first + _CHUNK) * step
        points = saddle[:, None] + 1j * width[:, None] * np.sinh(nodes)
        exponents = -np.log(points)
        for index, count in enumerate(counts):
            exponents -= count * np.log(1 - points * weights[:, index, None])
        terms = np.exp(exponents) * (width[:, None] * np.cosh(nodes))
        terms[:, 0] /= 2 if first == 0 else 1
        total += terms.real.sum(axis=1)
        if (np.abs(terms[:, -1]) <= _TOLERANCE * np.abs(total)).all():
            break
    return np.clip(total * step / np.pi, 0.0, 1.0)
