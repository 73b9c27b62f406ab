"""Teams: seats by hand and by the rules of apportionment, values and matrices against scipy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from daf.stats.teams import agents_per_policy, cross_play, value_over_replacement

from .episodes import rows, table


def test_worked_example_of_the_largest_remainder():
    # The example of the article "Largest remainder method": 100 000 votes, 10 seats, Hare quota.
    votes = {"yellow": 47_000, "white": 16_000, "red": 15_800, "green": 12_000, "blue": 6_100}
    votes["pink"] = 3_100
    assert list(agents_per_policy(10, votes).values()) == [5, 2, 1, 1, 1, 0]


@pytest.mark.parametrize(
    ("agents", "shares", "expected"),
    [
        (8, {"a": 3, "b": 5}, [3, 5]),
        (4, {"a": 1, "b": 1, "c": 1}, [2, 1, 1]),
        (3, {"a": 0.1, "b": 0.2}, [1, 2]),
        (1, {"a": 1, "b": 1}, [1, 0]),
        (5, {"a": 0, "b": 2}, [0, 5]),
        (0, {"a": 1}, [0]),
    ],
)
def test_seats(agents, shares, expected):
    assert list(agents_per_policy(agents, shares).values()) == expected


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.integers(0, 200), st.lists(st.integers(0, 50), min_size=1, max_size=8).filter(any))
def test_every_policy_gets_its_quota_rounded_up_or_down(agents, weights):
    shares = {str(place): weight for place, weight in enumerate(weights)}
    seats = agents_per_policy(agents, shares)
    assert sum(seats.values()) == agents
    for policy, weight in shares.items():
        quota = agents * weight / sum(weights)
        assert np.floor(quota - 1e-9) <= seats[policy] <= np.ceil(quota + 1e-9)


@pytest.mark.parametrize(
    ("agents", "shares", "words"),
    [
        (-1, {"a": 1}, "agents: got -1"),
        (2, {"a": -1, "b": 2}, "share of policy 'a': got -1"),
        (2, {"a": float("nan")}, "share of policy 'a': got nan"),
        (2, {"a": 0}, "all are 0"),
        (2, {}, "all are 0"),
    ],
)
def test_bad_shares_are_named(agents, shares, words):
    with pytest.raises(ValueError, match=words):
        agents_per_policy(agents, shares)


def test_value_over_replacement_is_a_paired_difference_per_agent():
    team, pure = [9, 7, 8, 12], [3, 5, 4, 4]
    found = value_over_replacement(rows("mixed", "m", team), rows("pure", "m", pure), agents=2)
    difference = np.subtract(team, pure) / 2
    low, high = stats.t.interval(0.95, 3, difference.mean(), stats.sem(difference))
    assert (found["value"], found["low"], found["high"]) == pytest.approx((2.5, low, high))
    assert found["p"] == pytest.approx(stats.ttest_rel(team, pure).pvalue)
    assert found["method"] == "paired t over worlds"


def test_value_of_one_episode_has_no_interval():
    found = value_over_replacement(rows("a", "m", [5]), rows("b", "m", [3]), agents=1)
    assert (found["value"], found["low"], found["p"]) == (2, None, None)
    assert "one observation only" in found["note"]


def test_tables_that_do_not_fit_are_refused():
    a, b = rows("a", "m", [1, 2]), rows("b", "other", [1, 2])
    with pytest.raises(ValueError, match="missions differ: team m; replacement other"):
        value_over_replacement(a, b, agents=1)
    with pytest.raises(ValueError, match="agents: got 0"):
        value_over_replacement(a, a, agents=0)
    with pytest.raises(ValueError, match="team: has 2 runs"):
        value_over_replacement(table(a, b), b, agents=1)


def test_cross_play_matrix():
    data = table(
        rows("aa", "m", [10, 12, 14]), rows("ab", "m", [3, 4, 8]), rows("bb", "m", [6, 6, 6])
    )
    found = cross_play(data, {"aa": ("a", "a"), "ab": ("b", "a"), "bb": ("b", "b")})
    assert found["policies"] == ["a", "b"]
    assert found["mean"] == [[12, 5], [5, 6]]
    assert found["gaps"] == {"a": 7, "b": 1}
    low, high = stats.t.interval(0.95, 2, 5, stats.sem([3, 4, 8]))
    assert (found["low"][0][1], found["high"][1][0]) == pytest.approx((low, high))


def test_what_was_not_played_stays_empty():
    found = cross_play(rows("ab", "m", [1, 3]), {"ab": ("a", "b")})
    assert found["mean"] == [[None, 2], [2, None]]
    assert found["gaps"] == {"a": None, "b": None}


def test_bad_pairings_are_named():
    data = table(rows("x", "m", [1, 2]), rows("y", "m", [1, 2]))
    with pytest.raises(ValueError, match="'y' of the table is not among them"):
        cross_play(data, {"x": ("a", "b")})
    with pytest.raises(ValueError, match="a and b are there twice"):
        cross_play(data, {"x": ("a", "b"), "y": ("b", "a")})
    data = table(data, rows("x", "other", [1]))
    with pytest.raises(ValueError, match="pairing 'y': not played on other"):
        cross_play(data, {"x": ("a", "b"), "y": ("a", "a")})
