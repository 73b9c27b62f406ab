"""Divergence: metrics that are not finite, and minibatches of one sample."""

import math
from dataclasses import replace
from statistics import mean, variance

import pytest
import torch

from daf.config import BenchmarkConfig, ConfigError, TrainingConfig
from daf.learn.colocated import train_colocated
from daf.learn.learning_curve import DivergedError
from daf.learn.ppo import PPOLearner, list_recorded_metrics
from daf.learn.ppo_loss import LOSS_METRICS, ppo_loss_gradients
from daf.learn.ranks import Ranks
from daf.learn.result import TrainingResult
from daf.learn.train import train
from daf.learn.trainer import Trainer
from daf.plan import make_plan
from tests.learn.runs import make_run
from tests.learn.test_updates import collector, short_mission

METRICS = list_recorded_metrics(TrainingConfig())
REPORTED = ["reward", *METRICS]


def no_report(line: str) -> None:
    pass


def short_rollout_run(worlds: int, **changes):
    """Return a run with rollouts of 1 step and 8 minibatches."""
    run = make_run("stateless", worlds=64, rollout_length=1, steps=worlds * 5, minibatches=8)
    changes = {"worlds": worlds, **changes}
    return run.model_copy(update={"training": run.training.model_copy(update=changes)})


@pytest.mark.parametrize("worlds", [1, 8, 9])
def test_single_sample_has_no_advantage(worlds):
    """With 9 rows the last minibatch has 1 sample."""
    metrics = train(short_rollout_run(worlds), report=no_report).metrics
    assert len(metrics) == 5
    assert all(math.isfinite(value) for name in REPORTED for value in metrics[name])
    assert (metrics["policy_loss"] == 0).all() == (worlds < 9)


@pytest.mark.parametrize("ranks", [Ranks(), Ranks(0, 2)])
def test_mean_and_variance_of_few_values(ranks, monkeypatch):
    """The second case has 2 ranks, one of them without values."""
    monkeypatch.setattr("torch.distributed.all_reduce", lambda tensor: None)
    values = [[2.5], [1.0, 4.0], [0.25, 0.5, -3.0]]
    samples = [torch.tensor(sample) for sample in values]
    expected = [(mean(sample), variance(sample) if sample[1:] else 0.0) for sample in values]
    for (average, spread), mean_std, moments in zip(
        ranks.compute_mean_var_pairs(samples), ranks.compute_mean_std_pairs(samples), expected
    ):
        assert (average.item(), spread.item()) == pytest.approx(moments)
        assert mean_std.tolist() == pytest.approx([moments[0], math.sqrt(moments[1])])


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("metric", METRICS)
def test_metric_that_is_not_finite_raises(metric, value, monkeypatch):
    update = PPOLearner.update

    def invalid_update(self, rollout, advantage):
        metrics = update(self, rollout, advantage)
        metrics[METRICS.index(metric)] = value
        return metrics

    monkeypatch.setattr(PPOLearner, "update", invalid_update)
    with pytest.raises(DivergedError, match=rf"diverged in update 1 of 5 \({metric}: not finite\)"):
        train(make_run("stateless"), report=no_report)


def test_diverged_run_does_not_affect_colocated_ones(monkeypatch):
    runs = [make_run("stateless", training_seed=seed) for seed in (1, 2)]
    learn = Trainer._learn_from_rollout

    def invalid_learn(trainer):
        metrics = learn(trainer)
        if trainer.run == runs[0] and trainer.updates_done == 2:
            metrics[
                trainer.collector.episode_scores.score_metric_names.index("score/assembler_1") + 1
            ] = math.nan
        return metrics

    monkeypatch.setattr(Trainer, "_learn_from_rollout", invalid_learn)
    results = train_colocated(runs, report=no_report)
    assert isinstance(results[0], DivergedError)
    assert "update 3 of 5 (reward: " in str(results[0])
    assert isinstance(results[1], TrainingResult)


def test_overflowing_explained_variance_is_nan(monkeypatch):
    """Nearly equal returns have no variance to explain."""
    smallest = torch.tensor(1e-45)
    one = torch.tensor(1.0)
    pairs = [(one, smallest), (one, smallest), (smallest, one)]
    monkeypatch.setattr(Ranks, "compute_mean_var_pairs", lambda self, samples: pairs)
    assert train(make_run("stateless"), report=no_report).metrics["explained_variance"].isna().all()


def loss_metrics(
    logits: torch.Tensor, log_prob: float, teacher_action: int, advantage: float
) -> dict:
    """Return the LOSS_METRICS of one sample with action 0 and an old log-probability."""
    learner = collector("stateless", short_mission(5), worlds=2, rollout_length=1)
    rollout, advantages = learner.collect()
    rollout = replace(
        rollout,
        actions=torch.zeros_like(rollout.actions),
        teacher_actions=torch.full_like(rollout.teacher_actions, teacher_action),
        log_probs=torch.full_like(rollout.log_probs, log_prob),
    )
    rows, mean_std = torch.tensor([0]), torch.tensor([0.0, 1.0])
    advantages.fill_(advantage)
    *_, metrics = ppo_loss_gradients(
        logits[None, None],
        torch.zeros(1, 1),
        rollout,
        advantages,
        rows,
        mean_std,
        torch.tensor([1.0, 0.0]),
        TrainingConfig(),
        1,
    )
    return dict(zip(LOSS_METRICS, metrics[0, 0].tolist()))


@pytest.mark.parametrize("teacher_action", [-1, 0])
def test_loss_metrics_of_a_certain_action_are_finite(teacher_action):
    """The ratio of a teacher's action with tiny old probability exceeds float32."""
    logits = torch.tensor([200.0, 0, 0, 0, 0])
    metrics = loss_metrics(logits, -150.0, teacher_action, advantage=1)
    assert all(map(math.isfinite, metrics.values())), metrics


def test_loss_metrics_of_a_nan_network_are_nan():
    logits = torch.tensor([math.nan, 0, 0, 0, 0])
    metrics = loss_metrics(logits, -1.0, teacher_action=-1, advantage=1)
    assert math.isnan(metrics["entropy"]) and math.isnan(metrics["approx_kl"]), metrics


@pytest.mark.parametrize("missions, training, samples", [
    (["assembler_1"], {"worlds": 8}, 8),
    (["assembler_1"], {"worlds": 1, "minibatches": 1}, 1),
    (["assembler_2"], {"worlds": 2}, 8),
    (["assembler_1", "assembler_2"], {"worlds": 3, "minibatches": 100}, 6),
    (["assembler_2", "assembler_1"],
     {"worlds": 8, "missions": ["assembler_2", "assembler_1"], "curriculum": [50, 50]}, 8),
])  # fmt: skip
def test_minibatches_of_one_sample_are_refused(missions, training, samples):
    """PPO learns nothing from them, so the plan raises."""
    training = {"minibatches": 8, "rollout_length": 1, "steps": 100} | training
    data = {"policies": ["stateless"], "missions": missions, "training": training}
    config = BenchmarkConfig.parse(data, "x")
    with pytest.raises(ConfigError) as caught:
        make_plan(config, "config.yaml")
    assert str(caught.value) == (
        f"config.yaml: key 'policies.0': key 'training.minibatches': got {training['minibatches']} "
        f"for rollouts of {samples} samples; expected 2 or more samples in each, since one alone "
        "has no advantage"
    )
    imitation = {"teacher": "baseline", "teacher_steps": 100}
    assert make_plan(BenchmarkConfig.parse(data | {"training": training | imitation}, "x")).runs
    longer = training | {"rollout_length": 2}
    assert make_plan(BenchmarkConfig.parse(data | {"training": longer}, "x")).runs
