"""Golden outputs: what a policy did when it was packed, to be done again wherever it goes."""

from collections.abc import Mapping

import torch

from daf.config import ConfigError
from daf.deploy.isolated_process import BundleProcess
from daf.evaluation.evaluate import POLICY_STREAM
from daf.missions import Mission
from daf.policies.chance import mix_seeds
from daf.policies.checks import check_actions
from daf.policies.trainable import TrainablePolicy
from daf.sim.simulation import Simulation

STEPS, MAX_BYTES = 32, 2**23
"""Of the golden episode; less where so many observations would be larger."""

TOLERANCE = 1e-4
"""Of logits and values, absolute plus relative: processors round differently, and a bundle sums
tokens in another order than DAF does. Measured differences are below 1e-5."""

FLOATS = ("logits", "values")
INTEGERS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
POSITION_FACTOR = 0x9E3779B97F4A7C15 - 2**64  # odd, bits well mixed: the golden ratio, as int64


def record_golden(policy: TrainablePolicy, mission: Mission, seed: int) -> dict[str, torch.Tensor]:
    """Let a policy play the beginning of an episode, on the CPU and one thread.

    Axes: L steps, N agents, T tokens, K outputs, W tensors of weights.

    Args:
        policy: who plays.
        mission: what is played.
        seed: of the world.

    Returns:
        seeds int64 [N]; observations uint8 [L, N, T, 3]; actions int64 [L, N]; logits [L, N, K] and
        values [L, N], float32; sums int64 [W], see `weight_checksums`.

    Raises:
        ConfigError: its actions do not come from its network.
    """
    outputs: dict[str, torch.Tensor] = {}
    hook = policy.register_forward_hook(
        lambda _, __, result: outputs.update(logits=result[0][0], values=result[1][0])
    )
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        simulation = Simulation(mission, 1, "cpu", seed)
        seeds = mix_seeds(simulation.state.world_seed, mission.num_agents, POLICY_STREAM)
        state = policy.initial_state(seeds)
        row = mission.num_agents * mission.tokens * 3
        rows: list[dict[str, torch.Tensor]] = []
        for _ in range(min(STEPS, mission.max_steps, max(1, MAX_BYTES // row))):
            seen = simulation.observations[0].clone()
            actions, state = policy.act(seen, state)
            check_actions(type(policy).__name__, actions, seen)
            if not outputs:
                raise ConfigError("its act does not ask its network, so that it has no logits")
            rows.append({"observations": seen, "actions": actions.to(torch.int64), **outputs})
            simulation.step(actions[None])
    finally:
        torch.set_num_threads(threads)
        hook.remove()
    found = {name: torch.stack([row[name] for row in rows]) for name in rows[0]}
    return found | {"seeds": seeds, "sums": weight_checksums(policy.state_dict())}


def weight_checksums(weights: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """For each tensor, by name, the exact sum of its bits as integers, each times a number that
    follows from its place; int64 [W]. Any flipped bit changes it, also one whose effect on the
    outputs is smaller than what processors round away."""
    sums = []
    for name in sorted(weights):
        flat = weights[name].detach().cpu().contiguous().reshape(-1)
        bits = flat.view(INTEGERS[flat.element_size()]).to(torch.int64)
        sums.append((bits * (POSITION_FACTOR * (2 * torch.arange(len(bits)) + 1))).sum())
    return torch.stack(sums)


def check_golden(golden: Mapping[str, torch.Tensor], unpacked: BundleProcess) -> list[str]:
    """Play the golden observations again. Returns the first thing that is wrong, if any, as a line.

    Raises:
        ConfigError: it is no recording, or the bundle's code fails; one line.
    """
    _check_shapes(golden)
    for step, observations in enumerate(golden["observations"]):
        answer = unpacked.act(observations, golden["seeds"] if step == 0 else None)
        for name in FLOATS:
            if wrong := output_difference(name, answer.get(name), golden[name][step]):
                return [f"golden outputs: step {step}: {wrong}"]
        if not torch.equal(answer["actions"], golden["actions"][step]):
            return [f"golden outputs: step {step}: the actions are others"]
    return []


def output_difference(name: str, here: torch.Tensor | None, told: torch.Tensor) -> str | None:
    """How outputs differ from those recorded, in words; None if they do not by more than
    `TOLERANCE`."""
    if here is None or here.shape != told.shape or not here.isfinite().all():
        return f"no {name} like those recorded"
    difference = ((here - told).abs() / (1 + told.abs())).max().item()
    if not difference <= TOLERANCE:
        return f"{name} differ by {difference:.2g}; {TOLERANCE:g} is allowed"
    return None


def check_weight_checksums(
    golden: Mapping[str, torch.Tensor], weights: Mapping[str, torch.Tensor]
) -> list[str]:
    """Whether the weights are, to the bit, those that the golden outputs are of; a line for each
    tensor that is not."""
    here = weight_checksums(weights)
    if golden["sums"].shape != here.shape:
        return ["golden outputs: the sums of the weights are of other weights"]
    odd = [name for name, same in zip(sorted(weights), here == golden["sums"]) if not same]
    return [f"golden outputs: the sum of the weights '{name}' is another" for name in odd]


def _check_shapes(golden: Mapping[str, torch.Tensor]) -> None:
    shapes = {name: tuple(tensor.shape) for name, tensor in golden.items()}
    try:
        steps, agents, _, three = shapes["observations"]
        sound = (
            golden["observations"].dtype == torch.uint8
            and three == 3
            and steps > 0
            and shapes["seeds"] == (agents,)
            and golden["seeds"].dtype == torch.int64
            and shapes["actions"] == shapes["values"] == (steps, agents)
            and shapes["logits"][:2] == (steps, agents)
            and golden["actions"].dtype == golden["sums"].dtype == torch.int64
            and all(golden[name].dtype == torch.float32 for name in FLOATS)
        )
    except (KeyError, ValueError):
        sound = False
    if not sound:
        raise ConfigError("golden.safetensors: is no recording of an episode")
