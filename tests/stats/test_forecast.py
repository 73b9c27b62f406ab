"""Forecasts of the number of units that would decide a comparison."""

import numpy as np
import pytest

from daf.stats.analyse import analyse
from daf.stats.estimate import ErrorTerm
from daf.stats.forecast import MAX_GROWTH, round_up_count
from daf.stats.power import find_sufficient_sample_size
from tests.stats.episodes import rows, table, trained


def methods(x, y):
    return table(*(
        trained(name, "m", {seed: [value, value] for seed, value in enumerate(values)})
        for name, values in (("a", x), ("b", y))
    ))  # fmt: skip


def test_forecast_of_two_methods_is_a_range_around_the_power_of_the_observed_difference():
    pair = analyse(methods([1.0, 3, 2, 4, 5], [3.2, 5.2, 4.2, 6.2, 6.7]))["comparisons"][0]
    assert pair["outcome"] == "undecided"
    low, high = pair["forecast"]["training_seeds"]
    assert pair["forecast"]["episodes"] is None and pair["forecast_note"] is None
    needed = find_sufficient_sample_size(
        pair["difference"],
        [ErrorTerm(np.var(x, ddof=1) / 5, 4) for x in ([1, 3, 2, 4, 5], [3.2, 5.2, 4.2, 6.2, 6.7])],
        5,
        0.05,
    )
    assert 5 < low < needed < high <= MAX_GROWTH * 5
    assert pair["verdict"] == (
        f"a and b: undecided; about {low} to {high} training seeds per policy in all may decide it"
    )
    assert (
        f"(about {low} to {high} training seeds per policy in all may decide it)"
        in (analyse(methods([1.0, 3, 2, 4, 5], [3.2, 5.2, 4.2, 6.2, 6.7]))["verdict"])
    )


def test_forecast_is_at_least_the_smaller_number_of_seeds():
    """Unequal numbers: both policies have at least the forecast number."""
    x, y = [1.0, 3, 2, 4, 5, 1, 3, 2, 4, 5], [3.3, 5.3, 4.3, 6.3, 4.7, 2.9]
    low, high = analyse(methods(x, y))["comparisons"][0]["forecast"]["training_seeds"]
    assert 6 < low < high


def test_uncertain_difference_has_no_forecast():
    pair = analyse(methods([1.0, 3, 2, 4, 5], [2.0, 3, 2, 4, 5]))["comparisons"][0]
    assert (pair["outcome"], pair["forecast"]) == ("undecided", None)
    assert pair["forecast_note"] == "the observed difference is too uncertain for a forecast"


def test_forecast_against_fixed_weights_scales_both_units():
    a = trained("a", "m", {seed: [v] * 16 for seed, v in enumerate([1.0, 3, 2, 4, 5])})
    pair = analyse(table(a, rows("c", "m", [4.7, 4.9] * 8)))["comparisons"][0]
    seeds, episodes = pair["forecast"]["training_seeds"], pair["forecast"]["episodes"]
    assert 5 < seeds[0] < seeds[1] <= 50
    assert episodes[0] >= 3 * seeds[0] and episodes[1] >= 3 * seeds[1]
    assert pair["verdict"].endswith(
        f"about {seeds[0]} to {seeds[1]} training seeds and {episodes[0]} to {episodes[1]} "
        "episodes per mission in all may decide it"
    )


def test_decided_and_untested_pairs_have_no_forecast():
    decided = analyse(methods([1.0, 3, 2, 4, 5], [21.0, 23, 22, 24, 25]))["comparisons"][0]
    untested = analyse(methods([1.0, 3], [2.0, 4]))["comparisons"][0]
    for pair in (decided, untested):
        assert pair["forecast"] is pair["forecast_note"] is None


def test_without_variation_the_permutation_test_sets_the_number():
    """5 seeds against 5 reach 2 / 252 and 6 against 6 reach 2 / 924; ten pairs need 0.005."""
    parts = [trained(f"p{i}", "m", {s: [float(i)] * 2 for s in range(5)}) for i in range(5)]
    pairs = analyse(table(*parts))["comparisons"]
    assert {pair["outcome"] for pair in pairs} == {"undecided"}
    assert all(pair["forecast"]["training_seeds"] == [6, 6] for pair in pairs)


@pytest.mark.parametrize(
    "count, expected",
    [(1, 1), (10, 10), (11, 15), (50, 50), (51, 60), (101, 150), (999, 1000), (1001, 1500)],
)
def test_counts_are_rounded_up(count, expected):
    assert round_up_count(count) == expected


def test_most_forecasts_contain_the_number_that_is_needed():
    """Equal normal spreads and a true difference of 1.5 standard deviations need 9 seeds."""
    terms = [ErrorTerm(1 / 5, 4), ErrorTerm(1 / 5, 4)]
    needed = find_sufficient_sample_size(1.5, terms, 5, 0.05)
    rng = np.random.default_rng(8)
    ranges = []
    for _ in range(150):
        pair = analyse(methods(rng.normal(0, 1, 5), rng.normal(1.5, 1, 5)))["comparisons"][0]
        if pair["forecast"]:
            ranges.append(pair["forecast"]["training_seeds"])
    inside = np.mean([low <= needed <= high for low, high in ranges])
    assert len(ranges) > 15
    assert inside > 0.5
