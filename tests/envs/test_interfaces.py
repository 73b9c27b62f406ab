"""Interfaces of PettingZoo, Stable-Baselines3, TorchRL, skrl and PufferLib."""

import copy
import pickle

import numpy as np
import pytest
import torch
from pettingzoo.test import api_test, parallel_api_test
from pettingzoo.test.seed_test import parallel_seed_test
from pettingzoo.utils import parallel_to_aec
from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor
from torchrl.envs import PettingZooWrapper, check_env_specs

from daf.envs import (
    WorldBatch,
    parallel_env,
    sb3_env,
    single_agent_env,
    skrl_env,
    torchrl_env,
    vector_env,
)

from .missions import MULTI, MULTI_MISSIONS, MULTI_TRUNCATED, SINGLE_MISSIONS

pytestmark = pytest.mark.extras


@pytest.mark.parametrize("mission", MULTI_MISSIONS)
def test_pettingzoo_conformance(mission):
    parallel_api_test(parallel_env(mission), num_cycles=100)
    api_test(parallel_to_aec(parallel_env(mission)), num_cycles=100)
    parallel_seed_test(lambda: parallel_env(mission))


def test_pettingzoo_copies_are_fresh_environments():
    env = parallel_env(MULTI, seed=4, glyphs=2)
    for other in (copy.deepcopy(env), pickle.loads(pickle.dumps(env))):
        assert np.array_equal(
            other.reset()[0]["agent_1"], parallel_env(MULTI, seed=4).reset()[0]["agent_1"]
        )
        assert other.action_space("agent_0").n == 7


def test_pettingzoo_refuses_missing_agents():
    env = parallel_env(MULTI)
    env.reset()
    with pytest.raises(ValueError, match="actions: got agents"):
        env.step({"agent_0": 0})


@pytest.mark.parametrize("mission", SINGLE_MISSIONS)
def test_sb3_env_equals_a_dummy_vec_env(mission):
    def env_at(world):
        return lambda: single_agent_env(mission, seed=3, first_world=world)

    expected = DummyVecEnv([env_at(world) for world in range(4)])
    actual = sb3_env(mission, 4, seed=3)
    rng = np.random.default_rng(1)
    assert np.array_equal(actual.reset(), expected.reset())
    assert actual.reset_infos == expected.reset_infos
    for _ in range(70):
        actions = rng.integers(5, size=4)
        results = actual.step(actions), expected.step(actions)
        for values, expected_values in zip(results[0][:3], results[1][:3]):
            assert values.dtype == expected_values.dtype
            assert np.array_equal(values, expected_values)
        for info, expected_info in zip(results[0][3], results[1][3]):
            assert np.array_equal(
                info.pop("terminal_observation", 0), expected_info.pop("terminal_observation", 0)
            )
            assert info == expected_info
        assert actual.reset_infos == expected.reset_infos


def test_sb3_seed_options_and_monitor():
    env = VecMonitor(sb3_env(MULTI, 2))
    env.seed(9)
    observations = env.reset()
    assert np.array_equal(observations, vector_env(MULTI, 2).reset(seed=9)[0])
    for _ in range(30):
        *_, infos = env.step(np.zeros(8, dtype=int))
    assert infos[0]["episode"]["l"] == 30 and "score" in infos[0]
    env.set_options({"world_seeds": [5, 6]})
    expected, _ = vector_env(MULTI, 2).reset(options={"world_seeds": [5, 6]})
    assert np.array_equal(env.reset(), expected)


@pytest.mark.parametrize("mission", MULTI_MISSIONS)
@pytest.mark.parametrize("observation", ["tokens", "window"])
def test_torchrl_specs(mission, observation):
    check_env_specs(torchrl_env(mission, 3, observation=observation), seed=7)


@pytest.mark.parametrize("mission", MULTI_MISSIONS)
def test_torchrl_specs_of_the_pettingzoo_wrapper(mission):
    check_env_specs(PettingZooWrapper(parallel_env(mission)), seed=7)


@pytest.mark.parametrize("mission", MULTI_MISSIONS)
def test_torchrl_rollout_equals_the_worlds(mission):
    env, worlds = torchrl_env(mission, 3, seed=2), WorldBatch(mission, 3, seed=2)
    env.set_seed(6)
    rollout = env.rollout(65, break_when_any_done=False)
    observations = worlds.reset(seed=6)
    for step in range(65):
        data = rollout[:, step]
        assert torch.equal(data["agents", "observation"], observations)
        assert torch.equal(data["state"], observations)
        transition = worlds.step(data["agents", "action"])
        result = data["next"]
        assert torch.equal(result["agents", "observation"], transition.observations)
        assert torch.equal(result["agents", "reward"][..., 0], transition.rewards)
        assert torch.equal(result["terminated"][:, 0], transition.terminated)
        assert torch.equal(result["truncated"][:, 0], transition.truncated)
        assert torch.equal(result["info", "score"][:, 0], worlds.simulation.score().long())
        done = transition.terminated | transition.truncated
        assert bool(done.all()) == (step in (29, 59))
        observations = worlds.reset(done) if done.any() else transition.observations


def test_torchrl_resets_selected_worlds():
    env = torchrl_env(MULTI, 3)
    data = env.rollout(5)[:, -1]["next"].clone()
    data["_reset"] = torch.tensor([[True], [False], [True]])
    before = data["agents", "observation"].clone()
    after = env.reset(data)
    assert torch.equal(after["agents", "observation"][1], before[1])
    first = WorldBatch(MULTI, 3)
    first.reset(), first.reset()
    expected = first.observe()
    assert torch.equal(after["agents", "observation"][::2], expected[::2])


@pytest.mark.parametrize("mission", [MULTI, MULTI_TRUNCATED])
def test_skrl_env_equals_the_vector_env(mission):
    env = skrl_env(mission, 3, seed=2)
    expected_env = vector_env(mission, 3, seed=2, autoreset_mode="SameStep")
    observations, _ = env.reset()
    expected, _ = expected_env.reset()
    rng = np.random.default_rng(1)
    for _ in range(65):
        by_agent = torch.stack([observations[agent] for agent in env.possible_agents], 1)
        assert np.array_equal(by_agent.flatten(0, 1).numpy(), expected.reshape(12, -1))
        assert torch.equal(env.state()["agent_0"], by_agent.flatten(1))
        actions = rng.integers(5, size=(3, 4))
        columns = torch.from_numpy(actions).unsqueeze(-1).unbind(1)
        observations, *results, infos = env.step(dict(zip(env.possible_agents, columns)))
        expected, *expected_results, expected_infos = expected_env.step(actions.flatten())
        for values, rows in zip(results, expected_results):
            stacked = torch.cat([values[agent] for agent in env.possible_agents], 1)
            assert np.array_equal(stacked.numpy(), rows.reshape(3, 4))
        if infos:
            scores = np.repeat(infos["score"].numpy(), 4)
            assert np.array_equal(scores, expected_infos["final_info"]["score"])


@pytest.mark.parametrize("num_worlds", [1, 3])
def test_skrl_data_is_not_reused(num_worlds):
    env = skrl_env(MULTI, num_worlds, tokens="all")
    results = [env.reset()]
    copies = [copy.deepcopy(results[0])]
    actions = {agent: torch.ones(num_worlds, 1, dtype=torch.int64) for agent in env.agents}
    for _ in range(31):
        results.append(env.step(actions))
        copies.append(copy.deepcopy(results[-1]))
    for result, saved in zip(results, copies):
        for values, saved_values in zip(result[:-1], saved):
            for agent in env.agents:
                assert torch.equal(values[agent], saved_values[agent])


def test_sb3_data_is_not_reused():
    env = sb3_env(MULTI, 2)
    results = [env.reset()]
    copies = [pickle.dumps(results[0])]
    for _ in range(31):
        results.append(env.step(np.ones(8, dtype=int)))
        copies.append(pickle.dumps(results[-1]))
    infos = results[1][3]
    infos[0]["other"] = 1
    assert "other" not in infos[1] and "other" not in env.step(np.ones(8, dtype=int))[3][0]
    del infos[0]["other"]
    assert [pickle.dumps(result) for result in results] == copies


@pytest.mark.parametrize("mission, tokens", [(MULTI, "all"), ("assembler_1", "used")])
def test_skrl_state_is_not_reused(mission, tokens):
    env = skrl_env(mission, 3, tokens=tokens)
    env.reset()
    state = env.state()["agent_0"]
    saved = state.clone()
    for _ in range(3):
        env.step({agent: torch.ones(3, 1, dtype=torch.int64) for agent in env.agents})
    assert torch.equal(state, saved)


def test_skrl_refuses_actions_that_are_no_integers():
    env = skrl_env(MULTI, 3)
    env.reset()
    with pytest.raises(ValueError, match=r"actions: got torch\.float32; expected integers"):
        env.step({agent: torch.full((3, 1), 1.7) for agent in env.agents})


def test_skrl_copies_in_the_middle_of_an_episode():
    env = skrl_env(MULTI, 2)
    env.reset()
    actions = {agent: torch.ones(2, 1, dtype=torch.int64) for agent in env.agents}
    env.step(actions)
    copies = [copy.deepcopy(env), pickle.loads(pickle.dumps(env))]
    observations = env.step(actions)[0]
    for other in copies:
        for agent, values in other.step(actions)[0].items():
            assert torch.equal(values, observations[agent])


def test_sb3_renders_text():
    env = sb3_env(MULTI, 2, render_mode="ansi")
    env.reset()
    assert env.render().count("#") > 20


def test_rows_refuse_another_shape():
    env = sb3_env(MULTI, 2)
    env.reset()
    with pytest.raises(ValueError, match=r"actions: got int64 \(4, 2\); expected 8 integers"):
        env.step(np.ones((4, 2), dtype=np.int64))


def test_parallel_copies_in_the_middle_of_an_episode():
    env = parallel_env(MULTI, seed=3)
    env.reset()
    actions = dict.fromkeys(env.agents, 1)
    env.step(actions)
    copies = [copy.deepcopy(env), pickle.loads(pickle.dumps(env))]
    for _ in range(3):
        observations = env.step(actions)[0]
        for other in copies:
            copied = other.step(actions)[0]
            assert all(np.array_equal(copied[agent], observations[agent]) for agent in env.agents)
