"""What sweeps through Snakemake return, where the score of every trial is known beforehand."""

import json
import math

import pandas as pd
import pytest
import yaml

from tests.workflow.test_sweep import swept

pytestmark = pytest.mark.slow

STEPS = 200
POLICY = '''
import math

import torch
from torch import nn

from daf.policies import TrainablePolicy


class Dial(TrainablePolicy):
    """Changes its glyph in as many steps of an episode as its two arguments decide."""

    def __init__(self, game, device="cpu", x: float = 0.0, y: float = 0.0):
        super().__init__(game, device, glyphs=2)
        self.busy = math.floor(200 * math.exp(-(((x - 0.3) ** 2 + (y - 0.7) ** 2) / 0.1)))
        self.actor = nn.Parameter(torch.zeros(self.num_outputs))
        self.critic = nn.Parameter(torch.zeros(1))
        self.to(device)

    def initial_recurrent_state(self, rows):
        return torch.zeros(rows, 1, device=self.device)

    def forward(self, observations, memory, starts):
        actions = []
        for begins in starts:
            memory = torch.where(begins[:, None], 0.0, memory)
            step = memory[:, 0]
            actions.append(torch.where(step < self.busy, 6 - step.long() % 2, 0))
            memory = memory + 1
        chosen = torch.nn.functional.one_hot(torch.stack(actions), self.num_outputs)
        return 100.0 * chosen + self.actor, self.critic.expand(starts.shape), memory
'''
SWEEP = {
    "policy_class_path": "dial.py:Dial",
    "missions": ["short.yaml"],
    "search_space": {"x": {"min": 0, "max": 1}, "y": {"min": 0, "max": 1}},
    "num_trials": 16,
    "objective_metric": "glyph_changes",
    "num_training_steps": 2,
    "training": {"worlds": 1, "rollout_length": 2, "minibatches": 1},
    "episodes_per_trial": 1,
    "keep_best": 1,
    "confirmation": {"training_seeds": [5]},
    "execution": {"device": "cpu"},
}


def changes(values: dict) -> int:
    """How often the policy changes its glyph in an episode."""
    return math.floor(
        STEPS * math.exp(-((values["x"] - 0.3) ** 2 + (values["y"] - 0.7) ** 2) / 0.1)
    )


def test_a_model_confirms_more_than_chance(tmp_path):
    """Both return the best of what they tried, and it is confirmed with fresh seeds."""
    confirmed = {}
    (tmp_path / "dial.py").write_text(POLICY)
    (tmp_path / "short.yaml").write_text(f"extends: assembler_1\nmax_steps: {STEPS}\n")
    for strategy in ("bayesian", "random"):
        swept(tmp_path, SWEEP | {"strategy": strategy, "name": strategy})
        folder = tmp_path / "results/sweeps" / strategy
        trials = pd.read_parquet(folder / "trials.parquet")
        tried = [json.loads(values) for values in trials["hyperparameters"]]
        assert len(tried) == 16 and trials["objective"].tolist() == list(map(changes, tried))
        returned = yaml.safe_load((folder / "best_config.yaml").read_text())
        best = returned["policies"][0]["init_kwargs"]
        assert best in tried and changes(best) == max(map(changes, tried))
        found = json.loads((folder / "search.json").read_text())["best"]
        assert found["hyperparameters"] == best and found["objective"] == changes(best)
        confirmed[strategy] = found["confirmed"]["mean"]
        assert confirmed[strategy] == changes(best)
    assert confirmed["bayesian"] > confirmed["random"], confirmed
