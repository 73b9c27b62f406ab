"""Speed of the simulator: `python -m daf.sim.benchmark --mission training_facility_1`."""

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from daf.config import ConfigError
from daf.files.text_files import write_json
from daf.missions import Mission, load_mission
from daf.provenance.mettagrid_version import mettagrid_unavailable
from daf.provenance.origin import Origin
from daf.sim.mettagrid_engine import MettagridEngine
from daf.sim.scaling import scaling, scaling_table
from daf.sim.simulation import Simulation, torch_stream
from daf.sim.timing import WARM_UP, action_indices, format_range, make_clock, random_moves, seconds

REPEATS = 7
METTAGRID_STEPS = 1000
"""Of its one world, per repeat; some hundredths of a second."""

ONE_CORE = "one core, the only way it is compared"


def measure(
    mission: Mission, worlds: int = 256, steps: int = 500, device: str = "cpu", threads: int = 1
) -> dict[str, Any]:
    """Agent-steps per second with random moves, observations included, beside those of mettagrid.

    With one thread of the CPU both take turns in this process, on one core, so that what slows the
    machine down slows both; they are measured in their own time on the CPU, so that other processes
    count little. Several threads, and a GPU, are measured by the clock and without mettagrid.

    Returns:
        "rates" of each repeat, agent-steps/s; "phases", the share of the time that each phase of a
        step takes; "tokens_in_use" of an observation; "mettagrid" with "version", "rates" and
        "tokens_in_use", or None and in "no_mettagrid" the reason; "ratios" of the rates, repeat by
        repeat; "origin", the machine and the versions.

    Raises:
        ValueError: as `Simulation`.
    """
    with _pinned(threads, pin=device == "cpu" and threads == 1):
        simulation = Simulation(mission, worlds, device, auto_reset=True, threads=threads)
        clock = make_clock(simulation, threads)
        actions = random_moves(simulation)
        alone = ONE_CORE if device != "cpu" or threads > 1 else mettagrid_unavailable()
        rival = None if alone else MettagridEngine(mission)
        own = actions[:, 0].int().cpu().numpy()
        seconds(clock, lambda k: simulation.step(actions[k]), action_indices(WARM_UP))
        if rival:
            seconds(clock, lambda k: rival.step(own[k]), action_indices(METTAGRID_STEPS))
        rates, others = [], []
        for _ in range(REPEATS):
            taken = seconds(clock, lambda k: simulation.step(actions[k]), action_indices(steps))
            rates.append(worlds * mission.num_agents * steps / taken)
            if rival:
                taken = seconds(
                    clock, lambda k: rival.step(own[k]), action_indices(METTAGRID_STEPS)
                )
                others.append(mission.num_agents * METTAGRID_STEPS / taken)
        phases = _phases(simulation, actions, steps)
    return {
        "mission": mission.name,
        "worlds": worlds,
        "agents": mission.num_agents,
        "tokens": mission.tokens,
        "steps": steps,
        "device": device,
        "threads": threads,
        "tokens_in_use": float(simulation.state.token_count.float().mean()),
        "rates": rates,
        "phases": phases,
        "mettagrid": rival and {**rival.description(), "rates": others},
        "no_mettagrid": alone,
        "ratios": [rate / other for rate, other in zip(rates, others)],
        "origin": Origin.current(torch.device(device).type).resolved(),
    }


def measure_machine(missions: list[str], threads: int) -> list[dict[str, Any]]:
    """`measure` each mission on one core, and with `threads` in so many worlds that all work."""
    found = []
    for mission in map(load_mission, missions):
        found.append(measure(mission))
        if threads > 1:
            found.append(measure(mission, 2048 * threads, steps=50, threads=threads))
    return found


def _phases(simulation: Simulation, actions: torch.Tensor, steps: int) -> dict[str, float]:
    """Share of each kernel in the time of a step; the rest is Python, launches and copies."""
    if len(simulation._shards) > 1:
        return {}
    [shard] = simulation._shards
    stream = torch_stream(simulation.device)
    clock = make_clock(simulation, 1)
    spent = dict.fromkeys(simulation._phases, 0.0)
    whole = 0.0
    for number in range(steps // 4 + 1):
        whole += seconds(clock, lambda k: simulation.step(actions[k]), [number % len(actions)])
        for phase in spent:
            spent[phase] += seconds(clock, lambda p: shard.launch((p,), stream), [phase])
    return {phase: took / whole for phase, took in spent.items()}


@contextlib.contextmanager
def _pinned(threads: int, pin: bool) -> Iterator[None]:
    """Inside, torch has so many threads, and this thread stays on one core if asked for."""
    cores, before = os.sched_getaffinity(0), torch.get_num_threads()
    torch.set_num_threads(threads)
    if pin:
        os.sched_setaffinity(0, {max(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)
        torch.set_num_threads(before)


def summary(found: dict[str, Any]) -> list[str]:
    """What `measure` found, in lines for the terminal."""
    lines = [
        f"{found['mission']}: {found['worlds']} worlds x {found['agents']} agents, "
        f"{found['steps']} steps x {REPEATS}, {found['device']}, threads: {found['threads']}, "
        f"{found['tokens_in_use']:.0f} of {found['tokens']} tokens in use",
        f"million agent-steps/s, observations included: {format_range(found['rates'], 1e6)}",
    ]
    rival = found["mettagrid"]
    if rival:
        lines += [
            f"mettagrid {rival['version']}, {rival['tokens_in_use']:.0f} tokens in use: "
            f"{format_range(rival['rates'], 1e6)}",
            f"times the speed of mettagrid: {format_range(found['ratios'], 1)}",
        ]
    else:
        lines.append(f"not compared with mettagrid; that needs {found['no_mettagrid']}")
    lines += [f"  {100 * share:5.1f} % {phase}" for phase, share in found["phases"].items()]
    return lines


def main() -> int:
    """Print agent-steps per second and where the time goes, or the scaling curves."""
    parser = argparse.ArgumentParser(prog="python -m daf.sim.benchmark", description=__doc__)
    parser.add_argument("--mission", default="training_facility_1", help="name or YAML file")
    parser.add_argument("--worlds", type=int, default=256)
    parser.add_argument("--steps", type=int, default=500, help="per repeat")
    parser.add_argument("--threads", type=int, default=1, help="of the CPU")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N")
    parser.add_argument(
        "--scaling",
        action="store_true",
        help="over worlds, agents and sizes of the map, with the share of the memory's bandwidth",
    )
    parser.add_argument("--json", type=Path, help="file for the numbers")
    arguments = parser.parse_args()
    for name in ("steps", "worlds", "threads"):
        if getattr(arguments, name) < 1:
            parser.error(f"argument --{name}: got {getattr(arguments, name)}; at least 1 is needed")
    try:
        if arguments.scaling:
            found = scaling(arguments.device)
            lines = scaling_table(found)
        else:
            mission = load_mission(arguments.mission)
            shape = (arguments.worlds, arguments.steps)
            found = measure(mission, *shape, arguments.device, arguments.threads)
            lines = summary(found)
    except (ConfigError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print("\n".join(lines))
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        write_json(arguments.json, found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
