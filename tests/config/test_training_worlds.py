"""Worlds of each training mission: proportional to `world_shares`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daf.config import ConfigError, TrainingConfig


@given(st.lists(st.integers(1, 1_000_000), min_size=1, max_size=9), st.integers(100, 1_000_000))
def test_split_of_worlds_is_proportional(shares, worlds):
    try:
        config = TrainingConfig(
            worlds=worlds, world_shares=shares, missions=[f"m{i}" for i in range(len(shares))]
        )
    except ConfigError:
        assert min(worlds * share / sum(shares) for share in shares) < 1
        return
    counts = config.split_worlds(len(shares))
    assert sum(counts) == worlds
    for count, share in zip(counts, shares):
        assert abs(count - worlds * share / sum(shares)) < 1


@pytest.mark.parametrize("training, message", [
    ({"world_shares": [1, 2]}, "got 2 shares; expected one for each of the 0 missions of "
     "training.missions"),
    ({"world_shares": [1], "missions": ["a"], "curriculum": [4_000_000]},
     "got 1 shares with a curriculum"),
    ({"world_shares": [0], "missions": ["a"]}, "expected a value >= 1"),
])  # fmt: skip
def test_bad_world_shares_are_refused(training, message):
    with pytest.raises(ConfigError, match=message):
        TrainingConfig(**training)
