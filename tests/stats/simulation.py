"""Simulation of the statistics: error rates under the null, coverage, power.

`python -m tests.stats.simulation` writes the tables of docs/explanation/statistics.md (about ten
minutes on one core); `test_simulation.py` checks the documented numbers.
"""

from itertools import combinations, product
from pathlib import Path

import numpy as np
import pandas as pd

from daf.stats.estimate import EPISODE, SEED, Samples, summarize
from daf.stats.family import test_family
from daf.stats.pair import compare_pair
from daf.stats.robust import estimate_robust

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


def method(scores):
    """Return the samples of a trained policy with scores [seeds, episodes]."""
    cell = pd.DataFrame(np.asarray(scores).T)
    return Samples(SEED, [cell.mean()], {"m": cell}, cell.size, len(cell.columns))


def weights(*scores):
    """Return the samples of a fixed policy with scores [episodes] of each mission."""
    cells = {f"m{index}": pd.DataFrame({"run": values}) for index, values in enumerate(scores)}
    return Samples(EPISODE, [cell["run"] for cell in cells.values()], cells, 0, 0)


def judged(policies, ceiling=None, share=0.05):
    """Test all pairs of the policies as one family."""
    named = [
        ({"a": a, "b": b, "mission": "m"}, compare_pair(policies[a], policies[b], 0.95))
        for a, b in combinations(range(len(policies)), 2)
    ]
    return test_family(named, confidence=0.95, share=share, ceilings={"m": ceiling})


def percent(repeats, happens, *arguments):
    """Return the percentage of repeats in which something happens."""
    return 100 * sum(happens(*arguments) for _ in range(repeats)) / repeats


def some_method_differs(rng, count, seeds, between):
    """Return whether equal methods differ significantly; seeds vary by `between`, episodes by 1."""
    levels = rng.normal(50, 10 * between + 1e-12, (count, seeds, 1))
    scores = levels + rng.normal(0, 10, (count, seeds, EPISODES))
    return any(pair["decided"] for pair in judged([method(part) for part in scores]))


def some_weights_differ(rng, count):
    """Return whether equal fixed policies differ significantly; worlds have half the variance."""
    scores = rng.normal(50, 7, EPISODES) + rng.normal(0, 7, (count, EPISODES))
    return any(pair["decided"] for pair in judged([weights(part) for part in scores]))


def method_differs_from_weights(rng, seeds, between):
    """Return whether a method differs significantly from a fixed policy of the same mean."""
    worlds = rng.normal(50, 7, EPISODES)
    levels = rng.normal(0, 10 * between + 1e-12, (seeds, 1))
    net = method(worlds + levels + rng.normal(0, 7, (seeds, EPISODES)))
    fixed = worlds + rng.normal(0, 7, EPISODES)
    fixed = Samples(EPISODE, [pd.Series(fixed)], {"m": pd.DataFrame(fixed)}, 0, 0)
    return judged([net, fixed])[0]["decided"]


def errors(repeats=800, seed=1):
    """Family-wise errors among equal policies: {(claim, between, policies): percent}."""
    rng, results = np.random.default_rng(seed), {}
    for seeds, between, count in product((5, 10), (0.0, 0.5, 1.0), (2, 4, 6)):
        key = f"methods, {seeds} seeds", between, count
        results[key] = percent(repeats, some_method_differs, rng, count, seeds, between)
    for count in (2, 4, 6):
        key = "weights, 100 episodes", None, count
        results[key] = percent(repeats // 2, some_weights_differ, rng, count)
    for seeds, between in product((5, 10), (0.0, 0.5, 1.0)):
        key = f"method, {seeds} seeds, against weights", between, 2
        results[key] = percent(repeats, method_differs_from_weights, rng, seeds, between)
    return results


def wrongly_equivalent(rng, seeds):
    """Return whether methods that differ by the margin are classified as equivalent."""
    a, b = (method(rng.normal(50 + 5 * i, 3, (seeds, 1))) for i in range(2))
    return judged([a, b], ceiling=100.0)[0]["within_margin"]


def false_equivalence(repeats=1000, seed=2):
    """Return the rate of false equivalence: {seeds: percent}."""
    rng = np.random.default_rng(seed)
    return {seeds: percent(repeats, wrongly_equivalent, rng, seeds) for seeds in SIZES}


def truths(draw):
    """The mean, median and interquartile mean of a distribution, and a chance of improvement."""
    values = np.sort(draw(np.random.default_rng(99), 4_000_000))
    middle = values[1_000_000:3_000_000].mean()
    return {"mean": values.mean(), "median": np.median(values), "iqm": middle}


def intervals(rng, draw, n, shift):
    """One experiment: {interval: (low, high)}, two of n units with means `shift` apart."""
    values = draw(rng, (6, n))
    a, b = method(values[:1].T + shift), method(values[1:2].T)
    three, worlds = weights(*values[2:5]), values[5]
    methods = compare_pair(a, b, 0.95).values
    fixed = compare_pair(weights(values[2] + worlds), weights(values[3] + worlds), 0.95).values
    single, several = (
        summarize(b, 0.95) | estimate_robust(b, 0.95),
        summarize(three, 0.95) | estimate_robust(three, 0.95),
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


def coverage(repeats=1000, seed=3):
    """How often an interval holds the truth: {(interval, scores, units): percent}."""
    rng, results = np.random.default_rng(seed), {}
    for name, draw in DISTRIBUTIONS.items():
        true = truths(draw)
        true |= {f"{key} of 3 missions": value for key, value in true.items()}
        shift = true["mean"] / 2
        a, b = draw(np.random.default_rng(98), (2, 400_000))
        a += shift
        true |= {"difference of methods": shift, "difference of weights": 0.0}
        true |= {"improvement of methods": np.mean(a > b) + np.mean(a == b) / 2}
        true |= {"improvement of weights": 0.5}
        for n in SIZES:
            made = [intervals(rng, draw, n, shift) for _ in range(repeats)]
            for interval, value in true.items():
                if None in made[0][interval]:  # so few units have no such interval
                    continue
                size = 1e-9 * abs(value)
                bounds = np.array([single[interval] for single in made])
                inside = (bounds[:, 0] <= value + size) & (value - size <= bounds[:, 1])
                results[interval, name, n] = 100 * inside.mean()
    return results


def better_method_is_found(rng, count, seeds, effect):
    """Whether the one method that is better by `effect` standard deviations beats the next."""
    means = rng.normal(0, 1, (count, seeds, 1))
    means[0] += effect
    return judged([method(part) for part in means])[0]["decided"]


def better_weights_are_found(rng, episodes, effect):
    """The same of two fixed policies, in standard deviations of the paired differences."""
    worlds = rng.normal(0, 1, episodes)
    better = worlds + rng.normal(effect, 1, episodes)
    return judged([weights(better), weights(worlds)])[0]["decided"]


def power(repeats=200, seed=4):
    """How often a true difference is found: {(claim, effect size, units): percent}."""
    rng, results = np.random.default_rng(seed), {}
    for count, effect, n in product((2, 4), (0.5, 1.0, 2.0, 3.0), SIZES):
        key = f"methods, {count} policies", effect, n
        results[key] = percent(repeats, better_method_is_found, rng, count, n, effect)
    for effect, n in product((0.1, 0.3, 0.5), (16, 64, 256)):
        key = "weights, 2 policies", effect, n
        results[key] = percent(repeats, better_weights_are_found, rng, n, effect)
    return results


def table(head, rows):
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def pivot(results, names, columns):
    """Rows by the first parts of the keys, columns by the last."""
    keys = list(dict.fromkeys(key[:-1] for key in results))
    rows = []
    for key in keys:
        cells = [results.get((*key, column)) for column in columns]
        texts = ["" if cell is None else f"{cell:.1f}" for cell in cells]
        rows.append([*("–" if part is None else part for part in key), *texts])
    return table([*names, *columns], rows)


def main():
    """Write the tables into the document, between its marks."""
    false_positives = false_equivalence()
    made = {
        "errors": pivot(errors(), ["claim about", "between-seed sd"], (2, 4, 6)),
        "equivalence": pivot(
            {("methods", n): p for n, p in false_positives.items()}, ["claim about"], SIZES
        ),
        "coverage": pivot(coverage(), ["interval", "scores"], SIZES),
        "power": pivot(power(), ["claim about", "effect size"], (5, 10, 16, 20, 64, 256)),
    }
    text = DOCUMENT.read_text(encoding="utf-8")
    for name, content in made.items():
        before, tail = text.split(f"<!-- {name} -->\n")
        after = tail.partition(f"<!-- end of {name} -->")[2]
        text = f"{before}<!-- {name} -->\n{content}\n<!-- end of {name} -->{after}"
    DOCUMENT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
