"""Simulation from episode tables: coverage, widths and family-wise errors on shapes of this game.

`python -m tests.stats.game_simulation` writes two tables of docs/explanation/statistics.md (about
30 minutes on one core), with fixed seeds. Every repeat passes through the functions of `analyse`
that estimate and compare. Many repeats are missions of one table, each with its own seeds and
worlds.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from daf.stats.analyse import _compare_policies
from daf.stats.distribution_free import compare_distribution_free, estimate_distribution_free
from daf.stats.episode_table import check_and_sort_episodes
from daf.stats.evaluations import group_by_policy_and_mission
from daf.stats.grades import BETTER, WORSE
from daf.stats.policy_estimates import _estimate_mean_within_bounds
from daf.stats.training_variation import SOLVED_SHARE, count_solving_seeds, predict_future_seed

from .simulation import format_pivot_table, format_table, write_tables

SIZES = (5, 10, 20)
EPISODES = 64
BATCH = 20


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


def draw_atoms(points, chances):
    """Return the draw of seeds that score one of some points in every episode."""

    def draw(rng, shape, episodes):
        return np.repeat(rng.choice(points, size=(*shape, 1), p=chances), episodes, axis=-1)

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


def episode_columns(policy, mission, scores, first_seed=None):
    """Return the columns of an episode table for scores [seeds, episodes]; None: fixed policy.

    Episodes without a score are left out.
    """
    seeds, episodes = scores.shape
    numbers = np.arange(seeds) + (first_seed or 0)
    trained = first_seed is not None
    names = [f"{policy}-s{seed}" for seed in numbers] if trained else [policy]
    return pd.DataFrame(
        {
            "policy": policy,
            "run": np.repeat(names, episodes),
            "training_seed": pd.array(
                np.repeat(numbers, episodes) if trained else [None] * episodes, dtype="Int64"
            ),
            "mission": mission,
            "episode": np.tile(np.arange(episodes), seeds),
            "world_seed": np.tile(np.arange(episodes), seeds),
            "score": scores.ravel(),
        }
    ).dropna(subset="score")


def group_repeats(scores_by_policy, ceiling):
    """Group the episodes of some repeats; each repeat is one mission with its own seeds.

    Args:
        scores_by_policy: scores [repeats, seeds, episodes]; [repeats, 1, episodes] is a fixed
            policy.
        ceiling: ceiling of every mission.
    """
    parts, ceilings = [], {}
    for policy, scores in scores_by_policy.items():
        for repeat, table in enumerate(scores):
            first_seed = 1000 * repeat if len(table) > 1 else None
            mission = f"m{repeat:03d}"
            parts.append(episode_columns(policy, mission, table, first_seed))
            ceilings[mission] = ceiling
    table = pd.concat(parts, ignore_index=True)
    return group_by_policy_and_mission(check_and_sort_episodes(table), ceilings)


def compare_repeats(data, against=None):
    """Return the comparisons of each repeat, one family of tests per repeat."""
    return [
        _compare_policies(data, {mission: by_policy}, confidence=0.95, against=against, margin=0.05)
        for mission, by_policy in data.unit_values_by_mission.items()
    ]


def estimate_repeats(data, policy):
    """Return the estimated mean of a policy in each repeat, with both intervals."""
    return [
        _estimate_mean_within_bounds(data, mission, policy, by_policy[policy], 0.95)
        | {
            "distribution_free": estimate_distribution_free(
                data.score_shares[mission][policy], 0.95
            )
        }
        for mission, by_policy in data.unit_values_by_mission.items()
    ]


def measure_coverage(results, true, ceiling):
    """Return coverage in percent and mean width as a share of the ceiling, of both grades.

    A grade without an interval has None.

    Args:
        results: estimates or comparisons with `low`, `high` and `distribution_free`.
        true: true value.
        ceiling: ceiling of the mission.
    """
    cells: list[Any] = []
    for items in (results, [item["distribution_free"] for item in results]):
        bounds = np.array([(item["low"], item["high"]) for item in items], dtype=float)
        if np.isnan(bounds).any():
            cells += [None, None]
            continue
        inside = (bounds[:, 0] <= true + 1e-9) & (true - 1e-9 <= bounds[:, 1])
        cells += [100 * inside.mean(), float(np.ptp(bounds, axis=1).mean()) / ceiling]
    return tuple(cells)


def simulate_intervals(repeats=1000, seed=41, sizes=SIZES, shapes=SHAPES, other_size=None):
    """Return coverage and width of both grades: {(shape, result, n): see `measure_coverage`}.

    The results are the mean of a method, the difference of two equal methods, and the difference to
    a fixed policy on the same worlds with the same mean.

    Args:
        repeats: repeats of each case.
        seed: seed of the simulation.
        sizes: seeds of the first method.
        shapes: distributions of the scores.
        other_size: seeds of the second method; as many as of the first by default.
    """
    measured = {}
    for index, (name, shape) in enumerate(shapes.items()):
        for n in sizes:
            rng = np.random.default_rng([seed, index, n])
            means, methods, mixed = [], [], []
            for _ in range(repeats // BATCH):
                scores = {
                    policy: shape.draw(rng, (BATCH, size), EPISODES)
                    for policy, size in (("a", n), ("b", other_size or n))
                }
                scores["fixed"] = shape.draw(rng, (BATCH, EPISODES), 1)[..., 0][:, None]
                data = group_repeats(scores, shape.ceiling)
                means += estimate_repeats(data, "a")
                for pairs in compare_repeats(data, against="a"):
                    methods += [pair for pair in pairs if pair["b"] == "b"]
                    mixed += [pair for pair in pairs if pair["b"] == "fixed"]
            for result, items, true in (
                ("mean", means, shape.mean),
                ("difference of methods", methods, 0.0),
                ("method against weights", mixed, 0.0),
            ):
                measured[name, result, n] = measure_coverage(items, true, shape.ceiling)
    return measured


def is_decided(result):
    """Return true if a result calls one policy better."""
    return result["outcome"] in (BETTER, WORSE)


def simulate_families(repeats=400, seed=43, sizes=SIZES, shapes=SHAPES):
    """Return family-wise errors of 4 equal methods: {(shape, grade, n): percent}."""
    results = {}
    for index, (name, shape) in enumerate(shapes.items()):
        for n in sizes:
            rng = np.random.default_rng([seed, index, n])
            families = []
            for _ in range(repeats // BATCH):
                scores = {policy: shape.draw(rng, (BATCH, n), EPISODES) for policy in "abcd"}
                families += compare_repeats(group_repeats(scores, shape.ceiling))
            for grade, key in (("model-based", None), ("distribution-free", "distribution_free")):
                errors = [
                    any(is_decided(pair[key] if key else pair) for pair in f) for f in families
                ]
                results[name, grade, n] = 100 * float(np.mean(errors))
    return results


def draw_two_missions(rng, seeds, is_separate):
    """Return the episodes of one method on missions with ceilings 99 and 2, by mission.

    One seed solves both missions or none, or each mission has its own seeds; the second mission
    then has twice as many.
    """
    solved = rng.random((seeds, 1)) < 0.7
    rooms = solved * (99.0 - rng.binomial(99, 0.02, (seeds, EPISODES)))
    if is_separate:
        solved = rng.random((2 * seeds, 1)) < 0.7
    return {"room": rooms, "hall": rng.binomial(2, 0.8 * solved, (len(solved), EPISODES)) * 1.0}


def simulate_overall(repeats=300, seed=44, sizes=SIZES):
    """Return coverage of overall results of two missions: {(seeds, result, n): percent}.

    The distribution-free results of `draw_two_missions`: mean, difference of equal methods.
    """
    true, results = 0.7 * (0.98 + 0.8) / 2, {}
    for is_separate in (False, True):
        for n in sizes:
            rng = np.random.default_rng([seed, is_separate, n])
            inside = []
            for _ in range(repeats):
                scores = {policy: draw_two_missions(rng, n, is_separate) for policy in "ab"}
                first_seeds = {"room": 0, "hall": 1000 * is_separate}
                parts = [
                    episode_columns(policy, mission, table, first_seeds[mission])
                    for policy, missions in scores.items()
                    for mission, table in missions.items()
                ]
                table = check_and_sort_episodes(pd.concat(parts, ignore_index=True))
                data = group_by_policy_and_mission(table, {"room": 99.0, "hall": 2.0})
                shares = data.score_shares[None]
                mean = estimate_distribution_free(shares["a"], 0.95)
                free = compare_distribution_free(shares["a"], shares["b"], 0.95)
                inside.append(
                    (mean["low"] <= true <= mean["high"], free["low"] <= 0 <= free["high"])
                )
            seeds = "separate seeds" if is_separate else "common seeds"
            for result, covered in zip(("mean", "difference"), np.mean(inside, axis=0)):
                results[seeds, result, n] = 100 * float(covered)
    return results


def simulate_training_variation(repeats=4000, seed=45, sizes=(5, 20, 40), shapes=SHAPES):
    """Return coverage of results about single seeds: {(shape, result, n): percent}.

    The results are the interval of the next seed (None if there is none) and the interval of the
    share of solving seeds.
    """
    results = {}
    for index, (name, shape) in enumerate(shapes.items()):
        rng = np.random.default_rng([seed, index])
        many = shape.draw(rng, (200_000,), EPISODES).mean(axis=-1)
        share = np.mean(many >= SOLVED_SHARE * shape.ceiling * (1 - 1e-12))
        for n in sizes:
            means = shape.draw(rng, (repeats, n + 1), EPISODES).mean(axis=-1)
            future, solving = [], []
            for *seeds, following in means:
                interval = predict_future_seed(seeds, shape.ceiling, 0.95)
                if interval["low"] is not None:
                    future.append(interval["low"] <= following <= interval["high"])
                interval = count_solving_seeds(seeds, shape.ceiling, 0.95, SOLVED_SHARE)
                solving.append(interval["low"] <= share <= interval["high"])
            results[name, "next seed", n] = 100 * float(np.mean(future)) if future else None
            results[name, "solving seeds", n] = 100 * float(np.mean(solving))
    return results


def format_intervals(results, sizes=SIZES):
    """Return a table of coverage and width of both grades, with two columns for each size."""
    rows = []
    for shape, result in dict.fromkeys(key[:2] for key in results):
        grades = [results[shape, result, n] for n in sizes]
        cells = [cells[i : i + 2] for cells in grades for i in (0, 2)]
        rows.append([shape, result, *("{:.1f} / {:.3f}".format(*cell) for cell in cells)])
    heads = [f"{n}: {grade}" for n in sizes for grade in ("model", "free")]
    return format_table(["scores", "result", *heads], rows)


def main():
    """Write the tables between the marks of the document."""
    write_tables(
        {
            "game intervals": format_intervals(
                simulate_intervals(1000, seed=41, shapes=MODEL_SHAPES)
                | simulate_intervals(400, seed=42, shapes=MEASURED_SHAPES)
            ),
            "game families": format_pivot_table(simulate_families(), ["scores", "grade"], SIZES),
        }
    )


if __name__ == "__main__":
    main()
