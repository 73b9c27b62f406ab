"""Candidates for a distribution-free interval of a mean in [0, 1]: coverage and width.

The score of a seed is its share of the ceiling. `free_simulation` writes the tables of
docs/explanation/statistics.md.
"""

import numpy as np
from scipy import stats

from daf.stats.bounded_mean import dirichlet_mean_upper_tail

from .game_shapes import SHAPES as GAME_SHAPES

SIZES = (3, 5, 10, 20)
LEVEL = 0.05
EPISODES = 32

ESTIMATED = ("near the ceiling", "rare success", "all or nothing")
"""Shapes whose mean is estimated."""


def draw_seed_means(name):
    """Return the draw of seeds' mean scores of a shape of this game, as shares of the ceiling."""
    shape = GAME_SHAPES[name]
    return lambda rng, axes: shape.draw(rng, axes, EPISODES).mean(axis=-1) / shape.ceiling


def collapse(probability):
    """Return a shape: scores near 0.95, and with this probability a seed collapses to near 0."""

    def draw(rng, shape):
        scores = 0.95 + 0.02 * rng.standard_normal(shape).clip(-2.5, 2.5)
        return np.where(rng.random(shape) < probability, 0.02 * rng.random(shape), scores)

    return draw


def bernoulli(probability):
    """Return a shape: all or nothing in each seed."""
    return lambda rng, shape: (rng.random(shape) < probability).astype(float)


def zero_inflated(rng, shape):
    """Normal scores with 3 zeros in 10."""
    return rng.normal(0.5, 0.1, shape).clip(0, 1) * (rng.random(shape) >= 0.3)


SHAPES = {
    **{name: draw_seed_means(name) for name in ESTIMATED},
    "one seed in 10 collapses": collapse(0.1),
    "one seed in 20 collapses": collapse(0.05),
    "normal": lambda rng, shape: rng.normal(0.5, 0.1, shape).clip(0, 1),
    "gamma": lambda rng, shape: (rng.gamma(4, 0.05, shape)).clip(0, 1),
    "zero-inflated": zero_inflated,
    "uniform": lambda rng, shape: rng.random(shape),
    "bimodal": lambda rng, shape: rng.beta(5, 20, shape) * 0.9 + 0.1 * (rng.random(shape) < 0.5),
    "two modes": lambda rng, shape: np.where(
        rng.random(shape) < 0.5, rng.beta(2, 30, shape), rng.beta(30, 2, shape)
    ),
    "Bernoulli 0.02": bernoulli(0.02),
    "Bernoulli 0.1": bernoulli(0.1),
    "Bernoulli 0.5": bernoulli(0.5),
    "constant": lambda rng, shape: np.full(shape, 0.4),
}
"""Distributions of the mean score of one seed, as a share of the ceiling."""


def gaffke_upper(values, level):
    """Return the upper bounds of Gaffke (2005), float64 [R], by bisection."""
    ends = np.append(values, np.ones((len(values), 1)), axis=1)
    low, high = ends.mean(axis=1) * 0, np.ones(len(values))
    for _ in range(22):
        middle = (low + high) / 2
        above = dirichlet_mean_upper_tail(ends, middle) > level
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return high


def anderson_upper(values, level):
    """Return the upper bounds of Anderson (1969) with the exact one-sided band of Smirnov."""
    n = values.shape[1]
    ordered = np.sort(np.append(values, np.ones((len(values), 1)), axis=1), axis=1)
    band = np.maximum(np.arange(1, n + 1) / n - stats.ksone.ppf(1 - level, n), 0)
    return 1 - np.diff(ordered, axis=1) @ band


def hoeffding_upper(values, level):
    """Return the upper bounds of Hoeffding (1963)."""
    return np.minimum(values.mean(1) + np.sqrt(np.log(1 / level) / (2 * values.shape[1])), 1)


def bernstein_upper(values, level):
    """Return the upper bounds of the empirical Bernstein inequality (Maurer and Pontil 2009)."""
    n, log = values.shape[1], np.log(2 / level)
    error = np.sqrt(2 * values.var(axis=1, ddof=1) * log / n) + 7 * log / (3 * (n - 1))
    return np.minimum(values.mean(1) + error, 1)


def betting_upper(values, level, points=400):
    """Return the upper bounds of predictable plug-in betting (Waudby-Smith and Ramdas 2024)."""
    n = values.shape[1]
    grid = np.linspace(0, 1, points + 1)[None]
    wealth, best = np.ones((len(values), points + 1)), np.ones((len(values), points + 1))
    total, squares = np.full(len(values), 0.5), np.full(len(values), 0.25)
    for t in range(1, n + 1):
        variance = squares / t
        bet = np.sqrt(2 * np.log(1 / level) / (variance * n))[:, None]
        bet = np.minimum(bet, 0.75 / np.maximum(1 - grid, 1e-9))
        wealth = wealth * (1 + bet * (grid - values[:, t - 1, None]))
        best = np.maximum(best, wealth)
        total = total + values[:, t - 1]
        squares = squares + (values[:, t - 1] - total / (t + 1)) ** 2
    not_rejected = best < 1 / level
    return np.where(not_rejected, grid, 0).max(axis=1) + 1 / points


def phan_upper(values, level, draws=1000, seed=5):
    """Return the upper bounds of Phan, Thomas and Learned-Miller (2021), T linear of Anderson.

    The bound of a uniform sample u is the largest mean with distribution u over sorted y whose
    Anderson bound is at most that of the data: a linear program over steps, on a concave hull.
    """
    n = values.shape[1]
    band = np.maximum(np.arange(1, n + 1) / n - stats.ksone.ppf(1 - level, n), 0)
    uniform = np.sort(np.random.default_rng(seed).random((draws, n)), axis=1)
    limit = anderson_upper(values, level)
    heights = np.append(0, band)  # step k: values 0 up to the k-th, then 1
    costs = 1 - heights
    gains = 1 - np.append(np.zeros((draws, 1)), uniform, axis=1)
    best = np.zeros((len(values), draws))
    for i in range(n + 1):
        inside = costs[i] <= limit + 1e-12
        best = np.maximum(best, np.where(inside[:, None], gains[None, :, i], 0))
        for j in range(n + 1):
            if costs[i] < costs[j]:
                share = np.clip((limit - costs[i]) / (costs[j] - costs[i]), 0, 1)[:, None]
                mixed = gains[None, :, i] * (1 - share) + gains[None, :, j] * share
                best = np.maximum(best, np.where(inside[:, None], mixed, 0))
    return np.quantile(best, 1 - level, axis=1, method="higher")


def student_upper(values, level):
    """Return the upper bounds of Student's t, cut at 1."""
    n = values.shape[1]
    half = stats.t.ppf(1 - level, n - 1) * values.std(axis=1, ddof=1) / np.sqrt(n)
    return np.minimum(values.mean(1) + half, 1)


CANDIDATES = {
    "Student's t": student_upper,
    "Gaffke": gaffke_upper,
    "Phan et al.": phan_upper,
    "Anderson": anderson_upper,
    "betting": betting_upper,
    "Hoeffding": hoeffding_upper,
    "empirical Bernstein": bernstein_upper,
}


def simulate_candidates(repeats=1000, seed=28, sizes=SIZES, candidates=CANDIDATES):
    """Return {(shape, candidate, n): (coverage in percent, mean width)}."""
    results = {}
    for index, (name, draw) in enumerate(SHAPES.items()):
        true = draw(np.random.default_rng(99), (400_000,)).mean()
        for n in sizes:
            values = draw(np.random.default_rng([seed, index, n]), (repeats, n))
            for candidate, upper in candidates.items():
                high = upper(values, LEVEL / 2)
                low = 1 - upper(1 - values, LEVEL / 2)
                tolerance = 1e-6 + 4e-4 * (name in ESTIMATED)
                inside = (low <= true + tolerance) & (true - tolerance <= high)
                results[name, candidate, n] = 100 * inside.mean(), (high - low).mean()
    return results
