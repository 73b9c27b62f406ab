"""Differences, p-values and Holm against published numbers, scipy and simulation."""

import numpy as np
import pytest
from scipy import stats

from daf.stats import analyse, holm_adjust
from daf.stats.estimate import choose_independent_unit, collect_unit_values
from daf.stats.pair import compare_pair

from .episodes import only, rows, table, trained

# Student 1908, hours of extra sleep of ten patients under two drugs; R's example(t.test) prints
# the results used below.
DRUG_1 = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
DRUG_2 = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]


def test_holm_worked_example():
    # The example of the article "Holm-Bonferroni method": 4 tests; 0.005*4, 0.01*3, 0.03*2, 0.06.
    assert holm_adjust([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_edges():
    assert holm_adjust([]) == []
    assert holm_adjust([0.2]) == [0.2]
    assert holm_adjust([0.9, 0.8]) == [1.0, 1.0]
    assert holm_adjust([0.02, 0.02, 0.02]) == pytest.approx([0.06] * 3)


def test_fixed_policies_are_paired_by_world():
    result = analyse(table(rows("one", "m", DRUG_1), rows("two", "m", DRUG_2)))
    pair = only(result["comparisons"], a="one", b="two")
    assert pair["difference"] == pytest.approx(-1.58)
    assert (pair["low"], pair["high"]) == pytest.approx((-2.4598858, -0.7001142), abs=1e-6)
    assert pair["p_t"] == pytest.approx(0.002833, abs=1e-6)
    # 2^10 sign patterns; the one difference that is not negative is 0, so 2 of 2^9 are as large.
    assert pair["p"] == pair["p_permutation"] == 2 / 2**9
    assert (pair["df"], pair["unit"]) == (pytest.approx(9), "episode")
    assert pair["method"] == "paired permutation over worlds"
    # d_z is the mean over R's sd(extra.1 - extra.2) = 1.229995, J(9) = 0.91387 (Hedges' tables).
    assert pair["effect_size"] == pytest.approx(-1.58 / 1.229995 * 0.91387, abs=1e-5)
    assert pair["verdict"] == "two scores higher than one"


def test_pairing_is_by_world_seed_not_by_position():
    shuffled = rows("two", "m", DRUG_2[::-1])
    shuffled["world_seed"] = shuffled["world_seed"].to_numpy()[::-1]
    pair = analyse(table(rows("one", "m", DRUG_1), shuffled))["comparisons"][0]
    assert pair["p_t"] == pytest.approx(0.002833, abs=1e-6)


def test_different_worlds_use_welch():
    data = table(rows("one", "m", DRUG_1), rows("two", "m", DRUG_2, first_world=500))
    pair = analyse(data)["comparisons"][0]
    assert (pair["low"], pair["high"]) == pytest.approx((-3.3654832, 0.2054832), abs=1e-6)
    assert pair["p_t"] == pytest.approx(0.07939, abs=1e-5)
    assert pair["df"] == pytest.approx(17.776, abs=1e-3)
    assert "different worlds" in pair["method_t"]
    assert pair["method"] == "permutation of episodes"


def test_trained_policies_are_compared_by_welch_on_seed_means():
    a = {1: [1, 3], 2: [5, 5], 3: [8, 10], 4: [4, 4], 5: [6, 7]}
    b = {1: [2, 2], 2: [1, 2], 3: [0, 1], 4: [3, 4], 5: [1, 1], 6: [2, 7]}
    pair = analyse(table(trained("a", "m", a), trained("b", "m", b)))["comparisons"][0]
    means = [2, 5, 9, 4, 6.5], [2, 1.5, 0.5, 3.5, 1, 4.5]
    expected = stats.ttest_ind(*means, equal_var=False)
    low, high = expected.confidence_interval(0.95)
    assert pair["p_t"] == pytest.approx(expected.pvalue)
    assert pair["df"] == pytest.approx(expected.df)
    assert (pair["low"], pair["high"]) == pytest.approx((low, high))
    assert pair["unit"] == "training_seed"


def test_trained_against_fixed_adds_the_error_of_the_seeds_and_of_the_worlds():
    seeds = {1: [3, 5, 4], 2: [6, 6, 9], 3: [3, 5, 4], 4: [6, 6, 9], 5: [5, 5, 6.5]}
    pair = analyse(table(trained("net", "m", seeds), rows("fixed", "m", [1, 2, 6])))
    pair = only(pair["comparisons"], a="fixed", b="net")
    # Seed means 4, 7, 4, 7, 5.5: s^2 = 9/4. World means 4.6, 5.4, 6.5 minus 1, 2, 6: 3.6, 3.4, 0.5.
    v_seeds, v_worlds = 2.25 / 5, np.var([3.6, 3.4, 0.5], ddof=1) / 3
    df = (v_seeds + v_worlds) ** 2 / (v_seeds**2 / 4 + v_worlds**2 / 2)
    assert pair["difference"] == pytest.approx(3 - 5.5)
    assert pair["df"] == pytest.approx(df)
    assert pair["p"] == pytest.approx(2 * stats.t.sf(2.5 / np.sqrt(v_seeds + v_worlds), df))
    assert pair["unit"] == "mixed"
    assert (pair["test"], pair["p_permutation"]) == ("t", None)


def test_overall_of_fixed_policies_adds_the_variances_of_paired_differences():
    a, b = {"x": [3, 5, 9], "y": [10, 10, 13, 11]}, {"x": [1, 4, 4], "y": [9, 9, 9, 9]}
    parts = [rows(name, m, s) for name, of in (("a", a), ("b", b)) for m, s in of.items()]
    pair = analyse(table(*parts))["comparisons_overall"][0]
    d_x, d_y = np.subtract(a["x"], b["x"]), np.subtract(a["y"], b["y"])
    v = [d_x.var(ddof=1) / 3 / 4, d_y.var(ddof=1) / 4 / 4]
    df = sum(v) ** 2 / (v[0] ** 2 / 2 + v[1] ** 2 / 3)
    difference = (d_x.mean() + d_y.mean()) / 2
    assert pair["difference"] == pytest.approx(difference)
    assert pair["p_t"] == pytest.approx(2 * stats.t.sf(difference / np.sqrt(sum(v)), df))
    assert pair["p"] == 2 / 2**7  # seven worlds, of which one is a tie; all others have one sign


def test_holm_families_are_all_pairs_and_missions_and_the_overall_pairs():
    rng = np.random.default_rng(3)
    data = table(
        *(rows(p, m, rng.normal(i, 2, 8)) for i, p in enumerate("abc") for m in ("x", "y"))
    )
    result = analyse(data)
    assert result["families"] == {"missions": 6, "overall": 3}
    for key in ("comparisons", "comparisons_overall"):
        p = [pair["p"] for pair in result[key]]
        worst = sorted(p)[0] * len(p)
        assert min(pair["p_holm"] for pair in result[key]) == pytest.approx(worst)
        assert all(pair["p_holm"] >= pair["p"] for pair in result[key])


def _rejection_rate(make, repeats):
    """Return the rejection rate of the t test between the two policies of `make()`."""
    rejections = 0
    for _ in range(repeats):
        a, b = (
            collect_unit_values(rows, ["m"], choose_independent_unit(rows))
            for _, rows in make().groupby("policy")
        )
        rejections += compare_pair(a, b, 0.95).difference_statistics["p_t"] < 0.05
    return rejections / repeats


def test_seed_unit_keeps_its_error_rate_where_pooled_episodes_would_not():
    """Two equal training methods, 5 seeds x 20 episodes: at most about 5 % of the tests reject."""
    rng = np.random.default_rng(11)
    pooled = []

    def make():
        a, b = (rng.normal(0, 2, (5, 1)) + rng.normal(0, 4, (5, 20)) for _ in "ab")
        pooled.append(stats.ttest_ind(a.ravel(), b.ravel()).pvalue < 0.05)
        return table(*(trained(n, "m", dict(enumerate(x))) for n, x in (("a", a), ("b", b))))

    assert _rejection_rate(make, 300) <= 0.08
    assert np.mean(pooled) > 0.25


def test_mixed_comparison_keeps_its_error_rate_where_a_t_over_seeds_would_not():
    """The true means of the training method and of the noisy fixed policy are equal."""
    rng = np.random.default_rng(12)
    over_seeds = []

    def make():
        worlds = rng.normal(0, 3, 20)
        net = worlds + rng.normal(0, 0.5, (5, 1)) + rng.normal(0, 4, (5, 20))
        fixed = worlds + rng.normal(0, 4, 20)
        difference = (net - fixed).mean(axis=1)
        over_seeds.append(stats.ttest_1samp(difference, 0).pvalue < 0.05)
        return table(trained("net", "m", dict(enumerate(net))), rows("fixed", "m", fixed))

    assert 0.005 <= _rejection_rate(make, 300) <= 0.08
    assert np.mean(over_seeds) > 0.2
