"""Speed of the simulator over worlds, agents and map size, relative to memory bandwidth."""

import statistics
import time
from collections.abc import Callable
from typing import Any

import torch

from daf.missions import build_mission
from daf.provenance.origin import Origin
from daf.sim.simulation import Simulation
from daf.sim.timing import (
    WARM_UP,
    choose_clock,
    cycle_action_batch_indices,
    format_median_and_range,
    measure_total_seconds,
    sample_random_moves,
)

WORLDS = tuple(2**k for k in range(8, 18))
AGENTS = (1, 2, 4, 8, 16, 32, 64)
SIDES = (21, 30, 42, 60, 85, 120, 170, 210)
BASE_SIZE = {"worlds": 2**13, "agents": 4, "side": 21}
"""Size of every point, except for the varied quantity."""

STATIONS = {"assembler": 1, "chest": 1, "charger": 1, "carbon_extractor": 1}
STEPS = 64
REPEATS = 5


def measure_speed_by_size(device: str) -> dict[str, Any]:
    """Measure agent-steps per second with random moves, varying one size at a time.

    On CUDA the step is captured in a graph. The memory bandwidth is measured by a fill. An
    observation has 3 * tokens bytes, so share = rate * 3 * tokens / bandwidth. A share above 1 is
    possible, because a step does not write empty tokens.

    Args:
        device: "cpu", "cuda" or "cuda:N".

    Returns:
        "bandwidth" in bytes/s; "points", each with "worlds", "agents", "side" and either "rates"
        (agent-steps/s of each repeat), "rate" (their median) and "share", or "left_out" (reason of
        a missing measurement); "device"; "origin".

    Raises:
        ValueError: unavailable device.
    """
    curves = {"worlds": WORLDS, "agents": AGENTS, "side": SIDES}
    sizes = [BASE_SIZE | {name: value} for name, values in curves.items() for value in values]
    points = []
    for size in {tuple(size.values()): size for size in sizes}.values():
        try:
            points.append(size | _measure_speed_at_size(device, **size))
        except torch.OutOfMemoryError as error:
            points.append(size | {"left_out": " ".join(f"{error}".split())})
    bandwidth = _measure_write_bytes_per_second(device)
    for point in points:
        if "rate" in point:
            point["share"] = point["rate"] * 3 * point.pop("tokens") / bandwidth
    origin = Origin.current(torch.device(device).type).resolved()
    return {"device": device, "bandwidth": bandwidth, "points": points, "origin": origin}


def format_scaling_table(result: dict[str, Any]) -> list[str]:
    """Return the result of `measure_speed_by_size` as a Markdown table."""
    origin = result["origin"]
    machine = origin["hardware"]["gpu"] or origin["hardware"]["processor"]
    versions = ", ".join(f"{name} {origin['versions'][name]}" for name in ("torch", "warp-lang"))
    lines = [
        f"{machine}; {versions}; memory bandwidth {result['bandwidth'] / 1e9:.3g} GB/s",
        "",
        "| worlds | agents | map side | million agent-steps/s (min to max) | share of bandwidth |",
        "|---|---|---|---|---|",
    ]
    for point in result["points"]:
        size = f"| {point['worlds']} | {point['agents']} | {point['side']}"
        if "left_out" in point:
            lines.append(f"{size} | not measured: {point['left_out']} | |")
        else:
            share = f"{100 * point['share']:.3g} %"
            lines.append(f"{size} | {format_median_and_range(point['rates'], 1e6)} | {share} |")
    return lines


def _measure_speed_at_size(device: str, worlds: int, agents: int, side: int) -> dict[str, Any]:
    """Measure the rates of one size of a mission with a room of side x side cells."""
    layout = {"generator": "room", "height": side - 2, "width": side - 2, "agents": agents}
    mission = build_mission(
        {"layout": layout | {"stations": STATIONS}}, name="room", source="daf.sim.scaling"
    )
    simulation = Simulation(mission, worlds, device, auto_reset=True)
    clock = choose_clock(simulation, torch.get_num_threads())
    actions = sample_random_moves(simulation)
    step = (
        _capture_step_graph(simulation) if torch.device(device).type == "cuda" else simulation.step
    )
    measure_total_seconds(clock, lambda k: step(actions[k]), cycle_action_batch_indices(WARM_UP))
    agent_steps = worlds * agents * STEPS
    rates = [
        agent_steps
        / measure_total_seconds(
            clock, lambda k: step(actions[k]), cycle_action_batch_indices(STEPS)
        )
        for _ in range(REPEATS)
    ]
    return {"rates": rates, "rate": statistics.median(rates), "tokens": mission.tokens}


def _capture_step_graph(simulation: Simulation) -> Callable[[torch.Tensor], None]:
    """Capture the step of a simulation in a CUDA graph and return a function that replays it."""
    actions = torch.zeros_like(simulation.state.verb)
    simulation.step(actions)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        simulation.step(actions)

    def replay_step(new_actions: torch.Tensor) -> None:
        actions.copy_(new_actions)
        graph.replay()

    return replay_step


def _measure_write_bytes_per_second(device: str) -> float:
    """Return the write bandwidth in bytes/s: fill of 256 MiB, best of 10."""
    buffer = torch.empty(2**28, dtype=torch.uint8, device=device)
    seconds = []
    for value in range(2 * REPEATS):
        _synchronize(device)
        start = time.perf_counter()
        buffer.fill_(value)
        _synchronize(device)
        seconds.append(time.perf_counter() - start)
    return buffer.numel() / min(seconds)


def _synchronize(device: str) -> None:
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)
