"""Gymnasium environments against Gymnasium's own checks and vectorization."""

import pickle
import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env, check_reset_seed_determinism, data_equivalence
from gymnasium.vector import SyncVectorEnv

from daf.config import ConfigError
from daf.envs import parallel_env, single_agent_env, vector_env

from .missions import MULTI, MULTI_MISSIONS, SINGLE, SINGLE_MISSIONS

pytestmark = pytest.mark.extras

MODES = ("NextStep", "SameStep")


@pytest.mark.parametrize("mission", SINGLE_MISSIONS)
@pytest.mark.parametrize("observation", ["tokens", "window"])
def test_single_agent_env_passes_the_checks(mission, observation):
    env = single_agent_env(mission, observation=observation, render_mode="rgb_array")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # A window has no upper bound; every environment made without a registry lacks a `spec`.
        warnings.filterwarnings("ignore", message=".*(infinity|spec).*")
        check_env(env)
    check_reset_seed_determinism(env)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("mission", SINGLE_MISSIONS)
def test_vector_env_equals_a_sync_vector_env(mission, mode):
    def env_at(world):
        return lambda: single_agent_env(mission, seed=3, first_world=world)

    expected = SyncVectorEnv([env_at(world) for world in range(4)], autoreset_mode=mode)
    actual = vector_env(mission, 4, seed=3, autoreset_mode=mode)
    assert actual.single_observation_space == expected.single_observation_space
    assert actual.observation_space == expected.observation_space
    assert actual.action_space == expected.action_space
    rng = np.random.default_rng(1)
    for seed in (None, 8):
        seeds = seed if seed is None else [seed] * 4
        assert_equivalent(actual.reset(seed=seed), expected.reset(seed=seeds))
        for _ in range(70):
            actions = rng.integers(5, size=4)
            assert_equivalent(actual.step(actions), expected.step(actions))
    assert_equivalent(
        actual.reset(options={"world_seeds": [7, 8, 9, 10]})[0],
        np.concatenate(
            [
                vector_env(mission, 1).reset(options={"world_seeds": [world_seed]})[0]
                for world_seed in (7, 8, 9, 10)
            ]
        ),
    )


def assert_equivalent(actual, expected):
    """Compare also types and key orders are free; `data_equivalence` compares dtypes."""
    assert data_equivalence(sort(actual), sort(expected), exact=True)


def sort(data):
    """Return data with sorted dictionaries and lists in place of object arrays."""
    if isinstance(data, dict):
        return {key: sort(data[key]) for key in sorted(data)}
    if isinstance(data, tuple):
        return tuple(sort(item) for item in data)
    if isinstance(data, np.ndarray) and data.dtype == object:
        return tuple(sort(item) for item in data)
    return data


@pytest.mark.parametrize("mission", MULTI_MISSIONS)
def test_rows_are_the_agents_world_by_world(mission):
    worlds = [parallel_env(mission, seed=3, first_world=world) for world in range(3)]
    env = vector_env(mission, 3, seed=3, autoreset_mode="SameStep")
    rng = np.random.default_rng(1)
    observations, _ = env.reset()
    expected = [world.reset()[0] for world in worlds]
    for step in range(65):
        assert np.array_equal(observations, rows_of(expected))
        actions = rng.integers(5, size=env.num_envs)
        observations, rewards, terminated, truncated, infos = env.step(actions)
        results = [
            world.step(dict(zip(world.agents, part.tolist())))
            for world, part in zip(worlds, actions.reshape(3, -1))
        ]
        expected = [result[0] for result in results]
        assert np.array_equal(rewards, rows_of([result[1] for result in results]))
        assert np.array_equal(terminated, rows_of([result[2] for result in results]))
        assert np.array_equal(truncated, rows_of([result[3] for result in results]))
        if not worlds[0].agents:
            assert np.array_equal(np.stack(infos["final_obs"]), rows_of(expected))
            final_infos = [info for result in results for info in result[4].values()]
            scores = [info["score"] for info in final_infos]
            assert infos["final_info"]["score"].tolist() == scores
            assert step in (29, 59)
            expected = [world.reset()[0] for world in worlds]


def rows_of(values_by_agent):
    return np.array([value for values in values_by_agent for value in values.values()])


@pytest.mark.parametrize("mode", MODES)
def test_returned_data_is_not_reused(mode):
    env = vector_env(MULTI, 2, autoreset_mode=mode)
    results = [env.reset()]
    copies = [pickle.dumps(results[0])]
    for _ in range(62):
        results.append(env.step(env.action_space.sample()))
        copies.append(pickle.dumps(results[-1]))
    assert [pickle.dumps(result) for result in results] == copies


def test_views_show_the_next_step():
    env = vector_env(MULTI, 2, copy=False)
    first, _ = env.reset()
    before = first.copy()
    for _ in range(5):
        second, *_ = env.step(np.ones(8, dtype=int))
    assert np.shares_memory(first, second) and not np.array_equal(first, before)


def test_vector_env_runs_with_wrappers_of_gymnasium():
    env = gymnasium.wrappers.vector.RecordEpisodeStatistics(vector_env(MULTI, 2))
    env.reset(seed=1)
    for _ in range(30):
        *_, infos = env.step(env.action_space.sample())
    assert infos["episode"]["l"].tolist() == [30] * 8


def test_pickled_environments_continue():
    env = vector_env(MULTI, 2, seed=5)
    env.reset()
    for _ in range(7):
        env.step(np.ones(8, dtype=int))
    other = pickle.loads(pickle.dumps(env))
    for _ in range(40):
        assert_equivalent(other.step(np.full(8, 4)), env.step(np.full(8, 4)))


@pytest.mark.parametrize("mode", ["ansi", "rgb_array"])
def test_render(mode):
    env = single_agent_env(SINGLE, render_mode=mode)
    env.reset()
    first = env.render()
    for action in (1, 3, 2, 4):
        env.step(action)
    second = env.render()
    if mode == "ansi":
        assert first.splitlines()[-1] == "step 0, score 0" and "0" in second
        assert [line for line in first.splitlines() if "0" in line[:12]]
    else:
        assert first.shape == (12 * 24, 12 * 24, 3) and first.dtype == np.uint8
        assert not np.array_equal(first, second)


def test_errors():
    with pytest.raises(ConfigError, match="mission assembler_2: got 4 agents; expected 1"):
        single_agent_env(MULTI)
    with pytest.raises(ConfigError, match="render_mode: got 'human'"):
        single_agent_env(SINGLE, render_mode="human")
    with pytest.raises(ConfigError, match="autoreset_mode: got Disabled"):
        vector_env(MULTI, 2, autoreset_mode="Disabled")
    env = vector_env(MULTI, 2)
    for actions in (np.zeros(7, dtype=int), np.zeros(8), None):
        with pytest.raises(ValueError, match="actions: got"):
            env.step(actions)
