"""Simulation from episode tables: coverage, widths and family-wise errors on shapes of this game.

`python -m tests.stats.game_simulation` writes two tables of docs/explanation/statistics.md (about
30 minutes on one core), with fixed seeds. Every repeat passes through the functions of `analyse`
that estimate and compare. Many repeats are missions of one table, each with its own seeds and
worlds.
"""

from typing import Any

import numpy as np
import pandas as pd

from daf.stats.analyse import compare_policies
from daf.stats.distribution_free import compare_distribution_free, estimate_distribution_free
from daf.stats.episode_table import check_and_sort_episodes
from daf.stats.evaluations import group_by_policy_and_mission
from daf.stats.grades import BETTER, WORSE
from daf.stats.policy_estimates import estimate_mean_with_clipped_interval
from daf.stats.training_variation import SOLVED_SHARE, count_solving_seeds, predict_future_seed

from .game_shapes import MEASURED_SHAPES, MODEL_SHAPES, SHAPES
from .simulation import format_pivot_table, format_table, write_tables

SIZES = (5, 10, 20)
EPISODES = 64
BATCH = 20


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
        compare_policies(
            data, {mission: by_policy}, confidence=0.95, against=against, margin_fraction=0.05
        )
        for mission, by_policy in data.unit_values_by_mission.items()
    ]


def estimate_repeats(data, policy):
    """Return the estimated mean of a policy in each repeat, with both intervals."""
    return [
        estimate_mean_with_clipped_interval(
            by_policy[policy], data.shares_by_mission_and_policy[mission][policy], 0.95
        )
        | {
            "distribution_free": estimate_distribution_free(
                data.shares_by_mission_and_policy[mission][policy], 0.95
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
                shares = data.shares_by_mission_and_policy[None]
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
