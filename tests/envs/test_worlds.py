"""World batch: seeds, options, shaping and ends of episodes."""

import numpy as np
import pytest
import torch
from torch import nn

from daf.config import ConfigError, EvaluationConfig
from daf.envs import WorldBatch
from daf.evaluation.evaluate import evaluate
from daf.plan import PolicyInstance
from daf.policies.game import Game
from daf.policies.tokens import TokenEmbedding
from daf.sim.simulation import Simulation

from .missions import LAYOUTS, MULTI, MULTI_TRUNCATED


def random_actions(seed: int, steps: int, worlds: WorldBatch) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    shape = (steps, worlds.num_worlds, worlds.num_agents)
    return torch.randint(worlds.num_actions, shape, generator=generator)


def test_seed_gives_the_worlds_of_a_simulation():
    worlds = WorldBatch(LAYOUTS, 5, seed=1, first_world=2)
    for seed in (1, 9):
        simulation = Simulation(LAYOUTS, 5, seed=seed, first_world=2)
        worlds.reset(seed=seed)
        for _ in range(3):
            assert worlds.world_seeds().tolist() == simulation.state.world_seed.tolist()
            worlds.reset(), simulation.reset()


def test_first_reset_without_a_seed_returns_the_first_episodes():
    worlds, simulation = WorldBatch(MULTI, 5, seed=1), Simulation(MULTI, 5, seed=1)
    worlds.reset()
    assert worlds.world_seeds().tolist() == simulation.state.world_seed.tolist()
    worlds.reset()
    simulation.reset()
    assert worlds.world_seeds().tolist() == simulation.state.world_seed.tolist()


def test_world_seeds_replay_rows_of_an_episode_table():
    config = EvaluationConfig(episodes=6, seed=4, recorded_episodes=0)
    instance = PolicyInstance(
        name="noop",
        default_label="noop",
        class_path="noop",
        class_digest=None,
        init_kwargs={},
        training_seed=None,
    )
    table, _ = evaluate(instance, MULTI, config)
    worlds = WorldBatch(MULTI, 2)
    worlds.reset(world_seeds=table["world_seed"][[4, 1]].tolist())
    simulation = Simulation(MULTI, 6, seed=4)
    assert torch.equal(worlds.simulation.observations, simulation.observations[[4, 1]])


def test_one_seed_per_world():
    worlds = WorldBatch(MULTI, 3)
    worlds.reset(seed=[5, 6, 7])
    expected = [Simulation(MULTI, 3, seed=s).state.world_seed[w] for w, s in enumerate((5, 6, 7))]
    assert worlds.world_seeds().tolist() == expected


def test_finished_worlds_report_score_seed_and_statistics():
    worlds = WorldBatch(MULTI, 3)
    for step in random_actions(1, 30, worlds):
        transition = worlds.step(step)
    assert transition.terminated.all() and not transition.truncated.any()
    infos = worlds.all_episode_infos()
    counters = worlds.simulation.counters.numpy()
    assert infos["score"].tolist() == worlds.simulation.score().tolist()
    assert np.array_equal(np.stack(list(infos["statistics"].values()), 1), counters)
    assert list(infos["statistics"]) == list(worlds.simulation.statistic_names)


def test_truncating_missions_truncate():
    worlds = WorldBatch(MULTI_TRUNCATED, 2)
    for step in random_actions(1, 30, worlds):
        transition = worlds.step(step)
    assert transition.truncated.all() and not transition.terminated.any()


def test_shaping_rewards_the_counts_of_statistics():
    plain = WorldBatch(MULTI, 4, seed=2)
    shaped = WorldBatch(MULTI, 4, seed=2, shaping={"moves": 0.5, "failed_moves": -1.0})
    names = plain.simulation.statistic_names
    columns = [names.index("moves"), names.index("failed_moves")]
    for step in random_actions(1, 20, plain):
        before = plain.simulation.counters[:, columns].clone()
        rewards = plain.step(step).rewards
        counts = plain.simulation.counters[:, columns] - before
        bonus = 0.5 * counts[:, 0] - counts[:, 1]
        torch.testing.assert_close(shaped.step(step).rewards, rewards + bonus[:, None])


def test_a_linear_layer_over_the_window_equals_the_token_embedding():
    worlds = WorldBatch(LAYOUTS, 4, observation="window")
    embedding = TokenEmbedding(Game.of(LAYOUTS), 8)
    nn.init.normal_(embedding.bias)
    channels, height, width = worlds.observation_shape
    kernel = embedding.table.view(height, width, channels, 8).permute(3, 2, 0, 1)
    for step in random_actions(1, 20, worlds):
        windows = worlds.step(step).observations
        expected = embedding(worlds.simulation.observations.flatten(0, 1))
        actual = nn.functional.conv2d(windows.flatten(0, 1), kernel, embedding.bias)
        torch.testing.assert_close(actual.relu()[:, :, 0, 0], expected, rtol=1e-4, atol=1e-4)


def test_tokens():
    used, everything = WorldBatch(MULTI, 2), WorldBatch(MULTI, 2, tokens="all")
    assert everything.observation_shape == (MULTI.tokens, 3)
    num_tokens = used.observation_shape[0]
    assert torch.equal(everything.reset()[:, :, :num_tokens], used.reset())
    assert (everything.observe()[:, :, num_tokens:] == 255).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"glyphs": 155}, "glyphs: got 155; expected 0 to 154"),
        ({"glyphs": -1}, "glyphs: got -1"),
        ({"tokens": "some"}, "tokens: got 'some'; expected one of used, all"),
        ({"observation": "pixels"}, "observation: got 'pixels'"),
        ({"shaping": {"harts": 1.0}}, "shaping: got 'harts'"),
    ],
)
def test_invalid_options_are_named(options, message):
    with pytest.raises(ConfigError, match=message):
        WorldBatch(MULTI, 2, **options)


@pytest.mark.parametrize("seed", [1.5, "a", 2**63, [1], [1, 2, 3], [1, 2.5]])
def test_invalid_seeds_are_refused(seed):
    with pytest.raises(ValueError, match="seed: got"):
        WorldBatch(MULTI, 2).reset(seed=seed)


@pytest.mark.parametrize("action", [-1, 5, 2**40])
def test_actions_outside_the_action_space_are_refused(action):
    worlds = WorldBatch(MULTI, 2)
    with pytest.raises(ValueError, match=f"actions: got {action}; expected integers from 0 to 4"):
        worlds.step(torch.full((2, 4), action))
    worlds = WorldBatch(MULTI, 2, glyphs=3)
    worlds.step(torch.full((2, 4), 7))
