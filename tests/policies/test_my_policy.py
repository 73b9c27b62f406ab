"""The template for policies of one's own works as it stands; what is wrong with one is said."""

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


def test_the_template_trains_and_plays(plan, tmp_path):
    (run,) = plan.runs.values()
    trained = train(run)
    assert trained.metrics["value_loss"].notna().all()
    trained.policy.save(tmp_path / "weights.safetensors")
    (mission,) = plan.missions.values()
    for player in plan.policies.values():
        weights = [str(tmp_path / "weights.safetensors")] if player.training_seed else []
        episodes, _ = evaluate(player, mission, EvaluationConfig(episodes=4), weights=weights)
        assert len(episodes) == 4 and (episodes["moves"] > 0).all()


def test_its_network_means_the_same_at_once_and_step_by_step():
    """Across the beginning of an episode."""
    game = Game.of(load_mission("assembler_2"))
    network = make_policy(PolicySpec(f"{TEMPLATE}:Network"), game)
    observations = torch.randint(0, 256, (6, 5, 20, 3), dtype=torch.uint8)
    starts = torch.zeros(6, 5, dtype=torch.bool)
    starts[3, 2] = True
    memory = network.initial_recurrent_state(5)
    whole, _, last = network(observations, memory, starts)
    for t in range(6):
        logits, _, memory = network(observations[t : t + 1], memory, starts[t : t + 1])
        torch.testing.assert_close(logits[0], whole[t])
    torch.testing.assert_close(memory, last)


class Answers(TrainablePolicy):
    """Answers what it is told to."""

    answer = ((2, 3, 5), (2, 3), (3, 7))
    dtype = torch.float32

    def initial_recurrent_state(self, rows):
        return torch.zeros(rows, 7)

    def forward(self, observations, memory, starts):
        return tuple(torch.zeros(shape, dtype=self.dtype) for shape in self.answer)


@pytest.mark.parametrize("answer, said", [
    ({"answer": ((2, 3, 4), (2, 3), (3, 7))},
        r"forward returned logits float32 \[2, 3, 4\]; float32 \[2, 3, 5\] is needed"),
    ({"answer": ((2, 3, 5), (2, 3, 1), (3, 7))},
        r"forward returned values float32 \[2, 3, 1\]; float32 \[2, 3\] is needed"),
    ({"answer": ((2, 3, 5), (2, 3), (1, 3, 7))},
        r"forward returned memory float32 \[1, 3, 7\]; float32 \[3, 7\] is needed"),
    ({"dtype": torch.float64}, r"forward returned logits float64 .* float32"),
    ({"answer": ((2, 3, 5), (2, 3))}, r"asked about .* 2 steps and 3 agents, it fails \(ValueErr"),
    ({"initial_recurrent_state": lambda rows: torch.zeros(1, rows, 7)},
        r"initial_recurrent_state returned its memory float32 \[1, 3, 7\]; float32 \[3, 7\] is needed"),
])  # fmt: skip
def test_shapes_that_learning_cannot_use(answer, said):
    network = Answers(Game.of(load_mission("assembler_2")))
    check_forward("mine", network)
    for name, value in answer.items():
        setattr(network, name, value)
    with pytest.raises(ConfigError, match=f"policy 'mine': {said}"):
        check_forward("mine", network)
