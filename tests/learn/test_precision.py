"""Mixed precision: less exact products, the same learning."""

import pytest
import torch

from daf.config import TrainingConfig
from daf.learn.collector import RolloutCollector
from daf.learn.ppo import PPOLearner
from daf.learn.precision import forward_in_precision
from daf.learn.train import train
from daf.missions import load_mission
from daf.policies import Game, PolicySpec, make_policy
from tests.learn.trainings import bytes_of, run_of

POLICIES = pytest.mark.parametrize("name", ["stateless", "lstm"])


def quiet(line):
    pass


def collector(name, precision):
    torch.manual_seed(0)
    config = TrainingConfig(worlds=6, rollout_length=16, minibatches=1, precision=precision)
    mission = load_mission("assembler_2")
    policy = make_policy(PolicySpec(name), Game.of(mission))
    return RolloutCollector(policy, [mission], config, 3, "cpu")


@POLICIES
def test_answers_are_those_of_exact_layers_to_two_digits_and_float32(name):
    exact = collector(name, "float32")
    rollout, _ = exact.collect()
    asked = rollout.observations, rollout.initial_recurrent_state, rollout.episode_starts
    with torch.no_grad():
        told = exact.policy(*asked)
        found = forward_in_precision(exact.policy, "bfloat16", *asked)
        same = forward_in_precision(exact.policy, "float32", *asked)
    for less, full, plain in zip(found, told, same):
        assert less.dtype == torch.float32
        assert torch.equal(plain, full)
        # A bfloat16 has eight significant bits.
        assert torch.allclose(less, full, rtol=0.02, atol=0.02)
    assert not torch.equal(found[0], told[0])


@POLICIES
def test_every_rollout_is_played_with_the_weights_of_its_time(name):
    collect = collector(name, "bfloat16")
    collect.collect()
    with torch.no_grad():
        for parameter in collect.policy.parameters():
            parameter.mul_(1.5)
    rollout, _ = collect.collect()
    with torch.no_grad():
        found, *_ = forward_in_precision(
            collect.policy,
            "bfloat16",
            rollout.observations,
            rollout.initial_recurrent_state,
            rollout.episode_starts,
        )
    assert torch.allclose(rollout.logits, found, rtol=0.02, atol=0.002)


@POLICIES
def test_gradients_are_float32_and_point_where_exact_ones_do(name):
    gradients = {}
    for precision in ("float32", "bfloat16"):
        collect = collector(name, precision)
        learner = PPOLearner(collect.policy, collect.config)
        rollout, advantage = collector(name, "float32").collect()
        learner.prepare_update(0.0, collect.total_rows, torch.Generator().manual_seed(1))
        learner.update(rollout, advantage)
        parts = [parameter.grad for parameter in collect.policy.parameters()]
        assert {part.dtype for part in parts} == {torch.float32}
        gradients[precision] = torch.cat([part.flatten() for part in parts])
    apart = gradients["bfloat16"] - gradients["float32"]
    assert 0 < apart.norm() < 0.05 * gradients["float32"].norm()


@POLICIES
def test_a_training_in_bfloat16_is_another_one_that_comes_out_the_same_each_time(name):
    asked = run_of(name, precision="bfloat16")
    once, again = (train(asked, report=quiet) for _ in range(2))
    exact = train(run_of(name), report=quiet)
    assert bytes_of(once) == bytes_of(again)
    assert bytes_of(once)[0] != bytes_of(exact)[0]
    assert {tensor.dtype for tensor in once.policy.state_dict().values()} == {torch.float32}
