"""Reference policy: KL divergence in the loss of PPO, warm-up of the value function."""

import signal
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from daf.audit.learning_curve import find_curve_mismatch
from daf.config import ConfigError, TrainingConfig
from daf.learn.ppo_loss import LOSS_METRICS, ppo_loss_gradients
from daf.learn.resume import ResumeFile
from daf.learn.train import train
from daf.learn.trainer import Trainer
from tests.learn.runs import StopsAfter, make_run, result_content

AGENTS, UPDATE_STEPS = 4, 2 * 16 * 4
"""Agents of assembler_2; agent-steps of an update of `make_imitating_run`."""


def make_imitating_run(policy="lstm", imitated=2, ppo=3, **training):
    """Return a run that imitates for some updates, then continues with PPO."""
    settings = {
        "steps": (imitated + ppo) * UPDATE_STEPS,
        "reference_kl_coef": 0.5,
        "teacher": "baseline",
        "teacher_steps": imitated * UPDATE_STEPS,
    }
    return make_run(policy, ("assembler_2",), max_steps=24, **settings | training)


def count_steps(updates: int) -> int:
    return updates * UPDATE_STEPS


def kl_divergence(reference_probs: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    """Return the KL divergence of each sample, from PyTorch's own distributions."""
    reference = torch.distributions.Categorical(reference_probs)
    return torch.distributions.kl_divergence(
        reference, torch.distributions.Categorical(logits=logits)
    )


def test_gradient_equals_autograd():
    trainer = Trainer(make_imitating_run("stateless"))
    rollout, advantage = trainer.collector.collect()
    generator = torch.Generator().manual_seed(0)
    reference_probs = torch.rand(rollout.reference_probs.shape, generator=generator).softmax(-1)
    reference_probs[0, 0] = torch.nn.functional.one_hot(torch.tensor(1), reference_probs.shape[-1])
    rollout = replace(rollout, reference_probs=reference_probs)
    rows = torch.tensor([3, 0, 5])
    logits = rollout.logits[:, rows].clone().requires_grad_()
    samples = logits[..., 0].numel()

    def gradients(policy_weight: float, kl_weight: float):
        return ppo_loss_gradients(
            logits,
            rollout.values[:, rows],
            rollout,
            advantage,
            rows,
            torch.tensor([0.0, 1.0]),
            torch.tensor([policy_weight, kl_weight]),
            TrainingConfig(),
            samples,
        )

    divergence = kl_divergence(reference_probs[:, rows], logits)
    [expected] = torch.autograd.grad(0.7 * divergence.mean(), logits)
    kl_only, ppo_only, both = gradients(0.0, 0.7), gradients(1.0, 0.0), gradients(1.0, 0.7)
    torch.testing.assert_close(kl_only.logit_grads, expected, rtol=1e-4, atol=1e-7)
    torch.testing.assert_close(
        both.logit_grads, ppo_only.logit_grads + expected, rtol=1e-4, atol=1e-7
    )
    assert torch.equal(both.value_grads, ppo_only.value_grads)
    measured = both.metrics[..., LOSS_METRICS.index("reference_kl")]
    torch.testing.assert_close(measured, divergence.detach(), rtol=1e-4, atol=1e-6)
    assert torch.equal(ppo_only.metrics[..., -1], torch.zeros_like(measured))


@pytest.mark.parametrize("policy, critic", [
    ("stateless", "own"), ("lstm", "own"), ("lstm", "team"), ("mingru", "own"),
])  # fmt: skip
def test_reference_is_the_network_at_the_end_of_imitation(policy, critic):
    trainer = Trainer(make_imitating_run(policy, critic=critic))
    collector, reference = trainer.collector, trainer.networks.reference
    for _ in range(2):
        trainer.run_update()
    imitated = {name: tensor.clone() for name, tensor in trainer.policy.state_dict().items()}
    state = collector.recurrent_state[:, : reference.initial_recurrent_state(1).shape[1]].clone()
    starts = collector.episode_starts
    for _ in range(3):
        starts = starts.clone()
        trainer.run_update()
        # The frozen network, step by step on what the learner has seen.
        for observations, step_starts, probabilities in zip(
            collector.rollout.observations,
            collector.rollout.episode_starts,
            collector.rollout.reference_probs,
        ):
            with torch.no_grad():
                logits, _, state = reference(observations[None], state, step_starts[None])
            torch.testing.assert_close(logits[0].softmax(-1), probabilities, rtol=0, atol=1e-5)
    for name, tensor in reference.state_dict().items():
        assert torch.equal(tensor, imitated[name]), name
    trained = trainer.policy.state_dict()
    assert any(not torch.equal(trained[name], imitated[name]) for name in imitated)


def test_value_warmup_keeps_the_policy(tmp_path):
    """Without a value loss, only rounding moves it: the KL divergence is at its minimum."""
    weights = str(tmp_path / "policy.safetensors")
    save_file(Trainer(make_imitating_run("stateless")).policy.state_dict(), weights)
    largest_divergence = {}
    for warmup_steps in (0, count_steps(6)):
        run = make_imitating_run(
            "stateless",
            ppo=6,
            initial_weights=weights,
            teacher=None,
            teacher_steps=0,
            value_coef=0.0,
            value_warmup_steps=warmup_steps,
        )
        trainer = Trainer(run, initial_weights=weights)
        for _ in range(6):
            trainer.run_update()
        largest_divergence[warmup_steps] = max(row["reference_kl"] for row in trainer.curve)
    assert largest_divergence[count_steps(6)] < 0.2 * largest_divergence[0], largest_divergence


def test_large_weight_keeps_the_policy_close():
    divergences = []
    for weight in (0.001, 10.0):
        run = make_imitating_run("stateless", ppo=6, reference_kl_coef=weight, anneal=False)
        divergences.append(train(run).metrics["reference_kl"].iloc[-1])
    assert 0 <= divergences[1] < 0.1 * divergences[0]


def test_weight_schedule():
    config = make_imitating_run(
        reference_kl_coef=0.8, reference_kl_steps=400, value_warmup_steps=100
    ).training
    start = config.teacher_steps
    weights = [
        config.reference_kl_coef_after(start + steps) for steps in (-1, 0, 100, 300, 400, 900)
    ]
    assert weights == pytest.approx([0, 0.8, 0.6, 0.2, 0, 0])
    warmups = [config.is_value_warmup(start + steps) for steps in (-1, 0, 99, 100)]
    assert warmups == [False, True, True, False]
    constant = make_imitating_run(reference_kl_coef=0.8).training
    assert constant.reference_kl_coef_after(10**9) == 0.8


def test_learning_curve_has_the_divergence():
    run = make_imitating_run("stateless")
    metrics = train(run).metrics
    assert metrics["reference_kl"].iloc[:2].tolist() == [0, 0]
    assert metrics["reference_kl"].iloc[-1] > 0
    assert find_curve_mismatch(metrics, run) is None
    assert find_curve_mismatch(metrics.drop(columns="reference_kl"), run)
    without = make_imitating_run("stateless", reference_kl_coef=0.0)
    assert "reference_kl" not in train(without).metrics


@pytest.mark.parametrize("update", [1, 2, 3])  # imitated; last imitated; first of PPO
def test_resumed_run_equals_an_uninterrupted_one(update, tmp_path):
    run = make_imitating_run()
    whole = result_content(train(run))
    with (
        pytest.raises(KeyboardInterrupt),
        StopsAfter(tmp_path, "same").stop(update, signal.SIGTERM) as resume,
    ):
        train(run, resume=resume)
    with ResumeFile(tmp_path, "same") as resume:
        assert result_content(train(run, resume=resume)) == whole


def test_stages_of_a_curriculum_share_the_reference():
    missions = ("assembler_2", "assembler_2@1-3")
    stages = [count_steps(2), count_steps(2)]
    trainer = Trainer(
        make_run(
            "lstm",
            missions,
            max_steps=24,
            worlds=2,
            steps=sum(stages),
            curriculum=stages,
            teacher="baseline",
            teacher_steps=count_steps(1),
            reference_kl_coef=0.5,
        )
    )
    trainer.run_update()
    frozen = {name: tensor.clone() for name, tensor in trainer.policy.state_dict().items()}
    while not trainer.is_done:
        trainer.run_update()
    reference = trainer.networks.reference
    assert trainer.collector.reference_policy.network is reference
    assert all(torch.equal(frozen[name], tensor) for name, tensor in reference.state_dict().items())


@pytest.mark.parametrize("training, message", [
    ({"reference_kl_steps": 5},
     "reference_kl_steps: got 5 without reference_kl_coef; expected null"),
    ({"value_warmup_steps": 5}, "value_warmup_steps: got 5 without reference_kl_coef; expected 0"),
    ({"reference_kl_coef": 1, "teacher": "baseline", "teacher_steps": 90, "value_warmup_steps": 10},
     "reference_kl_coef: got 1, but teacher_steps and value_warmup_steps fill the 100 steps"),
    ({"reference_kl_coef": -1}, "reference_kl_coef"),
])  # fmt: skip
def test_settings_without_meaning_are_refused(training, message):
    with pytest.raises(ValueError) as caught:
        TrainingConfig(**{"steps": 100, **training})
    assert message in str(caught.value)


def test_random_reference_is_refused():
    with pytest.raises(ConfigError) as caught:
        make_run("stateless", reference_kl_coef=0.5)
    assert "key 'training.reference_kl_coef': got 0.5 without teacher" in str(caught.value)
