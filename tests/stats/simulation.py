"""Simulation of the statistics: error rates under the null, coverage, power.

`python -m tests.stats.simulation` writes the tables of docs/explanation/statistics.md (about ten
minutes on one core); `test_simulation.py` checks the documented numbers.
"""

from itertools import combinations, product
from pathlib import Path

import numpy as np
import pandas as pd

from daf.stats.estimate import EPISODE, SEED, UnitValues, estimate_unit_values_mean
from daf.stats.family import NamedPair, test_family
from daf.stats.pair import compare_pair
from daf.stats.robust import estimate_median_and_iqm

DOCUMENT = Path(__file__).parents[2] / "docs" / "explanation" / "statistics.md"
EPISODES = 100
SIZES = (5, 10, 20)

DISTRIBUTIONS = {
    "normal": lambda rng, shape: rng.normal(50, 10, shape),
    "skewed": lambda rng, shape: rng.gamma(4, 5, shape),
    "very skewed": lambda rng, shape: rng.exponential(20, shape),
    "zero-inflated": lambda rng, shape: rng.normal(50, 10, shape) * (rng.random(shape) >= 0.3),
}
"""Skewness 0, 1, 2; three zeros in ten."""


def method_unit_values(scores):
    """Return the unit values of a trained policy with scores [seeds, episodes]."""
    cell = pd.DataFrame(np.asarray(scores).T)
    return UnitValues(SEED, [cell.mean()], {"m": cell}, cell.size, len(cell.columns))


def weights_unit_values(*scores):
    """Return the unit values of a fixed policy with scores [episodes] of each mission."""
    cells = {f"m{index}": pd.DataFrame({"run": values}) for index, values in enumerate(scores)}
    return UnitValues(EPISODE, [cell["run"] for cell in cells.values()], cells, 0, 0)


def compare_all_pairs(policies, ceiling=None, share=0.05):
    """Test all pairs of the policies as one family."""
    named = [
        NamedPair(a, b, "m", compare_pair(policies[a], policies[b], 0.95))
        for a, b in combinations(range(len(policies)), 2)
    ]
    return test_family(named, confidence=0.95, margin_fraction=share, ceilings={"m": ceiling})


def estimate_percentage(repeats, event, *arguments):
    """Return the percentage of repeats in which `event(*arguments)` is true."""
    return 100 * sum(event(*arguments) for _ in range(repeats)) / repeats


def rejects_equal_methods(rng, count, seeds, between):
    """Return true if equal methods differ significantly; seeds vary by `between`, episodes by 1."""
    levels = rng.normal(50, 10 * between + 1e-12, (count, seeds, 1))
    scores = levels + rng.normal(0, 10, (count, seeds, EPISODES))
    return any(
        pair["decided"] for pair in compare_all_pairs([method_unit_values(part) for part in scores])
    )


def rejects_equal_weights(rng, count):
    """Return true if equal fixed policies differ significantly; worlds have half the variance."""
    scores = rng.normal(50, 7, EPISODES) + rng.normal(0, 7, (count, EPISODES))
    return any(
        pair["decided"]
        for pair in compare_all_pairs([weights_unit_values(part) for part in scores])
    )


def rejects_method_equal_to_weights(rng, seeds, between):
    """Return true if a method differs significantly from a fixed policy of the same mean."""
    worlds = rng.normal(50, 7, EPISODES)
    levels = rng.normal(0, 10 * between + 1e-12, (seeds, 1))
    net = method_unit_values(worlds + levels + rng.normal(0, 7, (seeds, EPISODES)))
    fixed = worlds + rng.normal(0, 7, EPISODES)
    fixed = UnitValues(EPISODE, [pd.Series(fixed)], {"m": pd.DataFrame(fixed)}, 0, 0)
    return compare_all_pairs([net, fixed])[0]["decided"]


def simulate_errors(repeats=800, seed=1):
    """Family-wise errors among equal policies: {(claim, between, policies): percent}."""
    rng, results = np.random.default_rng(seed), {}
    for seeds, between, count in product((5, 10), (0.0, 0.5, 1.0), (2, 4, 6)):
        key = f"methods, {seeds} seeds", between, count
        results[key] = estimate_percentage(
            repeats, rejects_equal_methods, rng, count, seeds, between
        )
    for count in (2, 4, 6):
        key = "weights, 100 episodes", None, count
        results[key] = estimate_percentage(repeats // 2, rejects_equal_weights, rng, count)
    for seeds, between in product((5, 10), (0.0, 0.5, 1.0)):
        key = f"method, {seeds} seeds, against weights", between, 2
        results[key] = estimate_percentage(
            repeats, rejects_method_equal_to_weights, rng, seeds, between
        )
    return results


def accepts_false_equivalence(rng, seeds):
    """Return true if methods that differ by the margin are classified as equivalent."""
    a, b = (method_unit_values(rng.normal(50 + 5 * i, 3, (seeds, 1))) for i in range(2))
    return compare_all_pairs([a, b], ceiling=100.0)[0]["within_margin"]


def simulate_false_equivalence(repeats=1000, seed=2):
    """Return the rate of false equivalence: {seeds: percent}."""
    rng = np.random.default_rng(seed)
    return {
        seeds: estimate_percentage(repeats, accepts_false_equivalence, rng, seeds)
        for seeds in SIZES
    }


def true_values(draw):
    """Return the mean, median and interquartile mean of a distribution."""
    values = np.sort(draw(np.random.default_rng(99), 4_000_000))
    middle = values[1_000_000:3_000_000].mean()
    return {"mean": values.mean(), "median": np.median(values), "iqm": middle}


def simulate_intervals(rng, draw, n, shift):
    """Return {interval: (low, high)} of one experiment; two means of n units differ by `shift`."""
    values = draw(rng, (6, n))
    a, b = method_unit_values(values[:1].T + shift), method_unit_values(values[1:2].T)
    three, worlds = weights_unit_values(*values[2:5]), values[5]
    methods = compare_pair(a, b, 0.95).difference_statistics
    fixed = compare_pair(
        weights_unit_values(values[2] + worlds), weights_unit_values(values[3] + worlds), 0.95
    ).difference_statistics
    single, several = (
        estimate_unit_values_mean(b, 0.95) | estimate_median_and_iqm(b, 0.95),
        estimate_unit_values_mean(three, 0.95) | estimate_median_and_iqm(three, 0.95),
    )
    results = {}
    for name, parts in (("", single), (" of 3 missions", several)):
        results[f"mean{name}"] = parts["low"], parts["high"]
        for key in ("median", "iqm"):
            results[f"{key}{name}"] = parts[f"{key}_low"], parts[f"{key}_high"]
    for name, pair in (("methods", methods), ("weights", fixed)):
        results[f"difference of {name}"] = pair["low"], pair["high"]
        results[f"improvement of {name}"] = pair["improvement_low"], pair["improvement_high"]
    return results


def simulate_coverage(repeats=1000, seed=3):
    """Return the coverage of each interval: {(interval, scores, units): percent}."""
    rng, results = np.random.default_rng(seed), {}
    for name, draw in DISTRIBUTIONS.items():
        true = true_values(draw)
        true |= {f"{key} of 3 missions": value for key, value in true.items()}
        shift = true["mean"] / 2
        a, b = draw(np.random.default_rng(98), (2, 400_000))
        a += shift
        true |= {"difference of methods": shift, "difference of weights": 0.0}
        true |= {"improvement of methods": np.mean(a > b) + np.mean(a == b) / 2}
        true |= {"improvement of weights": 0.5}
        for n in SIZES:
            samples = [simulate_intervals(rng, draw, n, shift) for _ in range(repeats)]
            for interval, value in true.items():
                if None in samples[0][interval]:  # too few units for this interval
                    continue
                size = 1e-9 * abs(value)
                bounds = np.array([single[interval] for single in samples])
                inside = (bounds[:, 0] <= value + size) & (value - size <= bounds[:, 1])
                results[interval, name, n] = 100 * inside.mean()
    return results


def detects_better_method(rng, count, seeds, effect):
    """Return true if the test detects a method that is better by `effect` standard deviations."""
    means = rng.normal(0, 1, (count, seeds, 1))
    means[0] += effect
    return compare_all_pairs([method_unit_values(part) for part in means])[0]["decided"]


def detects_better_weights(rng, episodes, effect):
    """Return true if the test detects a better fixed policy.

    `effect` is in standard deviations of the paired differences.
    """
    worlds = rng.normal(0, 1, episodes)
    better = worlds + rng.normal(effect, 1, episodes)
    return compare_all_pairs([weights_unit_values(better), weights_unit_values(worlds)])[0][
        "decided"
    ]


def simulate_power(repeats=200, seed=4):
    """Return the power of the tests: {(claim, effect size, units): percent}."""
    rng, results = np.random.default_rng(seed), {}
    for count, effect, n in product((2, 4), (0.5, 1.0, 2.0, 3.0), SIZES):
        key = f"methods, {count} policies", effect, n
        results[key] = estimate_percentage(repeats, detects_better_method, rng, count, n, effect)
    for effect, n in product((0.1, 0.3, 0.5), (16, 64, 256)):
        key = "weights, 2 policies", effect, n
        results[key] = estimate_percentage(repeats, detects_better_weights, rng, n, effect)
    return results


def format_table(head, rows):
    """Return a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def format_pivot_table(results, names, columns):
    """Return a table with rows by the first parts of the keys and columns by the last."""
    keys = list(dict.fromkeys(key[:-1] for key in results))
    rows = []
    for key in keys:
        cells = [results.get((*key, column)) for column in columns]
        texts = ["" if cell is None else f"{cell:.1f}" for cell in cells]
        rows.append([*("–" if part is None else part for part in key), *texts])
    return format_table([*names, *columns], rows)


def write_tables(tables):
    """Write tables between their marks of the document: {name: text}."""
    text = DOCUMENT.read_text(encoding="utf-8")
    for name, content in tables.items():
        before, tail = text.split(f"<!-- {name} -->\n")
        after = tail.partition(f"<!-- end of {name} -->")[2]
        text = f"{before}<!-- {name} -->\n{content}\n<!-- end of {name} -->{after}"
    DOCUMENT.write_text(text, encoding="utf-8")


def main():
    """Write the tables between the marks of the document."""
    false_positives = simulate_false_equivalence()
    tables = {
        "errors": format_pivot_table(
            simulate_errors(), ["claim about", "between-seed sd"], (2, 4, 6)
        ),
        "equivalence": format_pivot_table(
            {("methods", n): p for n, p in false_positives.items()}, ["claim about"], SIZES
        ),
        "coverage": format_pivot_table(simulate_coverage(), ["interval", "scores"], SIZES),
        "power": format_pivot_table(
            simulate_power(), ["claim about", "effect size"], (5, 10, 16, 20, 64, 256)
        ),
    }
    write_tables(tables)


if __name__ == "__main__":
    main()
