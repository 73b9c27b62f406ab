"""Teacher: labels, gradients of the imitation loss, and resumed runs."""

import signal

import pytest
import torch

from daf.config import ConfigError, TrainingConfig
from daf.learn.collector import RolloutCollector
from daf.learn.ppo import PPOLearner
from daf.learn.resume import ResumeFile
from daf.learn.teacher import TEACHER_STREAM
from daf.learn.train import train
from daf.missions import load_mission
from daf.policies import Game, PolicySpec, make_policy
from daf.policies.chance import derive_row_seeds
from daf.sim.simulation import Simulation
from tests.learn.runs import make_run, result_content
from tests.learn.test_resume import StopsAfter

MISSION = load_mission("assembler_2").model_copy(update={"max_steps": 20})


def collector(**training) -> RolloutCollector:
    torch.manual_seed(0)
    defaults = {"teacher": "baseline", "teacher_steps": 1, "worlds": 4, "rollout_length": 50}
    config = TrainingConfig(**{**defaults, **training})
    return RolloutCollector(
        make_policy(PolicySpec("stateless"), Game.of(MISSION)), [MISSION], config, 3, "cpu"
    )


def test_teacher_acts_like_the_scripted_policy():
    """Each world has 2 episode ends at different steps; the teacher has separate seeds."""
    rollout, _ = collector().collect(teacher_share=1.0)
    simulation = Simulation(MISSION, 4, seed=3)
    simulation.state.now.copy_(torch.tensor([0, 5, 10, 15]))
    policy = make_policy(PolicySpec("baseline"), Game.of(MISSION))
    states = [None] * 4
    is_start = torch.ones(4, dtype=torch.bool)
    for t in range(50):
        seeds = derive_row_seeds(simulation.state.world_seed, 4, TEACHER_STREAM).view(4, 4)
        for world in range(4):
            state = policy.initial_state(seeds[world]) if is_start[world] else states[world]
            actions, states[world] = policy.act(simulation.observations[world], state)
            rows = slice(4 * world, 4 * world + 4)
            assert torch.equal(rollout.actions[t, rows], actions)
            assert torch.equal(rollout.teacher_actions[t, rows].long(), actions)
        _, _, done = simulation.step(rollout.actions[t].view(4, 4))
        assert torch.equal(done, rollout.dones[t, ::4]) and done.sum() <= 1
        is_start = done.clone()
        simulation.reset(is_start)


def test_teacher_acts_in_whole_worlds():
    rollout, _ = collector().collect(teacher_share=0.5)
    same = (rollout.actions == rollout.teacher_actions).float().mean(0).view(4, 4)
    assert (same[:2] == 1).all() and (same[2:] < 1).all()
    assert (rollout.teacher_actions >= 0).all()
    rollout, _ = collector().collect()
    assert (rollout.teacher_actions == -1).all()


def test_imitation_gradients_are_those_of_the_likelihood(monkeypatch):
    collect = collector(epochs=1, minibatches=1, max_grad_norm=1e9)
    rollout, advantage = collect.collect(teacher_share=0.5)
    rollout.teacher_actions[
        ::2
    ] = -1  # half of the samples are PPO's: at ratio 1 the slope is -advantage
    logits, values, _ = collect.policy(
        rollout.observations, rollout.initial_recurrent_state, rollout.episode_starts
    )
    log_probs = torch.log_softmax(logits, -1)
    entropy = -(log_probs.exp() * log_probs).sum(-1)
    norm_advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
    action_log_probs = log_probs.gather(2, rollout.actions[..., None])[..., 0]
    ratio = (action_log_probs - action_log_probs.detach()).exp()
    ppo_loss = -norm_advantage * ratio - 0.01 * entropy
    labels = rollout.teacher_actions.long().clamp(min=0)
    imitation_loss = -log_probs.gather(2, labels[..., None])[..., 0]
    value_loss = 0.5 * (values - advantage - rollout.values).square()
    loss = (
        torch.where(rollout.teacher_actions < 0, ppo_loss, imitation_loss) + 0.5 * value_loss
    ).mean()
    loss.backward()
    expected = [parameter.grad.clone() for parameter in collect.policy.parameters()]
    learner = PPOLearner(collect.policy, collect.config)
    monkeypatch.setattr(learner.optimizer, "step", lambda: None)
    learner.prepare_update(1e-3, collect.worlds_of_all_ranks, torch.Generator())
    learner.update(rollout, advantage)
    for parameter, gradient in zip(collect.policy.parameters(), expected):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-3, atol=1e-6)


def make_teacher_run(**changes):
    """Return a run of 5 updates, 2 of them with a teacher."""
    steps = 2 * 16 * 2
    return make_run("lstm", **{"teacher": "baseline", "teacher_steps": steps, **changes})


def test_imitation_loss_decreases():
    result = train(make_teacher_run(updates=40, teacher_steps=10**6, worlds=4))
    loss = result.metrics["policy_loss"]
    assert loss.iloc[-5:].mean() < 0.8 * loss.iloc[0]


@pytest.mark.parametrize("update", [1, 3])
def test_resumed_teacher_run_equals_an_uninterrupted_one(update, tmp_path):
    whole = result_content(train(make_teacher_run()))
    with (
        pytest.raises(KeyboardInterrupt),
        StopsAfter(tmp_path, "same").stop(update, signal.SIGTERM) as resume,
    ):
        train(make_teacher_run(), resume=resume)
    with ResumeFile(tmp_path, "same") as resume:
        assert result_content(train(make_teacher_run(), resume=resume)) == whole


def test_teacher_share_falls_linearly():
    imitation = {"teacher": "baseline", "teacher_steps": 200}
    shares = [TrainingConfig(**imitation).teacher_share_of_worlds(steps) for steps in (0, 50, 150)]
    assert shares == [1.0, 0.75, 0.25]
    config = TrainingConfig(**imitation, final_teacher_share=0.5)
    assert [config.teacher_share_of_worlds(steps) for steps in (0, 100)] == [1.0, 0.75]
    config = TrainingConfig(**imitation, final_teacher_share=0.5, teacher_share_steps=100)
    shares = [config.teacher_share_of_worlds(steps) for steps in (0, 50, 100, 199)]
    assert shares == [1.0, 0.75, 0.5, 0.5]
    cloning = TrainingConfig(**imitation, final_teacher_share=1.0)
    assert {cloning.teacher_share_of_worlds(steps) for steps in range(200)} == {1.0}


def test_code_of_the_teacher_is_part_of_the_run():
    assert make_teacher_run().list_daf_class_modules() == [
        "daf.policies.lstm",
        "daf.policies.baseline",
    ]
    assert make_teacher_run().name != make_run("lstm").name


@pytest.mark.parametrize("settings, error", [
    ({"teacher": "baseline"}, "teacher_steps: got 0 with teacher: baseline; expected at"),
    ({"teacher_steps": 5}, "teacher_steps: got 5 with teacher: auto; expected at least 1 "),
    ({"teacher_steps": 5, "teacher": None}, "teacher_steps: got 5 with teacher: null; expected"),
    ({"teacher": "lstm", "teacher_steps": 5}, "key 'teacher': .*accepted: .*baseline"),
    ({"final_teacher_share": 0.5}, "final_teacher_share: got 0.5 with teacher: auto; expected 0"),
    ({"teacher_share_steps": 9, "teacher_steps": 5, "teacher": "baseline"},
     "teacher_share_steps: got 9 with teacher_steps: 5; expected at most"),
    ({"teacher_share_steps": 9}, "teacher_share_steps: got 9 with teacher_steps: 0; expected"),
])  # fmt: skip
def test_invalid_teacher_settings_are_refused(settings, error):
    with pytest.raises(ConfigError, match=error):
        TrainingConfig.parse(settings, "test")
