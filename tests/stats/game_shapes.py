"""Shapes of the scores of training seeds: models, measured seeds, and shapes of no mission."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Shape(NamedTuple):
    """Distribution of the scores of one method on one mission.

    Attributes:
        ceiling: ceiling of the mission, in hearts.
        mean: mean score of the method, in hearts.
        draw: function of a generator, the axes of seeds and the number of episodes; scores [seeds,
            episodes].
    """

    ceiling: float
    mean: float
    draw: Callable[[np.random.Generator, tuple[int, ...], int], np.ndarray]


def near_ceiling(rng, shape, episodes):
    """99 less a skewed shortfall that varies by seed, whole hearts."""
    shortfall = rng.gamma(1.0, 1.5, (*shape, 1))
    lost = rng.poisson(shortfall * rng.gamma(1.0, 1.0, (*shape, episodes)))
    return 99.0 - np.minimum(lost, 99)


def rare_success(rng, shape, episodes):
    """0 to 2 hearts; the chance differs by seed, most seeds near 0."""
    chance = rng.beta(0.15, 1.35, (*shape, 1))
    return rng.binomial(2, chance, (*shape, episodes)).astype(float)


def all_or_nothing(rng, shape, episodes):
    """7 of 10 seeds solve the mission, the others never score."""
    solved = rng.random((*shape, 1)) < 0.7
    return solved * (99 - rng.gamma(2.0, 0.5, (*shape, episodes)).clip(0, 20))


def collapse(rng, shape, episodes):
    """Scores near 94 of 99 hearts; 1 seed in 10 collapses to near 0."""
    level = 0.95 + 0.02 * rng.standard_normal((*shape, 1)).clip(-2.5, 2.5)
    collapsed = 0.02 * rng.random((*shape, 1))
    level = np.where(rng.random((*shape, 1)) < 0.1, collapsed, level)
    return rng.binomial(99, level, (*shape, episodes)).astype(float)


def draw_atoms(points, probabilities):
    """Return the draw of seeds that score one of some points in every episode."""

    def draw(rng, shape, episodes):
        return np.repeat(rng.choice(points, size=(*shape, 1), p=probabilities), episodes, axis=-1)

    return draw


def mostly_tiny(rng, shape, episodes):
    """Up to 1 % of the ceiling; 1 seed in 50 is at the ceiling."""
    tiny = 0.01 * rng.random((*shape, episodes))
    return np.where(rng.random((*shape, 1)) < 0.02, 1.0, tiny)


def extreme_beta(rng, shape, episodes):
    """Beta distribution with both parameters 0.05, all episodes of a seed equal."""
    return np.repeat(rng.beta(0.05, 0.05, (*shape, 1)), episodes, axis=-1)


def unequal_episodes(rng, shape, episodes):
    """Episodes of 0 or 1 with a chance by seed; seeds have 1 to all episodes."""
    chance = rng.beta(0.5, 0.5, (*shape, 1))
    scores = (rng.random((*shape, episodes)) < chance).astype(float)
    number = np.ceil(episodes * rng.random((*shape, 1)) ** 3)
    return np.where(np.arange(episodes) < number, scores, np.nan)


LSTM_HALL = (
    {1: 2, 2: 62},
    {0: 1, 1: 1, 2: 62},
    {1: 4, 2: 60},
    {1: 6, 2: 58},
    {1: 6, 2: 58},
    {1: 4, 2: 60},
    {1: 7, 2: 57},
    {0: 1, 1: 6, 2: 57},
    {1: 7, 2: 57},
    {1: 10, 2: 54},
)
"""Episodes by score of 10 seeds of `lstm` on training_facility_1; they follow from the means of
docs/measurements/reference_policies.md."""


LSTM_ROOM = (
    {92: 1, 97: 5, 98: 39, 99: 19},
    {91: 1, 92: 5, 93: 15, 94: 16, 95: 15, 96: 11, 97: 1},
    {97: 1, 98: 9, 99: 54},
    {97: 5, 98: 26, 99: 33},
    {86: 1, 89: 4, 90: 8, 91: 7, 92: 20, 93: 15, 94: 8, 95: 1},
)
"""Episodes by score of the 5 seeds of `lstm` on assembler_2 in the default benchmark
(`snakemake benchmark_report`, 2026-11-30)."""


STATELESS_ROOM = (
    {99: 64},
    {96: 1, 97: 2, 98: 38, 99: 23},
    {98: 1, 99: 63},
    {98: 1, 99: 63},
    {98: 1, 99: 63},
    {99: 64},
    {99: 64},
    {98: 9, 99: 55},
    {98: 2, 99: 62},
    {99: 64},
)
"""Episodes by score of the ten seeds of `stateless` on assembler_2, with the settings of
config/reference.yaml (2026-11-30)."""


def resample(ceiling, episodes_by_score):
    """Return the shape of a method whose seeds are drawn with replacement from measured ones.

    Args:
        ceiling: ceiling of the mission.
        episodes_by_score: {score: episodes} of each measured seed.
    """
    scores = [np.repeat(list(seed.keys()), list(seed.values())) for seed in episodes_by_score]
    size = min(map(len, scores))
    assert all(len(seed) == size for seed in scores)
    table = np.array(scores, dtype=float)

    def draw(rng, shape, episodes):
        seeds = rng.integers(len(table), size=(*shape, 1))
        return table[seeds, rng.integers(size, size=(*shape, episodes))]

    return Shape(ceiling, float(table.mean()), draw)


MODEL_SHAPES = {
    "near the ceiling": Shape(99.0, 97.5, near_ceiling),
    "rare success": Shape(2.0, 0.2, rare_success),
    "all or nothing": Shape(99.0, 0.7 * 98, all_or_nothing),
    "one seed in 10 collapses": Shape(99.0, 99 * (0.9 * 0.95 + 0.1 * 0.01), collapse),
}
"""Models of shapes of this game."""

MEASURED_SHAPES = {
    "`lstm`, training_facility_1": resample(2.0, LSTM_HALL),
    "`lstm`, assembler_2": resample(99.0, LSTM_ROOM),
    "`stateless`, assembler_2": resample(99.0, STATELESS_ROOM),
}
"""Measured seeds of trained policies, drawn with replacement."""

SHAPES = {**MODEL_SHAPES, **MEASURED_SHAPES}

IRRATIONAL = (1 / np.pi, 1 / np.e, 1 / np.sqrt(2))

UGLY_SHAPES = {
    "one end, 1 seed in 25 in the middle": Shape(1.0, 0.98, draw_atoms([0.5, 1.0], [0.04, 0.96])),
    "the ends, 1 seed in 50 in the middle": Shape(
        1.0, 0.5, draw_atoms([0.0, 0.5, 1.0], [0.49, 0.02, 0.49])
    ),
    "atoms at irrational shares": Shape(
        1.0, float(np.dot(IRRATIONAL, (0.1, 0.2, 0.7))), draw_atoms(IRRATIONAL, [0.1, 0.2, 0.7])
    ),
    "1 % of the ceiling, 1 seed in 50 at it": Shape(1.0, 0.0249, mostly_tiny),
    "beta(0.05, 0.05)": Shape(1.0, 0.5, extreme_beta),
    "unequal numbers of episodes": Shape(1.0, 0.5, unequal_episodes),
}
"""Shapes that no mission has shown."""
