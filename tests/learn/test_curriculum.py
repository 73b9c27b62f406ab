"""Curriculum stages: missions one after the other."""

import copy

import pytest
import torch

from daf.config import ConfigError, TrainingConfig
from daf.learn.train import train
from daf.learn.trainer import Trainer
from tests.learn.runs import make_curriculum_run, make_run


def test_each_stage_lasts_for_its_steps():
    metrics = train(make_curriculum_run()).metrics
    assert metrics["steps"].tolist() == [64, 128, 384, 640, 896]
    assert metrics["learning_rate"].tolist() == pytest.approx(
        [2e-3 * (1 - done / 896) for done in (0, 64, 128, 384, 640)]
    )
    assert {"score/assembler_1", "score/assembler_2@1-9"} <= set(metrics)


def test_first_stage_equals_run_on_its_mission():
    whole = Trainer(make_curriculum_run(training_seed=0, anneal=False))
    alone = Trainer(make_run("lstm", ("assembler_1",), training_seed=0, worlds=4, anneal=False))
    for same in (True, True, False):
        whole.run_update()
        alone.run_update()
        pairs = zip(whole.policy.parameters(), alone.policy.parameters())
        assert all(torch.equal(*pair) for pair in pairs) == same


def test_load_state_dict_enters_the_stage():
    """Of several ranks only the first one has called `check_state_and_enter_curriculum_stage`."""
    first, other = Trainer(make_curriculum_run()), Trainer(make_curriculum_run())
    for _ in range(3):
        first.run_update()
    other.load_state_dict(copy.deepcopy(first.state_dict()))
    for trainer in (first, other):
        trainer.run_update()
    pairs = zip(first.policy.parameters(), other.policy.parameters())
    assert all(torch.equal(*pair) for pair in pairs)


@pytest.mark.parametrize("settings, error", [
    ({"curriculum": [10, 20]}, "got 2 .* 0 training missions"),
    ({"curriculum": [10], "missions": ["a", "b"]}, "got 1 .* 2 training missions"),
    ({"curriculum": [10, 20], "missions": ["a", "b"], "steps": 40}, "got 30 steps in .* 40"),
    ({"curriculum": [10, 0], "missions": ["a", "b"], "steps": 10}, "curriculum"),
])  # fmt: skip
def test_invalid_curriculum_is_refused(settings, error):
    with pytest.raises(ConfigError, match=error):
        TrainingConfig.parse(settings, "test")
