"""Speed of the simulator: `python -m daf.sim.benchmark --mission training_facility_1`."""

import argparse
import statistics
import sys
import time

import torch
import warp as wp

from daf.config import ConfigError
from daf.missions import load_mission
from daf.sim import observe, step
from daf.sim.simulation import Simulation

REPEATS = 7


def measure(simulation: Simulation, steps: int) -> dict[str, list[float]]:
    """Seconds of `steps` steps with random moves, REPEATS times, by what they were spent on.

    Returns:
        "all" (as a user calls `step`), "prepare", "rules" and "observe" (the kernels alone).
    """
    generator = torch.Generator().manual_seed(0)
    shape = (64, simulation.num_worlds, simulation.num_agents)
    actions = torch.randint(0, 5, shape, generator=generator).to(simulation.device)
    worlds, tables = simulation._worlds, simulation.tables.struct
    flat = wp.from_torch(simulation._actions)
    kernels = {
        "prepare": (step.prepare, [tables, worlds, flat], shape[1]),
        "rules": (step.advance, [tables, worlds, simulation._no_words], shape[1]),
        "observe": (
            observe.observe,
            [tables, worlds, simulation._all_worlds, simulation._tokens],
            shape[1:],
        ),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ("all", *kernels)}
    for number in range(64):
        simulation.step(actions[number])
    for _ in range(REPEATS):
        seconds["all"].append(_timed(simulation, lambda n: simulation.step(actions[n % 64]), steps))
        spent = dict.fromkeys(kernels, 0.0)
        for number in range(steps // 4 + 1):
            simulation._actions.copy_(actions[number % 64])
            for name, (kernel, inputs, dim) in kernels.items():
                spent[name] += _timed(
                    simulation,
                    lambda _, k=kernel, i=inputs, d=dim: wp.launch(
                        k, dim=d, inputs=i, device=simulation.device
                    ),
                    1,
                )
        for name, value in spent.items():
            seconds[name].append(value * steps / (steps // 4 + 1))
    return seconds


def _timed(simulation: Simulation, call, times: int) -> float:
    wp.synchronize_device(simulation.device)
    begin = time.perf_counter()
    for number in range(times):
        call(number)
    wp.synchronize_device(simulation.device)
    return time.perf_counter() - begin


def main() -> int:
    """Print agent-steps per second, observations included, and where the time goes."""
    parser = argparse.ArgumentParser(prog="python -m daf.sim.benchmark", description=__doc__)
    parser.add_argument("--mission", default="training_facility_1", help="name or YAML file")
    parser.add_argument("--worlds", type=int, default=256)
    parser.add_argument("--steps", type=int, default=500, help="per repeat")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N")
    arguments = parser.parse_args()
    if arguments.steps < 1:
        parser.error(f"argument --steps: got {arguments.steps}; at least 1 is needed")
    try:
        mission = load_mission(arguments.mission)
        simulation = Simulation(mission, arguments.worlds, arguments.device, auto_reset=True)
    except (ConfigError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    torch.set_num_threads(1)
    seconds = measure(simulation, arguments.steps)
    agent_steps = arguments.worlds * mission.num_agents * arguments.steps
    rates = sorted(agent_steps / s / 1e6 for s in seconds["all"])
    tokens = float(simulation.state.token_count.float().mean())
    print(
        f"{mission.name}: {arguments.worlds} worlds x {mission.num_agents} agents, "
        f"{arguments.steps} steps x {REPEATS}, {arguments.device}, "
        f"{tokens:.0f} of {mission.tokens} tokens in use"
    )
    print(
        f"million agent-steps/s, observations included: median {statistics.median(rates):.3f} "
        f"(min {rates[0]:.3f}, max {rates[-1]:.3f})"
    )
    whole = statistics.median(seconds.pop("all"))
    shares = {name: statistics.median(values) / whole for name, values in seconds.items()}
    shares["launches and copies"] = max(1 - sum(shares.values()), 0)
    for name, share in shares.items():
        print(f"  {100 * share:5.1f} % {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
