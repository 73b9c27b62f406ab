"""How the simulator's speed is taken: random moves, clocks, repeats."""

import statistics
import time
from collections.abc import Callable, Iterable
from itertools import cycle, islice
from typing import Any

import torch
import warp as wp

from daf.sim.simulation import Simulation

WARM_UP = 64
"""Steps before anything is timed, and different sets of actions."""


def random_moves(simulation: Simulation) -> torch.Tensor:
    """Noops and moves, int64 [WARM_UP, E, A]."""
    generator = torch.Generator().manual_seed(0)
    shape = (WARM_UP, simulation.num_worlds, simulation.num_agents)
    return torch.randint(0, 5, shape, generator=generator).to(simulation.device)


def action_indices(steps: int) -> Iterable[int]:
    """Which actions of `random_moves` so many steps take."""
    return islice(cycle(range(WARM_UP)), steps)


def make_clock(simulation: Simulation, threads: int) -> Callable[[], float]:
    """A clock in seconds: this thread's time on the CPU where it works alone, else that of the
    wall; on a GPU when all that was launched is done."""
    if simulation.device == "cpu":
        return time.thread_time if threads == 1 else time.perf_counter

    def clock() -> float:
        wp.synchronize_device(simulation.device)
        return time.perf_counter()

    return clock


def seconds(clock: Callable[[], float], call: Callable[[Any], Any], values: Iterable) -> float:
    """How long it takes to call something with each of the values."""
    begin = clock()
    for value in values:
        call(value)
    return clock() - begin


def format_range(values: list[float], unit: float) -> str:
    """Median (least to greatest), in multiples of `unit`."""
    low, middle, high = (f(values) / unit for f in (min, statistics.median, max))
    return f"{middle:.3g} ({low:.3g} to {high:.3g})"
