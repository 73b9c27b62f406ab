"""Experience and updates: the bugs that everybody makes, by name."""

import hashlib

import pytest
import torch

from daf.config import BenchmarkConfig, ConfigError, TrainingConfig
from daf.jobs.device import deterministic_cuda
from daf.learn.collector import RolloutCollector
from daf.learn.ppo import PPOLearner
from daf.learn.train import train
from daf.learn.trainer import DivergedError, Trainer
from daf.missions import load_mission
from daf.plan import make_plan
from daf.policies import Game, PolicySpec, make_policy
from tests.learn.trainings import run_of


def short_mission(steps, **changes):
    return load_mission("assembler_2").model_copy(update={"max_steps": steps, **changes})


def collector(policy_name, mission, **training):
    torch.manual_seed(0)
    config = TrainingConfig(**{"worlds": 6, "rollout_length": 16, **training})
    policy = make_policy(PolicySpec(policy_name), Game.of(mission))
    return RolloutCollector(policy, [mission], config, 3, "cpu")


def run(policy="stateless", **training):
    training = {"steps": 800, "worlds": 4, "rollout_length": 16, **training}
    config = BenchmarkConfig.parse(
        {
            "policies": [policy],
            "missions": ["assembler_2"],
            "training": training,
            "training_seeds": [5],
        },
        "test",
    )
    return next(iter(make_plan(config).runs.values()))


def weights_hash(policy):
    content = b"".join(tensor.numpy().tobytes() for tensor in policy.state_dict().values())
    return hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("policy", ["stateless", "lstm"])
def test_probability_ratio_is_one_before_the_first_update_across_episode_ends(policy):
    # Episodes of 7 steps end in the middle of rollouts of 16: a hidden state that is reset a step
    # early or late would change the probabilities that the learner computes again.
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


def test_starts_follow_dones_and_the_first_view_of_an_episode_is_a_fresh_one():
    collect = collector("stateless", short_mission(5))
    first = collect.collect()[0].observations[0].clone()
    rollout, _ = collect.collect()
    assert torch.equal(rollout.episode_starts[1:], rollout.dones[:-1])
    assert rollout.episode_starts.any(0).all()
    for observations, begins in zip(rollout.observations, rollout.episode_starts):
        assert torch.equal(observations[begins], first[begins])


def test_worlds_are_at_different_times_and_cut_first_episodes_do_not_count():
    collect = collector("stateless", short_mission(12), worlds=4, rollout_length=4)
    scores, ends = [], []
    for _ in range(6):
        rollout, _ = collect.collect()
        scores.append(collect.finished_scores()[0])
        ends.append(rollout.dones[:, ::4].clone())
    # World e is 3 e steps into an episode of 12 when the training begins.
    assert torch.nonzero(torch.cat(ends)).tolist() == [
        [2, 3], [5, 2], [8, 1], [11, 0], [14, 3], [17, 2], [20, 1], [23, 0],
    ]  # fmt: skip
    assert torch.stack(scores).isnan().tolist() == [True, True, False, False, False, False]


def test_a_truncated_episode_is_worth_what_its_last_view_promises():
    # Same worlds, same actions; only the kind of the end differs: by gamma * value.
    rewards = {}
    for truncates in (False, True):
        collect = collector("stateless", short_mission(16, truncates=truncates))
        rollout, _ = collect.collect()
        first = slice(0, 4)  # the world whose first episode is a whole one
        assert rollout.dones[15, first].all()
        rewards[truncates] = rollout.rewards[:, first].clone()
    gain = rewards[True] - rewards[False]
    assert torch.equal(gain[:15], torch.zeros_like(gain[:15]))
    other = collector("stateless", short_mission(17))
    longer, _ = other.collect()
    _, value, _ = other.policy(
        other.simulations[0].observations.flatten(0, 1)[None, :, : longer.observations.shape[2]],
        other.initial_recurrent_state,
        torch.zeros(1, 24, dtype=torch.bool),
    )
    # The last view differs in one token only: how much of the episode has passed.
    torch.testing.assert_close(gain[15], 0.99 * value[0, first].detach(), rtol=0.3, atol=0.05)
    assert gain[15].abs().max() > 0


def test_shaping_pays_for_each_count_and_leaves_the_score_alone():
    plain = collector("stateless", load_mission("assembler_2"), worlds=32)
    shaped = collector("stateless", load_mission("assembler_2"), worlds=32, shaping={"moves": 0.5})
    before = shaped.simulations[0].counters.clone()
    rollouts = plain.collect()[0], shaped.collect()[0]
    moves = plain.simulations[0].statistic_names.index("moves")
    moved = (shaped.simulations[0].counters - before)[:, moves].sum()
    bonus = (rollouts[1].rewards - rollouts[0].rewards).sum()
    assert bonus == 0.5 * 4 * moved > 0
    assert torch.equal(plain.simulations[0].counters, shaped.simulations[0].counters)


def test_several_missions_share_the_worlds():
    missions = [load_mission("assembler_1"), load_mission("assembler_2")]
    policy = make_policy(PolicySpec("stateless"), Game.of(*missions))
    config = TrainingConfig(worlds=5, rollout_length=8, missions=("a", "b"))
    collect = RolloutCollector(policy, missions, config, 0, "cpu")
    assert [simulation.num_worlds for simulation in collect.simulations] == [3, 2]
    assert collect.collect()[0].actions.shape == (8, 3 * 1 + 2 * 4)


def test_a_mission_of_many_layouts_is_trained_on_in_all_of_them():
    shape = {"worlds": 64, "rollout_length": 16, "steps": 64 * 16 * 4}
    training = Trainer(run_of("stateless", ("assembler_2@1-9",), **shape))
    [simulation] = training.collector.simulations
    assert simulation.state.layout.unique().numel() == 9
    training.run_update()
    [line] = training.curve
    assert "score/assembler_2@1-9" in line


def test_update_raises_the_probability_of_what_was_better_than_expected():
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
    learner.prepare_update(1e-3, collect.rows, torch.Generator())
    learner.update(rollout, advantage)
    assert probability() > before + 0.01


def reference_loss(policy, rollout, advantage, part, config):
    """The loss as the paper has it, on the rows of one minibatch, and its metrics."""
    logits, values, _ = policy(
        rollout.observations[:, part],
        rollout.initial_recurrent_state[part],
        rollout.episode_starts[:, part],
    )
    all_log_probs = torch.log_softmax(logits, dim=-1)
    log_probs = all_log_probs.gather(-1, rollout.actions[:, part, None])[..., 0]
    ratio = (log_probs - rollout.log_probs[:, part]).exp()
    weight = advantage[:, part]
    weight = (weight - weight.mean()) / (weight.std() + 1e-8)
    clipped = ratio.clamp(1 - config.clip, 1 + config.clip)
    policy_loss = -torch.minimum(weight * ratio, weight * clipped).mean()
    returns = (advantage + rollout.values)[:, part]
    value_loss = 0.5 * (values - returns).square().mean()
    entropy = -(all_log_probs.exp() * all_log_probs).sum(-1).mean()
    loss = policy_loss + config.value_coef * value_loss - config.entropy_coef * entropy
    kl = (ratio - 1 - ratio.log()).mean()
    outside = ((ratio - 1).abs() > config.clip).float().mean()
    return loss, [policy_loss, value_loss, entropy, kl, outside]


@pytest.mark.parametrize("policy, blocks", [("stateless", 1), ("stateless", 4), ("lstm", 3)])
def test_gradients_are_those_of_the_loss_in_one_block_or_several(policy, blocks, monkeypatch):
    settings = {"epochs": 1, "minibatches": 1, "max_grad_norm": 1e9, "entropy_coef": 0.1}
    collect = collector(policy, short_mission(7), **settings)
    rollout, advantage = collect.collect()
    with torch.no_grad():  # so that many ratios are outside of the clip, and most are not 1
        for parameter in collect.policy.parameters():
            parameter += 0.1 * torch.randn(parameter.shape)
    part = torch.randperm(collect.rows, generator=torch.Generator().manual_seed(4))
    loss, metrics = reference_loss(collect.policy, rollout, advantage, part, collect.config)
    loss.backward()
    expected = [parameter.grad.clone() for parameter in collect.policy.parameters()]
    assert 0.05 < metrics[4] < 0.95

    monkeypatch.setattr("daf.learn.ppo.MICROBATCH_SAMPLES", 16 * collect.rows // blocks)
    learner = PPOLearner(collect.policy, collect.config)
    monkeypatch.setattr(learner.optimizer, "step", lambda: None)
    learner.prepare_update(1e-3, collect.rows, torch.Generator().manual_seed(4))
    found = learner.update(rollout, advantage)
    for parameter, gradient in zip(collect.policy.parameters(), expected):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-3, atol=1e-6)
    torch.testing.assert_close(found[:5], torch.stack(metrics).detach(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("policy", ["stateless", "lstm"])
def test_the_number_of_threads_leaves_no_trace(policy, monkeypatch):
    monkeypatch.setattr("daf.learn.ppo.MICROBATCH_SAMPLES", 16)
    found = []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        try:
            found.append(train(run(policy), report=lambda line: None))
            assert torch.get_num_threads() == threads
        finally:
            torch.set_num_threads(1)
    assert len({weights_hash(trained.policy) for trained in found}) == 1
    assert len({trained.metrics.to_json() for trained in found}) == 1


@pytest.mark.gpu
@pytest.mark.parametrize("policy, taught", [("stateless", 0), ("lstm", 0), ("lstm", 4)])
def test_an_update_from_its_recording_is_the_update_itself(policy, taught):
    deterministic_cuda()
    a_rollout = 4 * 4 * 16
    teacher = {"teacher": "baseline", "teacher_steps": taught * a_rollout} if taught else {}
    spec = run(policy, steps=8 * a_rollout, **teacher)
    recorded, plain = Trainer(spec, "cuda"), Trainer(spec, "cuda")
    for part in (plain._imitate, plain._collect, plain._learn):
        part.on_gpu = False
    for training in (recorded, plain):
        while not training.done:
            training.run_update()
    parts = [recorded._collect, recorded._learn] + [recorded._imitate] * bool(taught)
    assert all(part._graph is not None for part in parts)
    assert recorded.result().metrics.to_json() == plain.result().metrics.to_json()
    for tensors in zip(recorded.policy.parameters(), plain.policy.parameters()):
        assert torch.equal(*tensors)


@pytest.mark.parametrize("policy", ["stateless", "lstm"])
def test_the_same_run_twice_gives_the_same_bytes(policy):
    first, second = (train(run(policy), report=lambda line: None) for _ in range(2))
    assert weights_hash(first.policy) == weights_hash(second.policy)
    assert first.metrics.to_json() == second.metrics.to_json()
    assert first.run_json == second.run_json


def test_global_random_state_neither_matters_nor_changes():
    torch.manual_seed(1)
    first = weights_hash(train(run(), report=lambda line: None).policy)
    torch.manual_seed(2)
    expected = torch.Generator().manual_seed(2)
    assert weights_hash(train(run(), report=lambda line: None).policy) == first
    assert torch.rand(1).item() == torch.rand(1, generator=expected).item()


def test_a_hundred_steps_really_train():
    trained = train(run(steps=100), report=lambda line: None)
    assert trained.run_json["steps"] == 4 * 4 * 16  # rounded up to whole updates
    assert (trained.metrics["gradient_norm"] > 0).all()
    # Biases start at zero.
    assert trained.policy.actor.bias.abs().max() > 0


def test_a_training_that_diverges_says_so(monkeypatch):
    monkeypatch.setattr("daf.learn.collector.advantages", lambda rewards, *_: rewards * torch.nan)
    with pytest.raises(DivergedError, match=r"diverged in update 1 .*learning_rate"):
        train(run(), report=lambda line: None)


def test_a_policy_without_weights_cannot_be_trained():
    spec = run().model_copy(update={"class_path": "random"})
    with pytest.raises(ConfigError, match="'random' cannot be trained"):
        train(spec, report=lambda line: None)


def test_progress_has_the_numbers_people_ask_for():
    lines = []
    train(run(), report=lines.append)
    assert all(word in lines[-1] for word in ("steps", "/s", "env", "forward", "learn", "score"))
    assert "s left" in lines[-1]


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["stateless", "lstm"])
def test_assembler_2_is_learned(policy):
    trained = train(
        run(policy, steps=5_000_000, worlds=128, rollout_length=32, shaping={"made_heart": 0.3})
    )
    assert trained.metrics["score"].dropna().iloc[-1] >= 90


FLAT = """
import torch
from daf.policies import TrainablePolicy

class Flat(TrainablePolicy):
    def __init__(self, game, device="cpu"):
        super().__init__(game, device)
        self.actor = torch.nn.Linear(game.num_tokens * 3, self.num_outputs)
        self.critic = torch.nn.Linear(game.num_tokens * 3, 1)

    def initial_recurrent_state(self, rows):
        return torch.zeros(rows, 0)

    def forward(self, observations, memory, starts):
        seen = observations.flatten(2).float() / 255
        return self.actor(seen), self.critic(seen)[..., 0], memory
"""


def test_a_network_of_ones_own_sees_whole_observations(tmp_path):
    file = tmp_path / "flat.py"
    file.write_text(FLAT)
    trained = train(run(f"{file}:Flat"), report=lambda line: None)
    assert trained.policy.actor.weight.shape == (5, 600)
    assert (trained.metrics["gradient_norm"] > 0).all()
