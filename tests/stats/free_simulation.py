"""Simulation of the distribution-free results: coverage of differences and family-wise errors.

`python -m tests.stats.free_simulation` writes four tables of docs/explanation/statistics.md (about
six minutes on one core), with fixed seeds. All repeats of a case are computed together.
"""

from itertools import combinations

import numpy as np

from daf.stats.bounded_mean import random_mean_tail

from .bounded_simulation import CANDIDATES, LEVEL, SHAPES, SIZES, simulate_candidates
from .simulation import DOCUMENT, compare_all_pairs, format_table, method_unit_values

CELLS = 48
WORLDS = 64
GAME = (
    "near the ceiling",
    "rare success",
    "all or nothing",
    "one seed in 10 collapses",
    "one seed in 20 collapses",
)
"""Shapes of scores that this game makes."""

FAMILIES = (*GAME, "two modes", "Bernoulli 0.5", "normal")


def upper_tails(values, grid):
    """Return P(U >= t) of each sample, float64 [R, grid]."""
    completed = np.append(values, np.ones((len(values), 1)), axis=1)[:, None, :]
    return random_mean_tail(completed, np.broadcast_to(grid, (len(values), len(grid))))


def melded_p_values(a, b, difference):
    """Return the p-values of "mean a >= mean b + difference", float64 [R]; see `bounded_mean`."""
    grid = np.linspace(max(0, -difference), min(1, 1 - difference), CELLS + 1)
    return meld_tails(upper_tails(a, grid + difference), upper_tails(1 - b, 1 - grid))


def meld_tails(tail, below):
    """Return P(U >= L + difference) from P(U >= t + difference) and P(L <= t), float64 [R]."""
    probabilities, average = np.diff(below, axis=1), (tail[:, 1:] + tail[:, :-1]) / 2
    return below[:, 0] * tail[:, 0] + (probabilities * average).sum(axis=1)


def two_sided_p_values(a, b, difference):
    """Return the two-sided p-values of a difference of means, float64 [R]."""
    sides = melded_p_values(a, b, difference), melded_p_values(b, a, -difference)
    return np.minimum(2 * np.minimum(*sides), 1)


def holm_rejects_any(p_values, level=LEVEL):
    """Return true where the smallest p-value of a family is significant, bool [R]."""
    return np.min(p_values, axis=0) * len(p_values) < level


def simulate_differences(repeats=1000, seed=29, sizes=(5, 10, 20)):
    """Return the coverage of the difference of two methods: {(a, b, n): percent}.

    Each shape is compared with itself and with a method of another shape and twice the seeds.
    """
    results = {}
    names = list(SHAPES)
    means = {
        name: draw(np.random.default_rng(99), (400_000,)).mean() for name, draw in SHAPES.items()
    }
    for index, name in enumerate(names):
        for n in sizes:
            for other, size in ((name, n), (names[index - 4], 2 * n)):
                rng = np.random.default_rng([seed, index, n, size])
                a, b = SHAPES[name](rng, (repeats, n)), SHAPES[other](rng, (repeats, size))
                p = two_sided_p_values(a, b, means[name] - means[other])
                results[name, other, n] = 100 * np.mean(p >= LEVEL)
    return results


def draw_shared_worlds(rng, repeats, seeds, between):
    """Return scores of a method [R, seeds, worlds] and of fixed weights [R, worlds], means 0.5.

    A world is good for the method and bad for the fixed weights, or the reverse; seeds differ by a
    beta distribution whose spread `between` is 0 to 1.
    """
    good = (rng.random((repeats, 1, WORLDS)) < 0.5).astype(float)
    level = np.full((repeats, seeds, 1), 0.5)
    if between:
        level = rng.beta(1 / between - 1, 1 / between - 1, level.shape)
    scores = good * 2 * np.minimum(level, 0.5) + (1 - good) * np.maximum(2 * level - 1, 0)
    return scores, 1 - good[:, 0]


def simulate_method_against_weights(repeats=1000, seed=30, sizes=(5, 10, 20)):
    """Return the coverage against fixed weights on the same worlds: {(worlds, between, n): %}."""
    results = {}
    for n in sizes:
        for between in (0.0, 0.2, 0.8):
            rng = np.random.default_rng([seed, n, int(10 * between)])
            scores, fixed = draw_shared_worlds(rng, repeats, n, between)
            method_worlds = scores[..., 1::2]
            own = np.arange(method_worlds.shape[-1])[None] % n == np.arange(n)[:, None]
            split = (method_worlds * own).sum(axis=-1) / own.sum(axis=-1)
            for name, a, b in (
                ("separate worlds", split, fixed[:, ::2]),
                ("common worlds", scores.mean(axis=-1), fixed),
            ):
                p = two_sided_p_values(a, b, 0.0)
                results[name, between, n] = 100 * np.mean(p >= LEVEL)
    return results


def all_pairs_p_values(values):
    """Return the two-sided p-values of equal means of all pairs, float64 [pairs, R]."""
    grid = np.linspace(0, 1, CELLS + 1)
    tails = [upper_tails(sample, grid) for sample in values]
    below = [upper_tails(1 - sample, 1 - grid) for sample in values]
    return [
        2 * np.minimum(meld_tails(tails[i], below[j]), meld_tails(tails[j], below[i]))
        for i, j in combinations(range(len(values)), 2)
    ]


def simulate_families(repeats=400, model_repeats=150, seed=31, sizes=(5, 10)):
    """Return family-wise errors of 4 equal methods: {(shape, grade, n): percent}."""
    results = {}
    for name in FAMILIES:
        for n in sizes:
            rng = np.random.default_rng([seed, list(SHAPES).index(name), n])
            values = SHAPES[name](rng, (4, repeats, n))
            free = holm_rejects_any(all_pairs_p_values(values))
            results[name, "distribution-free", n] = 100 * free.mean()
            errors = [
                any(
                    pair["decided"]
                    for pair in compare_all_pairs([method_unit_values(v[:, None]) for v in sample])
                )
                for sample in values[:, :model_repeats].swapaxes(0, 1)
            ]
            results[name, "model-based", n] = 100 * np.mean(errors)
            either = free[:model_repeats] | np.array(errors)
            results[name, "either", n] = 100 * either.mean()
    return results


def format_rows(results, head, sizes, text):
    """Return a table with rows by the first two parts of the keys and columns by the last."""
    keys = list(dict.fromkeys(key[:2] for key in results))
    rows = [[*key, *(text(results[(*key, n)]) for n in sizes)] for key in keys]
    return format_table([*head, *sizes], rows)


def main():
    """Write the tables between the marks of the document."""
    percent = "{:.1f}".format
    narrow = dict(list(CANDIDATES.items())[:5])
    tables = {
        "free families": lambda: format_rows(
            simulate_families(), ["scores", "grade"], (5, 10), percent
        ),
        "free against weights": lambda: format_rows(
            simulate_method_against_weights(), ["values", "between seeds"], (5, 10, 20), percent
        ),
        "candidates": lambda: format_rows(
            simulate_candidates(candidates=narrow),
            ["scores", "interval"],
            SIZES,
            lambda cell: f"{cell[0]:.1f} / {cell[1]:.2f}",
        ),
        "free differences": lambda: format_rows(
            simulate_differences(), ["a", "b"], (5, 10, 20), percent
        ),
    }
    for name, simulate in tables.items():
        content = simulate()
        before, tail = DOCUMENT.read_text(encoding="utf-8").split(f"<!-- {name} -->\n")
        after = tail.partition(f"<!-- end of {name} -->")[2]
        text = f"{before}<!-- {name} -->\n{content}\n<!-- end of {name} -->{after}"
        DOCUMENT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
