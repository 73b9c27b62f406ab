"""World rows: NumPy arrays of a world batch."""

import copy
import pickle

import numpy as np
import pytest
import torch

from daf.envs import WorldBatch
from daf.envs.rows import NumPyWorldBatch

from .missions import LAYOUTS, MULTI, MULTI_TRUNCATED


@pytest.mark.parametrize("mission", [MULTI, MULTI_TRUNCATED, LAYOUTS])
@pytest.mark.parametrize(
    "options", [{}, {"observation": "window"}, {"tokens": "all"}, {"shaping": {"moves": 0.5}}]
)
def test_rows_equal_the_tensors_of_the_worlds(mission, options):
    worlds = WorldBatch(mission, 3, seed=2, **options)
    rows = NumPyWorldBatch(WorldBatch(mission, 3, seed=2, **options))
    rng = np.random.default_rng(1)
    for _ in range(31):
        actions = rng.integers(5, size=12)
        observations, rewards, *ends = worlds.step(torch.from_numpy(actions).view(3, 4))
        assert np.array_equal(rows.apply_actions(actions), rewards.flatten().numpy())
        assert np.array_equal(rows.read_observations(), observations.flatten(0, 1).numpy())
        finished_mask = rows.read_finished_world_mask()
        for actual, expected in zip(rows.compute_end_flags(finished_mask), ends):
            assert np.array_equal(actual, expected.repeat_interleave(4).numpy())
        done = ends[0] | ends[1]
        assert np.array_equal(finished_mask, done.numpy())
        if finished_mask.any():
            worlds.reset(done), rows.reset(finished_mask)
            assert np.array_equal(rows.read_observations(), worlds.observe().flatten(0, 1).numpy())


@pytest.mark.parametrize(
    "copy_rows", [copy.deepcopy, lambda rows: pickle.loads(pickle.dumps(rows))]
)
def test_copies_have_their_own_worlds(copy_rows):
    rows = NumPyWorldBatch(WorldBatch(MULTI, 2))
    rows.apply_actions(np.ones(8, dtype=int))
    other = copy_rows(rows)
    before = rows.read_observations()
    assert np.array_equal(other.read_observations(), before)
    rewards = other.apply_actions(np.full(8, 2)).copy()
    assert np.array_equal(rows.read_observations(), before)
    assert np.array_equal(rows.apply_actions(np.full(8, 2)), rewards)
    assert np.array_equal(rows.read_observations(), other.read_observations())


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.int8, np.uint8, np.uint64])
def test_all_integers_are_actions(dtype):
    rows, expected = NumPyWorldBatch(WorldBatch(MULTI, 2)), NumPyWorldBatch(WorldBatch(MULTI, 2))
    actions = np.arange(8) % 5
    actions.flags.writeable = False
    (
        rows.apply_actions(actions.astype(dtype).reshape(2, 4)),
        expected.apply_actions(actions.tolist()),
    )
    assert np.array_equal(rows.read_observations(), expected.read_observations())


@pytest.mark.parametrize("action", [-1, 5, 2**40])
def test_actions_outside_the_action_space_are_refused(action):
    rows = NumPyWorldBatch(WorldBatch(MULTI, 2))
    before = rows.read_observations()
    with pytest.raises(ValueError, match=f"actions: got {action}; expected integers from 0 to 4"):
        rows.apply_actions([0] * 7 + [action])
    assert np.array_equal(rows.read_observations(), before)


@pytest.mark.parametrize("actions", [[0] * 7, [0.0] * 8, [True] * 8, None, "noop"])
def test_other_actions_are_refused(actions):
    with pytest.raises(ValueError, match=r"actions: got .*; expected 8 integers"):
        NumPyWorldBatch(WorldBatch(MULTI, 2)).apply_actions(actions)
