"""Holm's correction of p-values for multiple comparisons."""

import numpy as np

from daf.stats.estimate import Floats


def holm_adjust(p_values: Floats) -> list[float]:
    """Return Holm's step-down adjusted p-values, in the order of the input (Holm 1979).

    The i-th smallest of m p-values (from 0) becomes the maximum of (m - j) p_j over j <= i, at
    most 1.
    """
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p, kind="stable")
    scaled = p[order] * np.arange(len(p), 0, -1)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return adjusted.tolist()
