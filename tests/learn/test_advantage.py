"""The advantage estimate against a plain restatement of its definition."""

import numpy as np
import torch

from daf.learn.advantage import advantages


def reference(rewards, values, dones, last_value, gamma, gae_lambda):
    """Sum of discounted errors, forward from each step, cut at the first end of an episode."""
    steps, rows = rewards.shape
    following = np.vstack([values[1:], last_value])
    errors = rewards + gamma * following * ~dones - values
    result = np.zeros_like(rewards)
    for n in range(rows):
        for t in range(steps):
            for k in range(t, steps):
                result[t, n] += (gamma * gae_lambda) ** (k - t) * errors[k, n]
                if dones[k, n]:
                    break
    return result


def test_equals_the_definition_on_random_data():
    random = np.random.default_rng(0)
    rewards = random.normal(size=(17, 5))
    values = random.normal(size=(17, 5))
    dones = random.random((17, 5)) < 0.2
    last = random.normal(size=5)
    got = advantages(*map(torch.tensor, (rewards, values, dones, last)), 0.97, 0.9)
    np.testing.assert_allclose(got, reference(rewards, values, dones, last, 0.97, 0.9), rtol=1e-12)


def test_nothing_is_bootstrapped_through_a_terminal():
    rewards, values = torch.zeros(2, 1), torch.zeros(2, 1)
    dones = torch.tensor([[False], [True]])
    got = advantages(rewards, values, dones, torch.tensor([100.0]), 0.99, 0.95)
    assert torch.equal(got, torch.zeros(2, 1))


def test_the_value_after_the_last_step_is_bootstrapped_where_the_episode_goes_on():
    rewards, values = torch.zeros(1, 1), torch.zeros(1, 1)
    got = advantages(rewards, values, torch.tensor([[False]]), torch.tensor([10.0]), 0.5, 0.95)
    assert got.item() == 5.0
