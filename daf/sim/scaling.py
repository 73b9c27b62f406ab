"""How the simulator's speed grows with worlds, agents and the map, against what memory allows."""

import statistics
import time
from collections.abc import Callable
from typing import Any

import torch

from daf.missions import build_mission
from daf.provenance.origin import Origin
from daf.sim.simulation import Simulation
from daf.sim.timing import WARM_UP, action_indices, format_range, make_clock, random_moves, seconds

WORLDS = tuple(2**k for k in range(8, 18))
AGENTS = (1, 2, 4, 8, 16, 32, 64)
SIDES = (21, 30, 42, 60, 85, 120, 170, 210)
BASE_SIZE = {"worlds": 2**13, "agents": 4, "side": 21}
"""What is not varied stays here."""

STATIONS = {"assembler": 1, "chest": 1, "charger": 1, "carbon_extractor": 1}
STEPS = 64
REPEATS = 5


def scaling(device: str) -> dict[str, Any]:
    """Agent-steps per second with random moves, one size varied at a time.

    On CUDA the step is captured in a graph. What memory allows is measured too: bytes per second of
    a fill. An observation is `3 * tokens` bytes, so that `share = rate * 3 * tokens / bandwidth`
    says how near the limit is; as a step writes only what is not empty, it can be above 1.

    Returns:
        "bandwidth" in bytes/s; "points", each with "worlds", "agents", "side" and either "rates"
        (agent-steps/s of each repeat) with "rate" (their median) and "share", or "left_out", why
        there are none; "device", "origin".

    Raises:
        ValueError: there is no such device.
    """
    curves = {"worlds": WORLDS, "agents": AGENTS, "side": SIDES}
    sizes = [BASE_SIZE | {name: value} for name, values in curves.items() for value in values]
    points = []
    for size in {tuple(size.values()): size for size in sizes}.values():
        try:
            points.append(size | _measure_point(device, **size))
        except torch.OutOfMemoryError as error:
            points.append(size | {"left_out": " ".join(f"{error}".split())})
    bandwidth = _bandwidth(device)
    for point in points:
        if "rate" in point:
            point["share"] = point["rate"] * 3 * point.pop("tokens") / bandwidth
    origin = Origin.current(torch.device(device).type).resolved()
    return {"device": device, "bandwidth": bandwidth, "points": points, "origin": origin}


def scaling_table(found: dict[str, Any]) -> list[str]:
    """What `scaling` found, as lines of Markdown."""
    origin = found["origin"]
    machine = origin["hardware"]["gpu"] or origin["hardware"]["processor"]
    versions = ", ".join(f"{name} {origin['versions'][name]}" for name in ("torch", "warp-lang"))
    lines = [
        f"{machine}; {versions}; a fill writes {found['bandwidth'] / 1e9:.3g} GB/s",
        "",
        "| worlds | agents | side of the map | million agent-steps/s (min to max) | of the limit |",
        "|---|---|---|---|---|",
    ]
    for point in found["points"]:
        size = f"| {point['worlds']} | {point['agents']} | {point['side']}"
        if "left_out" in point:
            lines.append(f"{size} | left out: {point['left_out']} | |")
        else:
            share = f"{100 * point['share']:.3g} %"
            lines.append(f"{size} | {format_range(point['rates'], 1e6)} | {share} |")
    return lines


def _measure_point(device: str, worlds: int, agents: int, side: int) -> dict[str, Any]:
    layout = {"generator": "room", "height": side - 2, "width": side - 2, "agents": agents}
    mission = build_mission(
        {"layout": layout | {"stations": STATIONS}}, name="room", source="daf.sim.scaling"
    )
    simulation = Simulation(mission, worlds, device, auto_reset=True)
    clock = make_clock(simulation, torch.get_num_threads())
    actions = random_moves(simulation)
    act = _graph_step(simulation) if torch.device(device).type == "cuda" else simulation.step
    seconds(clock, lambda k: act(actions[k]), action_indices(WARM_UP))
    rows = worlds * agents * STEPS
    rates = [
        rows / seconds(clock, lambda k: act(actions[k]), action_indices(STEPS))
        for _ in range(REPEATS)
    ]
    return {"rates": rates, "rate": statistics.median(rates), "tokens": mission.tokens}


def _graph_step(simulation: Simulation) -> Callable[[torch.Tensor], None]:
    """The simulation's step as a CUDA graph."""
    actions = torch.zeros_like(simulation.state.verb)
    simulation.step(actions)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        simulation.step(actions)

    def act(chosen: torch.Tensor) -> None:
        actions.copy_(chosen)
        graph.replay()

    return act


def _bandwidth(device: str) -> float:
    """Bytes per second that a fill of a quarter of a GiB writes, the best of some."""
    memory = torch.empty(2**28, dtype=torch.uint8, device=device)
    times = []
    for value in range(2 * REPEATS):
        _wait(device)
        begin = time.perf_counter()
        memory.fill_(value)
        _wait(device)
        times.append(time.perf_counter() - begin)
    return memory.numel() / min(times)


def _wait(device: str) -> None:
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)
