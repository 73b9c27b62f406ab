"""What a training reports is finite, down to minibatches of one sample; else it diverged."""

import math
from dataclasses import replace
from statistics import mean, variance

import pytest
import torch

from daf.config import BenchmarkConfig, ConfigError, TrainingConfig
from daf.learn.colocated import train_colocated
from daf.learn.ppo import METRICS, PPOLearner
from daf.learn.ppo_loss import LOSS_METRICS, ppo_loss_gradients
from daf.learn.ranks import Ranks
from daf.learn.result import TrainingResult
from daf.learn.train import train
from daf.learn.trainer import DivergedError, Trainer
from daf.plan import make_plan
from tests.learn.test_learning import collector, short_mission
from tests.learn.trainings import run_of

REPORTED = ["reward", *METRICS]


def quiet(line: str) -> None:
    pass


def of_one_sample(worlds: int, **changes):
    """A training with rollouts of one step of some worlds, in 8 minibatches."""
    run = run_of("stateless", worlds=64, rollout_length=1, steps=worlds * 5, minibatches=8)
    changes = {"worlds": worlds, **changes}
    return run.model_copy(update={"training": run.training.model_copy(update=changes)})


@pytest.mark.parametrize("worlds", [1, 8, 9])
def test_one_sample_alone_has_no_advantage(worlds):
    """Of 9 rows the last minibatch has one."""
    metrics = train(of_one_sample(worlds), report=quiet).metrics
    assert len(metrics) == 5
    assert all(math.isfinite(value) for name in REPORTED for value in metrics[name])
    assert (metrics["policy_loss"] == 0).all() == (worlds < 9)


@pytest.mark.parametrize("ranks", [Ranks(), Ranks(0, 2)])
def test_moments_of_few_samples(ranks, monkeypatch):
    """With two ranks, of which the other has no part of these."""
    monkeypatch.setattr("torch.distributed.all_reduce", lambda tensor: None)
    values = [[2.5], [1.0, 4.0], [0.25, 0.5, -3.0]]
    samples = [torch.tensor(some) for some in values]
    expected = [(mean(some), variance(some) if some[1:] else 0.0) for some in values]
    for (average, spread), scale, known in zip(
        ranks.mean_var(samples), ranks.mean_std(samples), expected
    ):
        assert (average.item(), spread.item()) == pytest.approx(known)
        assert scale.tolist() == pytest.approx([known[0], math.sqrt(known[1])])


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("metric", METRICS)
def test_every_metric_that_is_not_finite_is_a_divergence(metric, value, monkeypatch):
    update = PPOLearner.update

    def spoilt(self, rollout, advantage):
        metrics = update(self, rollout, advantage)
        metrics[METRICS.index(metric)] = value
        return metrics

    monkeypatch.setattr(PPOLearner, "update", spoilt)
    with pytest.raises(DivergedError, match=rf"diverged in update 1 of 5 \({metric}: not finite\)"):
        train(run_of("stateless"), report=quiet)


def test_of_runs_that_share_a_job_one_diverges_alone(monkeypatch):
    runs = [run_of("stateless", training_seed=seed) for seed in (1, 2)]
    improve = Trainer._learn_from_rollout

    def spoilt(training):
        metrics = improve(training)
        if training.run == runs[0] and training.updates_done == 2:
            metrics[training.collector.score_names.index("score/assembler_1") + 1] = math.nan
        return metrics

    monkeypatch.setattr(Trainer, "_learn_from_rollout", spoilt)
    found = train_colocated(runs, report=quiet)
    assert isinstance(found[0], DivergedError) and "update 3 of 5 (reward: " in str(found[0])
    assert isinstance(found[1], TrainingResult)


def test_an_explained_variance_that_overflows_is_missing(monkeypatch):
    """Returns that differ by next to nothing have no variance to explain."""
    least = torch.tensor(1e-45)
    monkeypatch.setattr(Ranks, "mean_var", lambda self, samples: [(torch.tensor(1.0), least)] * 2
                        + [(least, torch.tensor(1.0))])  # fmt: skip
    assert train(run_of("stateless"), report=quiet).metrics["explained_variance"].isna().all()


def terms_of(logits: torch.Tensor, log_prob: float, taught: int, advantage: float) -> dict:
    """The terms of one sample, action 0, whose probability was another when it was taken."""
    learner = collector("stateless", short_mission(5), worlds=2, rollout_length=1)
    rollout, advantages = learner.collect()
    rollout = replace(
        rollout,
        actions=torch.zeros_like(rollout.actions),
        teacher_actions=torch.full_like(rollout.teacher_actions, taught),
        log_probs=torch.full_like(rollout.log_probs, log_prob),
    )
    rows, scale = torch.tensor([0]), torch.tensor([0.0, 1.0])
    advantages.fill_(advantage)
    *_, terms = ppo_loss_gradients(
        logits[None, None], torch.zeros(1, 1), rollout, advantages, rows, scale, TrainingConfig(), 1
    )
    return dict(zip(LOSS_METRICS, terms[0, 0].tolist()))


@pytest.mark.parametrize("taught", [-1, 0])
def test_terms_are_finite_where_an_action_became_certain(taught):
    """A teacher's action can have had next to no probability: its ratio exceeds float32."""
    found = terms_of(torch.tensor([200.0, 0, 0, 0, 0]), log_prob=-150.0, taught=taught, advantage=1)
    assert all(map(math.isfinite, found.values())), found


def test_terms_are_not_finite_where_the_network_is_not():
    logits = torch.tensor([math.nan, 0, 0, 0, 0])
    found = terms_of(logits, log_prob=-1.0, taught=-1, advantage=1)
    assert math.isnan(found["entropy"]) and math.isnan(found["approx_kl"]), found


@pytest.mark.parametrize("missions, training, samples", [
    (["assembler_1"], {"worlds": 8}, 8),
    (["assembler_1"], {"worlds": 1, "minibatches": 1}, 1),
    (["assembler_2"], {"worlds": 2}, 8),
    (["assembler_1", "assembler_2"], {"worlds": 3, "minibatches": 100}, 6),
    (["assembler_2", "assembler_1"],
     {"worlds": 8, "missions": ["assembler_2", "assembler_1"], "curriculum": [50, 50]}, 8),
])  # fmt: skip
def test_minibatches_of_one_sample_are_refused(missions, training, samples):
    """Before anything begins: PPO would learn nothing from them."""
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
    more = training | {"rollout_length": 2}
    assert make_plan(BenchmarkConfig.parse(data | {"training": more}, "x")).runs
