"""The template `config/my_policy.py`, and the check of network outputs."""

from pathlib import Path

import pytest
import torch

from daf.config import BenchmarkConfig, ConfigError, EvaluationConfig
from daf.evaluation.evaluate import evaluate
from daf.learn.train import train
from daf.missions import load_mission
from daf.plan import make_plan
from daf.policies import Game, PolicySpec, TrainablePolicy, make_policy
from daf.policies.checks import check_forward

TEMPLATE = Path(__file__).parents[2] / "config" / "my_policy.py"
SHORT = "extends: assembler_2\nmax_steps: 40\n"


@pytest.fixture
def plan(tmp_path):
    mission = tmp_path / "short.yaml"
    mission.write_text(SHORT)
    return make_plan(
        BenchmarkConfig.parse(
            {
                "policies": [f"{TEMPLATE}:Wanderer", f"{TEMPLATE}:Network"],
                "missions": [str(mission)],
                "training_seeds": [1],
                "training": {"steps": 640, "worlds": 4, "rollout_length": 8},
            },
            "test",
        )
    )


def test_template_trains_and_evaluates(plan, tmp_path):
    (run,) = plan.runs.values()
    result = train(run)
    assert result.metrics["value_loss"].notna().all()
    result.policy.save(tmp_path / "weights.safetensors")
    (mission,) = plan.missions.values()
    for instance in plan.policies.values():
        weights = [str(tmp_path / "weights.safetensors")] if instance.training_seed else []
        episodes, _ = evaluate(
            instance, mission, EvaluationConfig(episodes=4), weights_files=weights
        )
        assert len(episodes) == 4 and (episodes["moves"] > 0).all()


def test_template_network_gives_equal_outputs_for_sequences_and_single_steps():
    """The sequence contains an episode start."""
    game = Game.of(load_mission("assembler_2"))
    network = make_policy(PolicySpec(f"{TEMPLATE}:Network"), game)
    observations = torch.randint(0, 256, (6, 5, 20, 3), dtype=torch.uint8)
    episode_starts = torch.zeros(6, 5, dtype=torch.bool)
    episode_starts[3, 2] = True
    state = network.initial_recurrent_state(5)
    sequence_logits, _, last_state = network(observations, state, episode_starts)
    for t in range(6):
        step = slice(t, t + 1)
        logits, _, state = network(observations[step], state, episode_starts[step])
        torch.testing.assert_close(logits[0], sequence_logits[t])
    torch.testing.assert_close(state, last_state)


class FixedOutputs(TrainablePolicy):
    """Network with outputs of prescribed shapes and dtype."""

    shapes = ((2, 3, 5), (2, 3), (3, 7))
    dtype = torch.float32

    def initial_recurrent_state(self, num_rows):
        return torch.zeros(num_rows, 7)

    def forward(self, observations, recurrent_state, episode_starts):
        return tuple(torch.zeros(shape, dtype=self.dtype) for shape in self.shapes)


@pytest.mark.parametrize("attributes, message", [
    ({"shapes": ((2, 3, 4), (2, 3), (3, 7))},
        r"forward returned logits float32 \[2, 3, 4\]; expected float32 \[2, 3, 5\]"),
    ({"shapes": ((2, 3, 5), (2, 3, 1), (3, 7))},
        r"forward returned values float32 \[2, 3, 1\]; expected float32 \[2, 3\]"),
    ({"shapes": ((2, 3, 5), (2, 3), (1, 3, 7))},
        r"forward returned recurrent state float32 \[1, 3, 7\]; expected float32 \[3, 7\]"),
    ({"dtype": torch.float64}, r"forward returned logits float64 .* float32"),
    ({"shapes": ((2, 3, 5), (2, 3))}, r"the network fails on .* 2 steps and 3 rows \(ValueErr"),
    ({"initial_recurrent_state": lambda num_rows: torch.zeros(1, num_rows, 7)},
        r"initial_recurrent_state returned recurrent state float32 \[1, 3, 7\]; "
        r"expected float32 \[3, 7\]"),
])  # fmt: skip
def test_other_network_outputs_raise(attributes, message):
    network = FixedOutputs(Game.of(load_mission("assembler_2")))
    check_forward("mine", network)
    for name, value in attributes.items():
        setattr(network, name, value)
    with pytest.raises(ConfigError, match=f"policy 'mine': {message}"):
        check_forward("mine", network)
