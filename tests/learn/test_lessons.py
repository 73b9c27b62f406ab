"""A curriculum: missions one after the other."""

import copy

import pytest
import torch

from daf.config import ConfigError, TrainingConfig
from daf.learn.train import train
from daf.learn.trainer import Trainer
from tests.learn.trainings import curriculum, run_of


def test_each_mission_is_trained_on_for_its_steps():
    metrics = train(curriculum()).metrics
    assert metrics["steps"].tolist() == [64, 128, 384, 640, 896]
    assert metrics["learning_rate"].tolist() == pytest.approx(
        [2e-3 * (1 - done / 896) for done in (0, 64, 128, 384, 640)]
    )
    assert {"score/assembler_1", "score/assembler_2@1-9"} <= set(metrics)


def test_the_first_lesson_is_a_training_on_its_mission_alone():
    whole = Trainer(curriculum(training_seed=0, anneal=False))
    alone = Trainer(run_of("lstm", ("assembler_1",), training_seed=0, worlds=4, anneal=False))
    for same in (True, True, False):
        whole.run_update()
        alone.run_update()
        pairs = zip(whole.policy.parameters(), alone.policy.parameters())
        assert all(torch.equal(*pair) for pair in pairs) == same


def test_a_state_is_taken_over_in_its_lesson():
    """Of several ranks only the first has checked it before."""
    first, other = Trainer(curriculum()), Trainer(curriculum())
    for _ in range(3):
        first.run_update()
    other.load_state_dict(copy.deepcopy(first.state_dict()))
    for training in (first, other):
        training.run_update()
    pairs = zip(first.policy.parameters(), other.policy.parameters())
    assert all(torch.equal(*pair) for pair in pairs)


@pytest.mark.parametrize("settings, problem", [
    ({"curriculum": [10, 20]}, "got 2 for 0 training missions"),
    ({"curriculum": [10], "missions": ["a", "b"]}, "got 1 for 2 training missions"),
    ({"curriculum": [10, 20], "missions": ["a", "b"], "steps": 40}, "got 30 steps in all.* 40"),
    ({"curriculum": [10, 0], "missions": ["a", "b"], "steps": 10}, "curriculum"),
])  # fmt: skip
def test_lessons_that_do_not_fit(settings, problem):
    with pytest.raises(ConfigError, match=problem):
        TrainingConfig.parse(settings, "test")
