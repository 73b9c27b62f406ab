"""Two grades of certainty: hand-made tables whose answer a person knows, units and limits."""

import json

import numpy as np
import pytest
from scipy import stats

from daf.stats import analyse
from daf.stats.distribution_free import average_unequal_samples_over_missions
from daf.stats.estimate import SHARE
from daf.stats.grades import DECIDED, DECIDED_FREE

from .episodes import only, rows, table, trained

CEILING = {"m": 99.0}


def by_seed(means, episodes=8, first=1):
    return {first + i: [mean] * episodes for i, mean in enumerate(means)}


def method(name, means):
    return trained(name, "m", by_seed(means))


NEAR_97 = [97.0, 97.6, 98.1, 98.7, 99.0]
NEAR_92 = [92.0, 93.1, 95.4, 96.0, 96.9]
SOLVED_7, SOLVED_6 = [99.0] * 7 + [0.0] * 3, [99.0] * 6 + [0.0] * 4

TABLES = {
    "a method that never scores against a fixed policy at the ceiling": (
        table(rows("a", "m", [99.0] * 64), trained("b", "m", by_seed([0.0] * 5, 64))),
        ("better", DECIDED_FREE),
    ),
    "the same with the method at the ceiling": (
        table(trained("a", "m", by_seed([99.0] * 5, 64)), rows("b", "m", [0.0] * 64)),
        ("better", DECIDED_FREE),
    ),
    "five seeds at the ceiling against five at zero": (
        table(method("a", [99.0] * 5), method("b", [0.0] * 5)),
        ("better", DECIDED_FREE),
    ),
    "97 to 99 against 92 to 97: small, and sure if seeds vary like those": (
        table(method("a", NEAR_97), method("b", NEAR_92)),
        ("better", DECIDED),
    ),
    "equal methods": (
        table(method("a", NEAR_97), method("b", NEAR_97)),
        ("equivalent", None),
    ),
    "7 of 10 seeds solve it against 0 of 10": (
        table(method("a", SOLVED_7), method("b", [0.0] * 10)),
        ("better", DECIDED_FREE),
    ),
    "7 of 10 against 6 of 10": (
        table(method("a", SOLVED_7), method("b", SOLVED_6)),
        ("undecided", None),
    ),
    "one of five seeds collapses, against a fixed policy at the ceiling": (
        table(method("a", [99.0] * 4 + [0.0]), rows("b", "m", [99.0] * 8)),
        ("undecided", None),
    ),
    "fixed policies: ceiling against zero in 30 worlds": (
        table(rows("a", "m", [0.0] * 30), rows("b", "m", [99.0] * 30)),
        ("worse", DECIDED_FREE),
    ),
    "fixed policies: one heart of 99 more in each of 64 worlds": (
        table(rows("a", "m", [51.0] * 64), rows("b", "m", [50.0] * 64)),
        ("better", DECIDED),
    ),
    "fixed policies: better in one world, worse in another": (
        table(rows("a", "m", [1.0, 2.0, 3.0]), rows("b", "m", [2.0, 1.0, 3.0])),
        ("equivalent", None),
    ),
    "three seeds only": (
        table(method("a", [99.0] * 3), rows("b", "m", [0.0] * 8)),
        ("not tested", None),
    ),
}


@pytest.mark.parametrize("name", TABLES)
def test_hand_made_tables(name):
    data, expected = TABLES[name]
    result = analyse(data, ceilings=CEILING)
    pair = only(result["comparisons"], a="a", b="b")
    assert (pair["outcome"], pair["grade"]) == expected
    decided = pair["outcome"] in ("better", "worse")
    assert result["best_policy_decided"] is decided
    assert result["best_policy_grade"] == expected[1]
    json.dumps(result, allow_nan=False)


def test_nothing_varies_and_the_ceiling_is_2():
    data = table(trained("lstm", "m", by_seed([0.0] * 5, 64)), rows("baseline", "m", [2.0] * 64))
    result = analyse(data, ceilings={"m": 2.0})
    pair = result["comparisons"][0]
    free = pair["distribution_free"]
    assert (pair["test"], pair["outcome"]) == ("distribution-free", "better")
    # Fisher's exact test of 32 worlds of the baseline against 5 seeds.
    assert pair["p"] == pytest.approx(2 * stats.fisher_exact([[32, 0], [0, 5]], "greater")[1], 1e-3)
    assert free["low"] > 0.8 and free["high"] == 2
    assert result["verdict"].startswith("baseline is the best policy on m: 2.00 hearts per episode")
    assert "decided at the 95 % level for any distribution" in result["verdict"]


def test_five_seeds_exclude_means_above_52_percent():
    data = table(trained("net", "m", by_seed([0.0] * 5)))
    free = analyse(data, ceilings=CEILING)["estimates"][0]["distribution_free"]
    assert (free["low"], free["n_units"]) == (0, 5)
    assert free["high"] == pytest.approx(99 * (1 - 0.025 ** (1 / 5)))


def test_without_a_ceiling_the_result_is_not_available():
    data = table(method("a", NEAR_97), method("b", NEAR_92))
    pair = analyse(data)["comparisons"][0]
    assert (pair["outcome"], pair["grade"]) == ("better", DECIDED)
    assert pair["distribution_free"]["note"] == "not available: m has no known ceiling"
    assert pair["distribution_free"]["outcome"] == "not tested"
    pair = analyse(data, ceilings={"m": 98.0})["comparisons"][0]
    assert "not between 0 and its ceiling" in pair["distribution_free"]["note"]


def test_overall_result_is_a_share_of_the_ceiling_with_equal_missions():
    parts = [rows("a", "large", [99.0] * 20), rows("b", "large", [99.0] * 20)]
    parts += [rows("a", "small", [2.0] * 20), rows("b", "small", [0.0] * 20)]
    result = analyse(table(*parts), ceilings={"large": 99.0, "small": 2.0})
    pair = result["comparisons_overall"][0]
    assert (pair["distribution_free"]["difference"], pair["score_unit"]) == (0.5, SHARE)
    estimate = only(result["overall"], policy="b")["distribution_free"]
    assert estimate["low"] < 0.5 < estimate["high"] <= 1


def test_trained_and_fixed_policies_use_separate_worlds():
    """The fixed policy has worlds 0, 2, ...; seed i has the i-th of the others in turn."""
    scores = np.arange(24.0)
    net = trained("net", "m", {s: scores + s for s in range(1, 6)})
    pair = analyse(table(net, rows("base", "m", scores)), ceilings={"m": 50.0})["comparisons"][0]
    own = [np.mean([w + s for w in range(2 * s - 1, 24, 10)]) for s in range(1, 6)]
    expected = np.mean(scores[::2]) - np.mean(own)
    assert pair["distribution_free"]["difference"] == pytest.approx(expected)
    assert (pair["distribution_free"]["n_a"], pair["distribution_free"]["n_b"]) == (12, 5)


def test_too_few_worlds_for_separate_ones():
    net = trained("net", "m", by_seed([1.0] * 5, 4))
    pair = analyse(table(net, rows("base", "m", [3.0] * 4)), ceilings=CEILING)["comparisons"][0]
    assert "fewer than 10 common worlds" in pair["distribution_free"]["note"]


def test_different_worlds_are_not_split():
    net = trained("net", "m", by_seed([0.0] * 5, 4))
    data = table(net, rows("base", "m", [99.0] * 4, first_world=500))
    free = analyse(data, ceilings=CEILING)["comparisons"][0]["distribution_free"]
    assert (free["n_a"], free["n_b"], free["outcome"]) == (4, 5, "better")


def test_holm_corrects_each_grade_for_itself():
    parts = [method(name, [99.0] * 5) for name in "abc"] + [method("d", [0.0] * 5)]
    pairs = analyse(table(*parts), ceilings=CEILING)["comparisons"]
    pair = only(pairs, a="a", b="d")
    assert pair["distribution_free"]["p_holm"] == pytest.approx(6 * 2 / 252, rel=1e-3)
    assert pair["distribution_free"]["outcome"] == "better"


def test_missions_with_separate_units_are_combined_in_order():
    values = average_unequal_samples_over_missions(
        [np.array([0.0, 1.0]), np.array([0.0, 0.5, 1.0, 0.5, 0.9])]
    )
    # Groups of 3 and 2 values: means 0.5 and 0.7.
    assert values == pytest.approx([(0 + 0.5) / 2, (1 + 0.7) / 2])


def test_fixed_policy_without_worlds_of_its_own_half_has_no_result():
    """Even positions of the common worlds belong to the fixed policy, which has odd ones only."""
    net = table(*(rows("net", "m", [1.0] * 16, seed=seed) for seed in range(1, 6)))
    fixed = rows("fixed", "m", [3.0, 3.0])
    fixed["world_seed"] = [101, 103]
    pair = analyse(table(net, fixed), ceilings={"m": 9.0})["comparisons"][0]
    assert pair["distribution_free"]["note"] == "not available: m has too few common worlds"


def test_model_intervals_stay_within_the_bounds_of_the_scores():
    """Seeds at both ends: the t intervals exceed the ceiling of 2 and the difference of 2."""
    parts = [trained(name, "m", by_seed(seeds)) for name, seeds in (
        ("a", [2.0, 2.0, 0.0, 2.0, 2.0]), ("b", [0.0, 0.0, 2.0, 0.0, 0.0])
    )]  # fmt: skip
    unbounded, bounded = (analyse(table(*parts), ceilings=c) for c in ({}, {"m": 2.0}))
    high = only(unbounded["estimates"], policy="a")["high"]
    assert high > 2 == only(bounded["estimates"], policy="a")["high"]
    assert unbounded["comparisons"][0]["high"] > 2 == bounded["comparisons"][0]["high"]
