"""Imitation: what is shown, what is learned from it, and that a stopped one goes on."""

import signal

import pytest
import torch

from daf.config import ConfigError, TrainingConfig
from daf.learn.collector import RolloutCollector
from daf.learn.ppo import PPOLearner
from daf.learn.resume import ResumeState
from daf.learn.teacher import TEACHER_STREAM
from daf.learn.train import train
from daf.missions import load_mission
from daf.policies import Game, PolicySpec, make_policy
from daf.policies.chance import mix_seeds
from daf.sim.simulation import Simulation
from tests.learn.test_resume import StopsAfter
from tests.learn.trainings import bytes_of, run_of

MISSION = load_mission("assembler_2").model_copy(update={"max_steps": 20})


def collector(**training) -> RolloutCollector:
    torch.manual_seed(0)
    taught = {"teacher": "baseline", "teacher_steps": 1, "worlds": 4, "rollout_length": 50}
    config = TrainingConfig(**{**taught, **training})
    return RolloutCollector(
        make_policy(PolicySpec("stateless"), Game.of(MISSION)), [MISSION], config, 3, "cpu"
    )


def test_a_teacher_that_plays_all_worlds_plays_as_it_does_alone():
    """Over two ends of episodes, in each world at another time; its randomness comes from seeds of
    its own."""
    rollout, _ = collector().collect(teacher_share=1.0)
    simulation = Simulation(MISSION, 4, seed=3)
    simulation.state.now.copy_(torch.tensor([0, 5, 10, 15]))
    policy = make_policy(PolicySpec("baseline"), Game.of(MISSION))
    states = [None] * 4
    begins = torch.ones(4, dtype=torch.bool)
    for t in range(50):
        seeds = mix_seeds(simulation.state.world_seed, 4, TEACHER_STREAM).view(4, 4)
        for world in range(4):
            state = policy.initial_state(seeds[world]) if begins[world] else states[world]
            actions, states[world] = policy.act(simulation.observations[world], state)
            rows = slice(4 * world, 4 * world + 4)
            assert torch.equal(rollout.actions[t, rows], actions)
            assert torch.equal(rollout.teacher_actions[t, rows].long(), actions)
        _, _, done = simulation.step(rollout.actions[t].view(4, 4))
        assert torch.equal(done, rollout.dones[t, ::4]) and done.sum() <= 1
        begins = done.clone()
        simulation.reset(begins)


def test_the_share_that_is_shown_is_of_whole_worlds():
    rollout, _ = collector().collect(teacher_share=0.5)
    same = (rollout.actions == rollout.teacher_actions).float().mean(0).view(4, 4)
    assert (same[:2] == 1).all() and (same[2:] < 1).all()
    assert (rollout.teacher_actions >= 0).all()
    rollout, _ = collector().collect()
    assert (rollout.teacher_actions == -1).all()


def test_gradients_are_those_of_the_likelihood(monkeypatch):
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
    weight = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
    acted = log_probs.gather(2, rollout.actions[..., None])[..., 0]
    untaught = -weight * (acted - acted.detach()).exp() - 0.01 * entropy
    lesson = rollout.teacher_actions.long().clamp(min=0)
    told = -log_probs.gather(2, lesson[..., None])[..., 0]
    error = 0.5 * (values - advantage - rollout.values).square()
    loss = (torch.where(rollout.teacher_actions < 0, untaught, told) + 0.5 * error).mean()
    loss.backward()
    expected = [parameter.grad.clone() for parameter in collect.policy.parameters()]
    learner = PPOLearner(collect.policy, collect.config)
    monkeypatch.setattr(learner.optimizer, "step", lambda: None)
    learner.prepare_update(1e-3, collect.rows, torch.Generator())
    learner.update(rollout, advantage)
    for parameter, gradient in zip(collect.policy.parameters(), expected):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-3, atol=1e-6)


def taught(**changes):
    """Two of five updates are taught."""
    steps = 2 * 16 * 2
    return run_of("lstm", **{"teacher": "baseline", "teacher_steps": steps, **changes})


def test_it_becomes_more_likely_to_do_what_the_teacher_does():
    trained = train(taught(updates=40, teacher_steps=10**6, worlds=4))
    lost = trained.metrics["policy_loss"]
    assert lost.iloc[-5:].mean() < 0.8 * lost.iloc[0]


@pytest.mark.parametrize("update", [1, 3])
def test_stopped_while_taught_or_after_is_the_same_as_never(update, tmp_path):
    whole = bytes_of(train(taught()))
    with (
        pytest.raises(KeyboardInterrupt),
        StopsAfter(tmp_path, "same").stop(update, signal.SIGTERM) as resume,
    ):
        train(taught(), resume=resume)
    with ResumeState(tmp_path, "same") as resume:
        assert bytes_of(train(taught(), resume=resume)) == whole


def test_the_code_of_the_teacher_is_part_of_the_training():
    assert taught().modules() == ["daf.policies.lstm", "daf.policies.baseline"]
    assert taught().name != run_of("lstm").name


@pytest.mark.parametrize("settings, said", [
    ({"teacher": "baseline"}, "teacher_steps: got 0 with teacher baseline; a teacher needs at"),
    ({"teacher_steps": 5}, "teacher_steps: got 5 with teacher null; a teacher needs at least 1, "),
    ({"teacher": "lstm", "teacher_steps": 5}, "key 'teacher': .*accepted: baseline"),
])  # fmt: skip
def test_lessons_that_cannot_be(settings, said):
    with pytest.raises(ConfigError, match=said):
        TrainingConfig.parse(settings, "test")
