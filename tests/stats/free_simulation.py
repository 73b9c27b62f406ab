"""Simulation of the distribution-free method: candidates, and differences of unlike methods.

`python -m tests.stats.free_simulation` writes three tables of docs/explanation/statistics.md (about
three minutes on one core), with fixed seeds. All repeats of a case are computed together.
"""

import numpy as np

from daf.stats.bounded_mean import dirichlet_mean_upper_tail

from .bounded_simulation import CANDIDATES, LEVEL, SHAPES, simulate_candidates
from .simulation import format_pivot_table, format_table, write_tables

CELLS = 48
WORLDS = 64


def upper_tails(values, grid):
    """Return P(U >= t) of each sample, float64 [R, grid]."""
    completed = np.append(values, np.ones((len(values), 1)), axis=1)[:, None, :]
    return dirichlet_mean_upper_tail(completed, np.broadcast_to(grid, (len(values), len(grid))))


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


def format_candidates(results):
    """Return a table of coverage and width, with rows by shape and columns by interval."""
    candidates = list(dict.fromkeys(candidate for _, candidate, _ in results))
    cells = {(shape, candidate): cell for (shape, candidate, _), cell in results.items()}
    rows = [
        [shape, *("{:.1f} / {:.2f}".format(*cells[shape, candidate]) for candidate in candidates)]
        for shape in dict.fromkeys(shape for shape, _ in cells)
    ]
    return format_table(["scores", *candidates], rows)


def main():
    """Write the tables between the marks of the document."""
    narrow = dict(list(CANDIDATES.items())[:5])
    differences = simulate_differences()
    write_tables(
        {
            "free against weights": format_pivot_table(
                simulate_method_against_weights(), ["values", "between seeds"], (5, 10, 20)
            ),
            "candidates": format_candidates(simulate_candidates(sizes=(10,), candidates=narrow)),
            "free differences": format_pivot_table(
                {key: percent for key, percent in differences.items() if key[0] != key[1]},
                ["a", "b"],
                (5, 10, 20),
            ),
        }
    )


if __name__ == "__main__":
    main()
