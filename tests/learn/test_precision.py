"""Mixed precision: outputs, gradients and results of bfloat16 against float32."""

import pytest
import torch

from daf.config import TrainingConfig
from daf.learn.collector import RolloutCollector
from daf.learn.ppo import PPOLearner
from daf.learn.precision import forward_in_precision
from daf.learn.train import train
from daf.missions import load_mission
from daf.policies import Game, PolicySpec, make_policy
from tests.learn.runs import make_run, result_content

POLICIES = pytest.mark.parametrize("name", ["stateless", "lstm", "mingru"])


def no_report(line):
    pass


def collector(name, precision):
    torch.manual_seed(0)
    config = TrainingConfig(worlds=6, rollout_length=16, minibatches=1, precision=precision)
    mission = load_mission("assembler_2")
    policy = make_policy(PolicySpec(name), Game.of(mission))
    return RolloutCollector(policy, [mission], config, 3, "cpu")


@POLICIES
def test_bfloat16_outputs_are_float32_with_two_exact_digits(name):
    exact = collector(name, "float32")
    rollout, _ = exact.collect()
    inputs = rollout.observations, rollout.initial_recurrent_state, rollout.episode_starts
    with torch.no_grad():
        expected = exact.policy(*inputs)
        outputs = forward_in_precision(exact.policy, "bfloat16", *inputs)
        float32_outputs = forward_in_precision(exact.policy, "float32", *inputs)
    for output, exact_output, plain in zip(outputs, expected, float32_outputs):
        assert output.dtype == torch.float32
        assert torch.equal(plain, exact_output)
        # A bfloat16 has eight significant bits.
        assert torch.allclose(output, exact_output, rtol=0.02, atol=0.02)
    assert not torch.equal(outputs[0], expected[0])


@POLICIES
def test_autocast_cache_does_not_outlive_a_rollout(name):
    collect = collector(name, "bfloat16")
    collect.collect()
    with torch.no_grad():
        for parameter in collect.policy.parameters():
            parameter.mul_(1.5)
    rollout, _ = collect.collect()
    with torch.no_grad():
        logits, *_ = forward_in_precision(
            collect.policy,
            "bfloat16",
            rollout.observations,
            rollout.initial_recurrent_state,
            rollout.episode_starts,
        )
    assert torch.allclose(rollout.logits, logits, rtol=0.02, atol=0.002)


@POLICIES
def test_gradients_are_float32_and_close_to_exact_ones(name):
    gradients = {}
    for precision in ("float32", "bfloat16"):
        collect = collector(name, precision)
        learner = PPOLearner(collect.policy, collect.config)
        rollout, advantage = collector(name, "float32").collect()
        learner.prepare_update(0.0, collect.worlds_of_all_ranks, torch.Generator().manual_seed(1))
        learner.update(rollout, advantage)
        parts = [parameter.grad for parameter in collect.policy.parameters()]
        assert {part.dtype for part in parts} == {torch.float32}
        gradients[precision] = torch.cat([part.flatten() for part in parts])
    difference = gradients["bfloat16"] - gradients["float32"]
    assert 0 < difference.norm() < 0.05 * gradients["float32"].norm()


@POLICIES
def test_bfloat16_runs_are_deterministic(name):
    run = make_run(name, precision="bfloat16")
    first, second = (train(run, report=no_report) for _ in range(2))
    exact = train(make_run(name), report=no_report)
    assert result_content(first) == result_content(second)
    assert result_content(first)[0] != result_content(exact)[0]
    assert {tensor.dtype for tensor in first.policy.state_dict().values()} == {torch.float32}
