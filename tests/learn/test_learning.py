"""Training runs: deterministic, independent of threads and global state, and able to learn."""

import hashlib

import pytest
import torch

from daf.config import BenchmarkConfig, ConfigError
from daf.jobs.device import use_deterministic_cuda
from daf.learn.learning_curve import DivergedError
from daf.learn.train import train
from daf.learn.trainer import Trainer
from daf.plan import make_plan


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


@pytest.mark.parametrize("policy", ["stateless", "lstm", "mingru"])
def test_results_do_not_depend_on_threads(policy, monkeypatch):
    monkeypatch.setattr("daf.learn.ppo.MICROBATCH_SAMPLES", 16)
    results = []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        try:
            results.append(train(run(policy), report=lambda line: None))
            assert torch.get_num_threads() == threads
        finally:
            torch.set_num_threads(1)
    assert len({weights_hash(trained.policy) for trained in results}) == 1
    assert len({trained.metrics.to_json() for trained in results}) == 1


@pytest.mark.gpu
@pytest.mark.parametrize("policy, teacher_rollouts, critic", [
    ("stateless", 0, "own"), ("lstm", 0, "own"), ("lstm", 4, "own"), ("lstm", 4, "team"),
    ("mingru", 4, "own"),
])  # fmt: skip
def test_cuda_graphs_do_not_change_results(policy, teacher_rollouts, critic):
    use_deterministic_cuda()
    rollout_steps = 4 * 4 * 16
    teacher = {"teacher": "baseline", "teacher_steps": teacher_rollouts * rollout_steps}
    training = {"critic": critic, **(teacher if teacher_rollouts else {})}
    spec = run(policy, steps=8 * rollout_steps, **training)
    captured, plain = Trainer(spec, "cuda"), Trainer(spec, "cuda")
    for part in (plain._imitate, plain._collect, plain._learn):
        part.on_gpu = False
    for trainer in (captured, plain):
        while not trainer.is_done:
            trainer.run_update()
    parts = [captured._collect, captured._learn] + [captured._imitate] * bool(teacher_rollouts)
    assert all(part._graph is not None for part in parts)
    assert captured.build_result().metrics.to_json() == plain.build_result().metrics.to_json()
    for tensors in zip(captured.policy.parameters(), plain.policy.parameters()):
        assert torch.equal(*tensors)


@pytest.mark.parametrize("policy", ["stateless", "lstm", "mingru"])
def test_runs_are_deterministic(policy):
    first, second = (train(run(policy), report=lambda line: None) for _ in range(2))
    assert weights_hash(first.policy) == weights_hash(second.policy)
    assert first.metrics.to_json() == second.metrics.to_json()
    assert first.run_json == second.run_json


def test_global_random_state_is_not_used():
    torch.manual_seed(1)
    first = weights_hash(train(run(), report=lambda line: None).policy)
    torch.manual_seed(2)
    expected = torch.Generator().manual_seed(2)
    assert weights_hash(train(run(), report=lambda line: None).policy) == first
    assert torch.rand(1).item() == torch.rand(1, generator=expected).item()


def test_short_runs_train():
    trained = train(run(steps=100), report=lambda line: None)
    assert trained.run_json["steps"] == 4 * 4 * 16  # rounded up to whole updates
    assert (trained.metrics["gradient_norm"] > 0).all()
    # Biases start at zero.
    assert trained.policy.actor.bias.abs().max() > 0


def test_diverged_run_raises(monkeypatch):
    monkeypatch.setattr("daf.learn.collector.compute_gae", lambda rewards, *_: rewards * torch.nan)
    with pytest.raises(DivergedError, match=r"diverged in update 1 .*learning_rate"):
        train(run(), report=lambda line: None)


def test_a_policy_without_weights_cannot_be_trained():
    spec = run().model_copy(update={"class_path": "random"})
    with pytest.raises(ConfigError, match="'random' cannot be trained"):
        train(spec, report=lambda line: None)


def test_progress_line_has_all_numbers():
    lines = []
    train(run(), report=lines.append)
    assert all(word in lines[-1] for word in ("steps", "/s", "env", "forward", "learn", "score"))
    assert "s left" in lines[-1]


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["stateless", "lstm", "mingru"])
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

    def initial_recurrent_state(self, num_rows):
        return torch.zeros(num_rows, 0)

    def forward(self, observations, recurrent_state, episode_starts):
        features = observations.flatten(2).float() / 255
        return self.actor(features), self.critic(features)[..., 0], recurrent_state
"""


def test_user_network_receives_whole_observations(tmp_path):
    file = tmp_path / "flat.py"
    file.write_text(FLAT)
    trained = train(run(f"{file}:Flat"), report=lambda line: None)
    assert trained.policy.actor.weight.shape == (5, 600)
    assert (trained.metrics["gradient_norm"] > 0).all()
