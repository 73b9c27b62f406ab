"""Results of sweeps with a known objective."""

import json
import math

import pandas as pd
import pytest
import yaml

from tests.workflow.test_sweep import run_sweep

pytestmark = pytest.mark.slow

STEPS = 200
POLICY = '''
import math

import torch
from torch import nn

from daf.policies import TrainablePolicy


class Dial(TrainablePolicy):
    """Network that changes its glyph in a number of steps given by x and y."""

    def __init__(self, game, device="cpu", x: float = 0.0, y: float = 0.0):
        super().__init__(game, device, glyphs=2)
        self.busy = math.floor(200 * math.exp(-(((x - 0.3) ** 2 + (y - 0.7) ** 2) / 0.1)))
        self.actor = nn.Parameter(torch.zeros(self.num_outputs))
        self.critic = nn.Parameter(torch.zeros(1))
        self.to(device)

    def initial_recurrent_state(self, num_rows):
        return torch.zeros(num_rows, 1, device=self.device)

    def forward(self, observations, recurrent_state, episode_starts):
        actions = []
        for is_start in episode_starts:
            recurrent_state = torch.where(is_start[:, None], 0.0, recurrent_state)
            step = recurrent_state[:, 0]
            actions.append(torch.where(step < self.busy, 6 - step.long() % 2, 0))
            recurrent_state = recurrent_state + 1
        chosen = torch.nn.functional.one_hot(torch.stack(actions), self.num_outputs)
        values = self.critic.expand(episode_starts.shape)
        return 100.0 * chosen + self.actor, values, recurrent_state
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


def glyph_changes(values: dict) -> int:
    """Return the number of glyph changes per episode."""
    return math.floor(
        STEPS * math.exp(-((values["x"] - 0.3) ** 2 + (values["y"] - 0.7) ** 2) / 0.1)
    )


def test_bayesian_search_beats_random_search(tmp_path):
    """Both return their best trial, confirmed with new seeds."""
    confirmed = {}
    (tmp_path / "dial.py").write_text(POLICY)
    (tmp_path / "short.yaml").write_text(f"extends: assembler_1\nmax_steps: {STEPS}\n")
    for strategy in ("bayesian", "random"):
        run_sweep(tmp_path, SWEEP | {"strategy": strategy, "name": strategy})
        folder = tmp_path / "results/sweeps" / strategy
        trials = pd.read_parquet(folder / "trials.parquet")
        tested = [json.loads(values) for values in trials["hyperparameters"]]
        assert len(tested) == 16 and trials["objective"].tolist() == list(
            map(glyph_changes, tested)
        )
        returned = yaml.safe_load((folder / "best_config.yaml").read_text())
        best = returned["policies"][0]["init_kwargs"]
        assert best in tested and glyph_changes(best) == max(map(glyph_changes, tested))
        best_trial = json.loads((folder / "search.json").read_text())["best"]
        assert best_trial["hyperparameters"] == best and best_trial["objective"] == glyph_changes(
            best
        )
        confirmed[strategy] = best_trial["confirmed"]["mean"]
        assert confirmed[strategy] == glyph_changes(best)
    assert confirmed["bayesian"] > confirmed["random"], confirmed
