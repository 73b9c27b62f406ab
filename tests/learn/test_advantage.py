"""Generalized advantage estimation against its definition."""

import numpy as np
import torch

from daf.learn.advantage import compute_gae


def reference_gae(rewards, values, dones, last_value, gamma, gae_lambda):
    """Sum the discounted TD errors from each step to the end of its episode (eq. 16)."""
    steps, rows = rewards.shape
    next_values = np.vstack([values[1:], last_value])
    errors = rewards + gamma * next_values * ~dones - values
    result = np.zeros_like(rewards)
    for n in range(rows):
        for t in range(steps):
            for k in range(t, steps):
                result[t, n] += (gamma * gae_lambda) ** (k - t) * errors[k, n]
                if dones[k, n]:
                    break
    return result


def test_gae_equals_its_definition():
    random = np.random.default_rng(0)
    rewards = random.normal(size=(17, 5))
    values = random.normal(size=(17, 5))
    dones = random.random((17, 5)) < 0.2
    last = random.normal(size=5)
    advantage = compute_gae(*map(torch.tensor, (rewards, values, dones, last)), 0.97, 0.9)
    np.testing.assert_allclose(
        advantage, reference_gae(rewards, values, dones, last, 0.97, 0.9), rtol=1e-12
    )


def test_no_bootstrap_after_a_terminal_step():
    rewards, values = torch.zeros(2, 1), torch.zeros(2, 1)
    dones = torch.tensor([[False], [True]])
    advantage = compute_gae(rewards, values, dones, torch.tensor([100.0]), 0.99, 0.95)
    assert torch.equal(advantage, torch.zeros(2, 1))


def test_last_value_is_bootstrapped_within_an_episode():
    rewards, values = torch.zeros(1, 1), torch.zeros(1, 1)
    advantage = compute_gae(
        rewards, values, torch.tensor([[False]]), torch.tensor([10.0]), 0.5, 0.95
    )
    assert advantage.item() == 5.0
