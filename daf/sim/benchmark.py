"""Benchmark of the simulator: `python -m daf.sim.benchmark --mission training_facility_1`."""

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from daf.config import ConfigError
from daf.files.text_files import write_json
from daf.missions import Mission, load_mission
from daf.provenance.mettagrid_version import mettagrid_unavailable_reason
from daf.provenance.origin import Origin
from daf.sim.mettagrid_engine import MettagridCppEngine
from daf.sim.scaling import format_scaling_table, measure_speed_by_size
from daf.sim.simulation import Simulation, current_torch_stream
from daf.sim.timing import (
    WARM_UP,
    choose_clock,
    cycle_action_batch_indices,
    format_median_and_range,
    measure_total_seconds,
    sample_random_moves,
)

REPEATS = 7
METTAGRID_STEPS = 1000
"""Steps of mettagrid's single world per repeat, about 0.05 s."""

ONE_CORE = "a single CPU thread"


def measure_speed(
    mission: Mission,
    num_worlds: int = 256,
    num_steps: int = 500,
    device: str = "cpu",
    threads: int = 1,
) -> dict[str, Any]:
    """Measure agent-steps per second with random moves, including observations.

    With one CPU thread, the repeats of this simulator and of mettagrid alternate on one core. Both
    clocks count the CPU time of the thread, so other processes affect both equally. With several
    threads or on a GPU, the clock is wall time and mettagrid is not measured.

    Args:
        mission: mission of all worlds.
        num_worlds: number of worlds E.
        num_steps: steps per repeat.
        device: "cpu", "cuda" or "cuda:N".
        threads: CPU threads.

    Returns:
        "rates", agent-steps/s of each repeat; "phases", fraction of the time of a step by phase;
        "tokens_in_use", mean non-empty tokens of an observation; "mettagrid", with "version",
        "rates" and "tokens_in_use", or None with the reason in "no_mettagrid"; "ratios" of the
        rates by repeat; "origin", machine and versions; and the arguments.

    Raises:
        ValueError: see `Simulation`.
    """
    with _limit_torch_threads(threads, pin_to_core=device == "cpu" and threads == 1):
        simulation = Simulation(mission, num_worlds, device, auto_reset=True, threads=threads)
        clock = choose_clock(simulation, threads)
        actions = sample_random_moves(simulation)
        reason = ONE_CORE if device != "cpu" or threads > 1 else mettagrid_unavailable_reason()
        mettagrid = None if reason else MettagridCppEngine(mission)
        world_actions = actions[:, 0].int().cpu().numpy()

        def simulation_seconds(steps: int) -> float:
            return measure_total_seconds(
                clock, lambda k: simulation.step(actions[k]), cycle_action_batch_indices(steps)
            )

        def mettagrid_seconds(engine: MettagridCppEngine) -> float:
            indices = cycle_action_batch_indices(METTAGRID_STEPS)
            return measure_total_seconds(clock, lambda k: engine.step(world_actions[k]), indices)

        simulation_seconds(WARM_UP)
        if mettagrid:
            mettagrid_seconds(mettagrid)
        rates, mettagrid_rates = [], []
        for _ in range(REPEATS):
            agent_steps = num_worlds * mission.num_agents * num_steps
            rates.append(agent_steps / simulation_seconds(num_steps))
            if mettagrid:
                world_steps = mission.num_agents * METTAGRID_STEPS
                mettagrid_rates.append(world_steps / mettagrid_seconds(mettagrid))
        phases = _measure_phase_fractions(simulation, actions, num_steps)
    return {
        "mission": mission.name,
        "worlds": num_worlds,
        "agents": mission.num_agents,
        "tokens": mission.tokens,
        "steps": num_steps,
        "device": device,
        "threads": threads,
        "tokens_in_use": float(simulation.state.token_count.float().mean()),
        "rates": rates,
        "phases": phases,
        "mettagrid": mettagrid
        and {
            "version": version("mettagrid"),
            "tokens_in_use": mettagrid.mean_nonempty_observation_tokens(),
            "rates": mettagrid_rates,
        },
        "no_mettagrid": reason,
        "ratios": [rate / mettagrid_rate for rate, mettagrid_rate in zip(rates, mettagrid_rates)],
        "origin": Origin.current(torch.device(device).type).resolved(),
    }


def measure_one_and_many_cores(mission_names: list[str], threads: int) -> list[dict[str, Any]]:
    """Measure missions on 1 core and, if `threads` > 1, on `threads` cores with 2048 worlds each.

    Args:
        mission_names: names or YAML files.
        threads: CPU threads of the second measurement.
    """
    results = []
    for mission in map(load_mission, mission_names):
        results.append(measure_speed(mission))
        if threads > 1:
            results.append(measure_speed(mission, 2048 * threads, num_steps=50, threads=threads))
    return results


def _measure_phase_fractions(
    simulation: Simulation, actions: torch.Tensor, num_steps: int
) -> dict[str, float]:
    """Return the fraction of the time of a step that each kernel takes.

    Python, launches and copies take the remainder. The result is empty with several shards.
    """
    if len(simulation._shards) > 1:
        return {}
    [shard] = simulation._shards
    stream = current_torch_stream(simulation.device)
    clock = choose_clock(simulation, 1)
    phase_seconds = dict.fromkeys(simulation._phases, 0.0)
    step_seconds = 0.0
    for index in range(num_steps // 4 + 1):
        step_seconds += measure_total_seconds(
            clock, lambda k: simulation.step(actions[k]), [index % len(actions)]
        )
        for phase in phase_seconds:
            phase_seconds[phase] += measure_total_seconds(
                clock, lambda p: shard.launch((p,), stream), [phase]
            )
    return {phase: seconds / step_seconds for phase, seconds in phase_seconds.items()}


@contextlib.contextmanager
def _limit_torch_threads(num_threads: int, pin_to_core: bool) -> Iterator[None]:
    """Limit torch to `num_threads` threads and, if `pin_to_core`, this process to one core."""
    cores, previous_threads = os.sched_getaffinity(0), torch.get_num_threads()
    torch.set_num_threads(num_threads)
    if pin_to_core:
        os.sched_setaffinity(0, {max(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)
        torch.set_num_threads(previous_threads)


def format_speed_summary(result: dict[str, Any]) -> list[str]:
    """Return the result of `measure_speed` as lines for the terminal."""
    lines = [
        f"{result['mission']}: {result['worlds']} worlds x {result['agents']} agents, "
        f"{result['steps']} steps x {REPEATS}, {result['device']}, threads: {result['threads']}, "
        f"{result['tokens_in_use']:.0f} of {result['tokens']} tokens in use",
        "million agent-steps/s, including observations: "
        f"{format_median_and_range(result['rates'], 1e6)}",
    ]
    mettagrid = result["mettagrid"]
    if mettagrid:
        lines += [
            f"mettagrid {mettagrid['version']}, {mettagrid['tokens_in_use']:.0f} tokens in use: "
            f"{format_median_and_range(mettagrid['rates'], 1e6)}",
            f"speed relative to mettagrid: {format_median_and_range(result['ratios'], 1)}",
        ]
    else:
        lines.append(f"mettagrid: not measured; requires {result['no_mettagrid']}")
    lines += [f"  {100 * share:5.1f} % {phase}" for phase, share in result["phases"].items()]
    return lines


def main() -> int:
    """Print agent-steps per second and the time of each phase, or the scaling curves."""
    parser = argparse.ArgumentParser(prog="python -m daf.sim.benchmark", description=__doc__)
    parser.add_argument("--mission", default="training_facility_1", help="name or YAML file")
    parser.add_argument("--worlds", type=int, default=256, help="number of worlds")
    parser.add_argument("--steps", type=int, default=500, help="steps per repeat")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N")
    parser.add_argument(
        "--scaling",
        action="store_true",
        help="measure the scaling with worlds, agents and map size",
    )
    parser.add_argument("--json", type=Path, help="output file for the results")
    arguments = parser.parse_args()
    for name in ("steps", "worlds", "threads"):
        if getattr(arguments, name) < 1:
            parser.error(f"argument --{name}: got {getattr(arguments, name)}; expected at least 1")
    try:
        if arguments.scaling:
            result = measure_speed_by_size(arguments.device)
            lines = format_scaling_table(result)
        else:
            mission = load_mission(arguments.mission)
            shape = (arguments.worlds, arguments.steps)
            result = measure_speed(mission, *shape, arguments.device, arguments.threads)
            lines = format_speed_summary(result)
    except (ConfigError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print("\n".join(lines))
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        write_json(arguments.json, result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
