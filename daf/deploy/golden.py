"""Golden outputs: recorded outputs of a policy, to be reproduced by its bundle on any machine."""

from collections.abc import Mapping

import torch

from daf.config import ConfigError
from daf.deploy.isolated_process import BundleProcess
from daf.evaluation.evaluate import POLICY_STREAM
from daf.missions import Mission
from daf.policies.chance import derive_row_seeds
from daf.policies.checks import check_actions
from daf.policies.trainable import TrainablePolicy
from daf.sim.simulation import Simulation

STEPS, MAX_BYTES = 32, 2**23
"""Number of golden steps; maximum size of their observations, which may reduce the number."""

TOLERANCE = 1e-4
"""Absolute plus relative tolerance of logits and values. Processors round differently, and a bundle
sums tokens in another order than DAF. Measured differences are below 1e-5."""

FLOATS = ("logits", "values")
INTEGERS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
POSITION_FACTOR = 0x9E3779B97F4A7C15 - 2**64  # odd, bits well mixed: the golden ratio, as int64


def compute_golden_outputs(
    policy: TrainablePolicy, mission: Mission, world_seed: int
) -> dict[str, torch.Tensor]:
    """Record the first steps of an episode on one CPU thread.

    Axes: L steps, N agents, T tokens, K logits, W weight tensors.

    Args:
        policy: network to record.
        mission: mission of the episode.
        world_seed: seed of the world.

    Returns:
        seeds int64 [N]; observations uint8 [L, N, T, 3]; actions int64 [L, N]; logits [L, N, K] and
        values [L, N], float32; sums int64 [W], see `compute_weight_checksums`.

    Raises:
        ConfigError: `act` of the policy does not call its network.
    """
    outputs: dict[str, torch.Tensor] = {}
    hook = policy.register_forward_hook(
        lambda _, __, result: outputs.update(logits=result[0][0], values=result[1][0])
    )
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        simulation = Simulation(mission, 1, "cpu", world_seed)
        seeds = derive_row_seeds(simulation.state.world_seed, mission.num_agents, POLICY_STREAM)
        state = policy.initial_state(seeds)
        bytes_per_step = mission.num_agents * mission.tokens * 3
        steps: list[dict[str, torch.Tensor]] = []
        for _ in range(min(STEPS, mission.max_steps, max(1, MAX_BYTES // bytes_per_step))):
            observations = simulation.observations[0].clone()
            actions, state = policy.act(observations, state)
            check_actions(type(policy).__name__, actions, observations)
            if not outputs:
                raise ConfigError("act() does not call forward(), so there are no logits")
            step = {"observations": observations, "actions": actions.to(torch.int64)}
            steps.append(step | outputs)
            simulation.step(actions[None])
    finally:
        torch.set_num_threads(threads)
        hook.remove()
    golden = {name: torch.stack([step[name] for step in steps]) for name in steps[0]}
    return golden | {"seeds": seeds, "sums": compute_weight_checksums(policy.state_dict())}


def compute_weight_checksums(weights: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Compute an exact checksum of each weight tensor, int64 [W], in the order of names.

    The checksum is the sum of all elements' bits as integers, each times an odd factor of its
    position. It detects any flipped bit, even one with an effect below the rounding of outputs.
    """
    sums = []
    for name in sorted(weights):
        flat = weights[name].detach().cpu().contiguous().reshape(-1)
        bits = flat.view(INTEGERS[flat.element_size()]).to(torch.int64)
        sums.append((bits * (POSITION_FACTOR * (2 * torch.arange(len(bits)) + 1))).sum())
    return torch.stack(sums)


def find_first_golden_mismatch(
    golden_tensors: Mapping[str, torch.Tensor], process: BundleProcess
) -> str | None:
    """Replay the golden observations and return the first difference, if any, as a line.

    Args:
        golden_tensors: recorded tensors.
        process: process that runs the policy of the bundle.

    Raises:
        ConfigError: the tensors are not a recording, or the bundle's code fails; one line.
    """
    _check_golden_tensors(golden_tensors)
    for step, observations in enumerate(golden_tensors["observations"]):
        outputs = process.act(observations, golden_tensors["seeds"] if step == 0 else None)
        for name in FLOATS:
            if difference := describe_output_difference(
                name, outputs.get(name), golden_tensors[name][step]
            ):
                return f"golden outputs: step {step}: {difference}"
        if not torch.equal(outputs["actions"], golden_tensors["actions"][step]):
            return f"golden outputs: step {step}: actions differ"
    return None


def describe_output_difference(
    output_name: str, output: torch.Tensor | None, golden_output: torch.Tensor
) -> str | None:
    """Return the difference between outputs in words; None if it is within `TOLERANCE`.

    Args:
        output_name: name of the outputs, "logits" or "values".
        output: current outputs; None if there are none.
        golden_output: recorded outputs, of the same shape.
    """
    if output is None or output.shape != golden_output.shape or not output.isfinite().all():
        return f"{output_name} are missing, not finite, or have another shape"
    difference = ((output - golden_output).abs() / (1 + golden_output.abs())).max().item()
    if not difference <= TOLERANCE:
        return f"{output_name} differ by {difference:.2g}; tolerance: {TOLERANCE:g}"
    return None


def describe_weight_checksum_mismatches(
    golden_tensors: Mapping[str, torch.Tensor], weights: Mapping[str, torch.Tensor]
) -> list[str]:
    """Return one line per weight tensor that differs from the recorded one in any bit."""
    checksums = compute_weight_checksums(weights)
    if golden_tensors["sums"].shape != checksums.shape:
        return ["golden outputs: number of weight checksums differs"]
    matches = zip(sorted(weights), checksums == golden_tensors["sums"])
    differing = [name for name, is_equal in matches if not is_equal]
    return [f"golden outputs: checksum of the weights '{name}' differs" for name in differing]


def _check_golden_tensors(golden_tensors: Mapping[str, torch.Tensor]) -> None:
    """Check shapes and types of the golden tensors.

    Raises:
        ConfigError: a tensor is missing or invalid.
    """
    shapes = {name: tuple(tensor.shape) for name, tensor in golden_tensors.items()}
    try:
        steps, agents, _, token_bytes = shapes["observations"]
        is_valid = (
            golden_tensors["observations"].dtype == torch.uint8
            and token_bytes == 3
            and steps > 0
            and shapes["seeds"] == (agents,)
            and golden_tensors["seeds"].dtype == torch.int64
            and shapes["actions"] == shapes["values"] == (steps, agents)
            and shapes["logits"][:2] == (steps, agents)
            and golden_tensors["actions"].dtype == golden_tensors["sums"].dtype == torch.int64
            and all(golden_tensors[name].dtype == torch.float32 for name in FLOATS)
        )
    except (KeyError, ValueError):
        is_valid = False
    if not is_valid:
        raise ConfigError("golden.safetensors: unexpected tensors, shapes or types")
