"""Episodes of training that end at the ceiling."""

import signal

import pytest
import torch

from daf.config import TrainingConfig
from daf.learn.collector import RolloutCollector
from daf.learn.resume import ResumeFile
from daf.learn.train import train
from daf.missions import load_mission
from daf.policies import Game, PolicySpec, make_policy
from tests.learn.runs import make_run, result_content
from tests.learn.test_resume import StopsAfter

MAX_STEPS, HEARTS = 200, 2.0
MISSION = load_mission("assembler_2").model_copy(update={"max_steps": MAX_STEPS, "ceiling": HEARTS})


def collect(mission=MISSION, **training):
    """Return a collector after 150 steps of the teacher in 2 worlds, and its rollout."""
    config = TrainingConfig(
        worlds=2, rollout_length=150, teacher="baseline", teacher_steps=1, **training
    )
    torch.manual_seed(0)
    policy = make_policy(PolicySpec("stateless"), Game.of(mission))
    collector = RolloutCollector(policy, [mission], config, 3, "cpu")
    return collector, collector.collect(teacher_share=1.0).rollout


def test_episodes_end_at_the_ceiling():
    collector, rollout = collect(end_at_ceiling=True)
    [simulation] = collector.simulations
    ends = rollout.dones[:, ::4].sum(0)
    assert (ends >= 1).all() and torch.equal(simulation.state.episode.long(), 1 + ends)
    assert (simulation.score() < HEARTS).all()
    assert (simulation.state.now < MAX_STEPS).all()
    assert torch.equal(rollout.episode_starts[1:], rollout.dones[:-1])
    assert collector.episode_scores.pop_overall_and_mission_means()[0] == HEARTS


def test_episodes_go_past_the_ceiling_by_default():
    collector, rollout = collect()
    assert rollout.dones[:, ::4].sum() <= 2  # step limits of staggered first episodes
    assert (collector.simulations[0].score() > HEARTS).any()


def test_no_value_is_added_to_the_last_reward_at_the_ceiling():
    """The episode terminates there: only a step limit is a truncation."""
    truncating = MISSION.model_copy(update={"truncates": True})
    rollouts = [collect(mission, end_at_ceiling=True)[1] for mission in (MISSION, truncating)]
    assert rollouts[0].dones.any()
    assert torch.equal(rollouts[0].rewards, rollouts[1].rewards)


def test_resumed_run_equals_an_uninterrupted_one(tmp_path):
    def cloning_run():
        return make_run(
            teacher="baseline",
            teacher_steps=10_000,
            final_teacher_share=1.0,
            end_at_ceiling=True,
            max_steps=20,
        )

    whole = result_content(train(cloning_run()))
    with (
        pytest.raises(KeyboardInterrupt),
        StopsAfter(tmp_path, "same").stop(3, signal.SIGTERM) as resume,
    ):
        train(cloning_run(), resume=resume)
    with ResumeFile(tmp_path, "same") as resume:
        assert result_content(train(cloning_run(), resume=resume)) == whole
