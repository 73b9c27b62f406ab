"""Timing of the simulator: random moves, clocks, repeats."""

import statistics
import time
from collections.abc import Callable, Iterable
from itertools import cycle, islice
from typing import Any

import torch
import warp as wp

from daf.sim.simulation import Simulation

WARM_UP = 64
"""Steps before the measurement, and number of distinct action tensors."""


def sample_random_moves(simulation: Simulation) -> torch.Tensor:
    """Sample noops and moves, int64 [WARM_UP, E, A]."""
    generator = torch.Generator().manual_seed(0)
    shape = (WARM_UP, simulation.num_worlds, simulation.num_agents)
    return torch.randint(0, 5, shape, generator=generator).to(simulation.device)


def cycle_action_batch_indices(num_steps: int) -> Iterable[int]:
    """Return the indices of the action tensors for a number of steps, cyclic."""
    return islice(cycle(range(WARM_UP)), num_steps)


def choose_clock(simulation: Simulation, num_cpu_threads: int) -> Callable[[], float]:
    """Choose a clock in seconds for the device of a simulation.

    It is the CPU time of this thread for 1 CPU thread, wall time for several. On a GPU it is wall
    time after all launched kernels finish.
    """
    if simulation.device == "cpu":
        return time.thread_time if num_cpu_threads == 1 else time.perf_counter

    def clock() -> float:
        wp.synchronize_device(simulation.device)
        return time.perf_counter()

    return clock


def measure_total_seconds(
    clock: Callable[[], float], function: Callable[[Any], Any], values: Iterable
) -> float:
    """Return the time of calling a function with each value, in s."""
    start = clock()
    for value in values:
        function(value)
    return clock() - start


def format_median_and_range(values: list[float], divisor: float) -> str:
    """Return median (minimum to maximum), in multiples of `divisor`."""
    low, middle, high = (statistic(values) / divisor for statistic in (min, statistics.median, max))
    return f"{middle:.3g} ({low:.3g} to {high:.3g})"
