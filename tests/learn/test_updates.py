"""Rollouts and updates: common bugs of PPO implementations."""

import pytest
import torch

from daf.config import TrainingConfig
from daf.learn.collector import RolloutCollector
from daf.learn.ppo import PPOLearner
from daf.learn.trainer import Trainer
from daf.missions import load_mission
from daf.policies import Game, PolicySpec, make_policy
from tests.learn.runs import make_run


def short_mission(steps, **changes):
    return load_mission("assembler_2").model_copy(update={"max_steps": steps, **changes})


def collector(policy_name, mission, **training):
    torch.manual_seed(0)
    config = TrainingConfig(**{"worlds": 6, "rollout_length": 16, **training})
    policy = make_policy(PolicySpec(policy_name), Game.of(mission))
    return RolloutCollector(policy, [mission], config, 3, "cpu")


@pytest.mark.parametrize("policy", ["stateless", "lstm", "mingru"])
def test_ratio_is_one_before_the_first_update(policy):
    # Episodes of 7 steps end within rollouts of 16: a recurrent state that is reset a step early or
    # late would change the recomputed probabilities.
    collect = collector(policy, short_mission(7))
    for _ in range(2):
        rollout, _ = collect.collect()
    assert rollout.episode_starts.any(1).sum() >= 2
    logits, values, _ = collect.policy(
        rollout.observations, rollout.initial_recurrent_state, rollout.episode_starts
    )
    log_probs = torch.log_softmax(logits, -1).gather(-1, rollout.actions[..., None])[..., 0]
    torch.testing.assert_close(log_probs, rollout.log_probs, rtol=0, atol=1e-5)
    torch.testing.assert_close(values, rollout.values, rtol=0, atol=1e-5)


def test_episode_starts_follow_dones():
    collect = collector("stateless", short_mission(5))
    first = collect.collect()[0].observations[0].clone()
    rollout, _ = collect.collect()
    assert torch.equal(rollout.episode_starts[1:], rollout.dones[:-1])
    assert rollout.episode_starts.any(0).all()
    for observations, is_start in zip(rollout.observations, rollout.episode_starts):
        assert torch.equal(observations[is_start], first[is_start])


def test_staggered_first_episodes_do_not_count():
    collect = collector("stateless", short_mission(12), worlds=4, rollout_length=4)
    scores, ends = [], []
    for _ in range(6):
        rollout, _ = collect.collect()
        scores.append(collect.episode_scores.pop_overall_and_mission_means()[0])
        ends.append(rollout.dones[:, ::4].clone())
    # World e starts at step 3 e of an episode of 12 steps.
    assert torch.nonzero(torch.cat(ends)).tolist() == [
        [2, 3], [5, 2], [8, 1], [11, 0], [14, 3], [17, 2], [20, 1], [23, 0],
    ]  # fmt: skip
    assert torch.stack(scores).isnan().tolist() == [True, True, False, False, False, False]


def test_truncated_episodes_bootstrap_the_final_value():
    # Worlds and actions are equal, so rewards differ by gamma * value only.
    rewards = {}
    for truncates in (False, True):
        collect = collector("stateless", short_mission(16, truncates=truncates))
        rollout, _ = collect.collect()
        first = slice(0, 4)  # the world with a complete first episode
        assert rollout.dones[15, first].all()
        rewards[truncates] = rollout.rewards[:, first].clone()
    bootstrap = rewards[True] - rewards[False]
    assert torch.equal(bootstrap[:15], torch.zeros_like(bootstrap[:15]))
    longer = collector("stateless", short_mission(17))
    rollout, _ = longer.collect()
    _, value, _ = longer.policy(
        longer.simulations[0].observations.flatten(0, 1)[None, :, : rollout.observations.shape[2]],
        longer.recurrent_state,
        torch.zeros(1, 24, dtype=torch.bool),
    )
    # The final observation differs in one token only, the fraction of the episode.
    torch.testing.assert_close(bootstrap[15], 0.99 * value[0, first].detach(), rtol=0.3, atol=0.05)
    assert bootstrap[15].abs().max() > 0


def test_shaping_adds_rewards_per_count_only():
    plain = collector("stateless", load_mission("assembler_2"), worlds=32)
    shaped = collector("stateless", load_mission("assembler_2"), worlds=32, shaping={"moves": 0.5})
    before = shaped.simulations[0].counters.clone()
    rollouts = plain.collect()[0], shaped.collect()[0]
    moves = plain.simulations[0].statistic_names.index("moves")
    moved = (shaped.simulations[0].counters - before)[:, moves].sum()
    bonus = (rollouts[1].rewards - rollouts[0].rewards).sum()
    assert bonus == 0.5 * 4 * moved > 0
    assert torch.equal(plain.simulations[0].counters, shaped.simulations[0].counters)


@pytest.mark.parametrize("worlds, shares, counts", [
    (5, [], [3, 2]), (8, [1, 3], [2, 6]), (5, [3, 1], [4, 1]), (2, [1, 1_000_000], None),
])  # fmt: skip
def test_worlds_are_split_over_missions(worlds, shares, counts):
    training = {"worlds": worlds, "world_shares": shares, "missions": ("a", "b")}
    if counts is None:
        with pytest.raises(ValueError, match="worlds: got 2; expected more"):
            TrainingConfig(**training)
        return
    missions = [load_mission("assembler_1"), load_mission("assembler_2")]
    policy = make_policy(PolicySpec("stateless"), Game.of(*missions))
    config = TrainingConfig(rollout_length=8, **training)
    collect = RolloutCollector(policy, missions, config, 0, "cpu")
    assert [simulation.num_worlds for simulation in collect.simulations] == counts
    assert collect.collect()[0].actions.shape == (8, counts[0] * 1 + counts[1] * 4)


def test_worlds_use_all_layouts():
    shape = {"worlds": 64, "rollout_length": 16, "steps": 64 * 16 * 4}
    trainer = Trainer(make_run("stateless", ("assembler_2@1-9",), **shape))
    [simulation] = trainer.collector.simulations
    assert simulation.state.layout.unique().numel() == 9
    trainer.run_update()
    [row] = trainer.curve
    assert "score/assembler_2@1-9" in row


def test_update_raises_the_probability_of_good_actions():
    collect = collector("stateless", load_mission("assembler_2"), entropy_coef=0, value_coef=0)
    rollout, _ = collect.collect()
    advantage = (rollout.actions == 3).float()
    learner = PPOLearner(collect.policy, collect.config)

    def probability():
        logits, _, _ = collect.policy(
            rollout.observations, rollout.initial_recurrent_state, rollout.episode_starts
        )
        return torch.softmax(logits, -1)[..., 3].mean().item()

    before = probability()
    learner.prepare_update(1e-3, collect.worlds_of_all_ranks, torch.Generator())
    learner.update(rollout, advantage)
    assert probability() > before + 0.01


def reference_loss(policy, rollout, advantage, rows, config):
    """Compute the loss of the paper (eq. 9) and its metrics for the rows of one minibatch."""
    logits, values, _ = policy(
        rollout.observations[:, rows],
        rollout.initial_recurrent_state[rows],
        rollout.episode_starts[:, rows],
    )
    all_log_probs = torch.log_softmax(logits, dim=-1)
    log_probs = all_log_probs.gather(-1, rollout.actions[:, rows, None])[..., 0]
    ratio = (log_probs - rollout.log_probs[:, rows]).exp()
    norm_advantage = advantage[:, rows]
    norm_advantage = (norm_advantage - norm_advantage.mean()) / (norm_advantage.std() + 1e-8)
    clipped = ratio.clamp(1 - config.clip, 1 + config.clip)
    policy_loss = -torch.minimum(norm_advantage * ratio, norm_advantage * clipped).mean()
    returns = (advantage + rollout.values)[:, rows]
    value_loss = 0.5 * (values - returns).square().mean()
    entropy = -(all_log_probs.exp() * all_log_probs).sum(-1).mean()
    loss = policy_loss + config.value_coef * value_loss - config.entropy_coef * entropy
    kl = (ratio - 1 - ratio.log()).mean()
    outside = ((ratio - 1).abs() > config.clip).float().mean()
    return loss, [policy_loss, value_loss, entropy, kl, outside]


@pytest.mark.parametrize("policy, microbatches", [
    ("stateless", 1), ("stateless", 4), ("lstm", 3), ("mingru", 3),
])  # fmt: skip
def test_gradients_equal_those_of_the_reference_loss(policy, microbatches, monkeypatch):
    settings = {"epochs": 1, "minibatches": 1, "max_grad_norm": 1e9, "entropy_coef": 0.1}
    collect = collector(policy, short_mission(7), **settings)
    rollout, advantage = collect.collect()
    with torch.no_grad():  # many ratios exceed the clipping range, and most differ from 1
        for parameter in collect.policy.parameters():
            parameter += 0.1 * torch.randn(parameter.shape)
    rows = torch.randperm(collect.num_rows, generator=torch.Generator().manual_seed(4))
    loss, metrics = reference_loss(collect.policy, rollout, advantage, rows, collect.config)
    loss.backward()
    expected = [parameter.grad.clone() for parameter in collect.policy.parameters()]
    assert 0.05 < metrics[4] < 0.95

    monkeypatch.setattr("daf.learn.ppo.MICROBATCH_SAMPLES", 16 * collect.num_rows // microbatches)
    learner = PPOLearner(collect.policy, collect.config)
    monkeypatch.setattr(learner.optimizer, "step", lambda: None)
    learner.prepare_update(1e-3, collect.worlds_of_all_ranks, torch.Generator().manual_seed(4))
    actual = learner.update(rollout, advantage)
    for parameter, gradient in zip(collect.policy.parameters(), expected):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-3, atol=1e-6)
    torch.testing.assert_close(actual[:5], torch.stack(metrics).detach(), rtol=1e-4, atol=1e-6)


def test_parameters_without_gradient_train_in_microbatches(monkeypatch):
    collect = collector("stateless", short_mission(7))
    collect.policy.unused = torch.nn.Parameter(torch.ones(3))
    rollout, advantage = collect.collect()
    monkeypatch.setattr("daf.learn.ppo.MICROBATCH_SAMPLES", 16)
    learner = PPOLearner(collect.policy, collect.config)
    learner.prepare_update(1e-3, collect.worlds_of_all_ranks, torch.Generator())
    assert learner.update(rollout, advantage).isfinite().all()
    assert torch.equal(collect.policy.unused, torch.ones(3))
