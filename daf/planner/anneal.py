"""Annealing: search for the schedule with the highest forecast, by simulated annealing.

S. Kirkpatrick, C. Gelatt and M. Vecchi (1983), "Optimization by simulated annealing".
"""

from collections.abc import Iterator

import numpy as np
import warp as wp

from daf.planner.dice import Dice, draw_random_int_below
from daf.planner.forecast import (
    NUM_FIELDS,
    forecast_value,
)
from daf.planner.mutations import mutate_schedule_and_return_length
from daf.planner.routes import RouteMap, Routes
from daf.planner.team import ForecastState, allocate_forecast_state, view_as_warp_array
from daf.sim.random import random_word, unit_float
from daf.sim.tables.struct import Tables

wp.set_module_options({"enable_backward": False, "cpu_compiler_flags": "-march=native"})

STREAM_ACCEPT = wp.constant(0x61636365)

CAPACITY = 400
"""Maximum number of visits of a schedule."""

START_TEMPERATURE, END_TEMPERATURE = 0.06, 0.005
"""Hearts; the temperature falls geometrically from round to round."""

EXTENSION_STEPS = (220.0, 20.0)
"""Steps after the end of the episode in which hearts still have a value, first and last round."""


@wp.func
def copy_schedule(
    source: wp.array3d(dtype=wp.int32), target: wp.array3d(dtype=wp.int32), chain: int, length: int
):
    """Copy the visits of a chain."""
    for i in range(length):
        for field in range(NUM_FIELDS):
            target[chain, i, field] = source[chain, i, field]


@wp.kernel
def anneal_schedules(
    tables: Tables,
    routes: Routes,
    state: ForecastState,
    dice: Dice,
    current: wp.array3d(dtype=wp.int32),
    proposal: wp.array3d(dtype=wp.int32),
    best: wp.array3d(dtype=wp.int32),
    lengths: wp.array2d(dtype=wp.int32),
    values: wp.array2d(dtype=wp.float32),
    num_proposals: int,
    start_temperature: float,
    end_temperature: float,
    steps_after_end: float,
):
    """Anneal one chain per thread.

    Args:
        tables: tables of the rules.
        routes: routes of the mission.
        state: state of the forecasts.
        dice: random numbers.
        current: int32 [chains, L, 5], schedule of each chain.
        proposal: int32 [chains, L, 5], memory for mutated schedules.
        best: int32 [chains, L, 5], result: best schedule of the round.
        lengths: int32 [chains, 2], lengths of `current` and `best`.
        values: float32 [chains, 2], result: values of `current` and `best`.
        num_proposals: number of mutated schedules.
        start_temperature: temperature at the first proposal, in hearts.
        end_temperature: temperature at the last proposal.
        steps_after_end: steps after the end in which hearts still have a value.
    """
    chain = wp.tid()
    length = lengths[chain, 0]
    value = forecast_value(tables, routes, state, chain, current, length, steps_after_end)
    copy_schedule(current, best, chain, length)
    lengths[chain, 1] = length
    best_value = float(value)
    for k in range(num_proposals):
        progress = float(k) / float(num_proposals)
        temperature = start_temperature * wp.pow(end_temperature / start_temperature, progress)
        copy_schedule(current, proposal, chain, length)
        new_length = mutate_schedule_and_return_length(
            tables, routes, dice, chain, proposal, length
        )
        while draw_random_int_below(dice, chain, 5) < 2:
            new_length = mutate_schedule_and_return_length(
                tables, routes, dice, chain, proposal, new_length
            )
        new_value = forecast_value(
            tables, routes, state, chain, proposal, new_length, steps_after_end
        )
        chance = unit_float(random_word(dice.seed[chain], STREAM_ACCEPT, dice.counter[chain]))
        dice.counter[chain] = dice.counter[chain] + 1
        if new_value >= value + temperature * wp.log(chance + 1.0e-9):
            value = new_value
            length = new_length
            copy_schedule(proposal, current, chain, length)
            if value > best_value:
                best_value = value
                lengths[chain, 1] = length
                copy_schedule(proposal, best, chain, length)
    lengths[chain, 0] = length
    values[chain, 0] = value
    values[chain, 1] = best_value


class Annealer:
    """Chains of simulated annealing over the schedules of one mission.

    After every second round the best quarter of the chains replaces the worst quarter.

    Args:
        routes: routes of the mission.
        initial_schedule: int32 [L, 5], first schedule of all chains.
        num_chains: number of chains.
        seed: seed of the random numbers.

    Attributes:
        values: float32 [chains, 2], value of the current and of the best schedule of the round.
    """

    def __init__(self, routes: RouteMap, initial_schedule: np.ndarray, num_chains: int, seed: int):
        self.routes = routes
        self.num_chains = num_chains
        shape = (num_chains, CAPACITY, int(NUM_FIELDS))
        self._current, self._proposal, self._best = (np.zeros(shape, np.int32) for _ in range(3))
        self._current[:, : len(initial_schedule)] = initial_schedule
        self._lengths = np.full((num_chains, 2), len(initial_schedule), np.int32)
        self.values = np.zeros((num_chains, 2), np.float32)
        self._forecast_team, self._forecast_arrays = allocate_forecast_state(routes, num_chains)
        seeds = np.random.SeedSequence([seed]).generate_state(num_chains)
        self._dice_arrays = seeds.astype(np.int64), np.zeros(num_chains, np.int32)
        self._dice = Dice()
        self._dice.seed, self._dice.counter = map(view_as_warp_array, self._dice_arrays)

    def run(self, num_rounds: int, num_proposals: int) -> Iterator[list[np.ndarray]]:
        """Anneal round by round.

        Args:
            num_rounds: number of rounds.
            num_proposals: proposals per chain and round.

        Yields:
            best schedule of each chain in the round, the best one first.
        """
        ratio = (END_TEMPERATURE / START_TEMPERATURE) ** (1 / num_rounds)
        for index in range(num_rounds):
            progress = index / max(num_rounds - 1, 1)
            extension = EXTENSION_STEPS[0] * (1 - progress) + EXTENSION_STEPS[1] * progress
            temperature = START_TEMPERATURE * ratio**index
            self._run_round(num_proposals, temperature, temperature * ratio, extension)
            order = np.argsort(-self.values[:, 1], kind="stable")
            yield [self._best[chain, : self._lengths[chain, 1]].copy() for chain in order]
            if index % 2 == 1:
                self._replace_worst_chains_by_best()

    def _run_round(
        self,
        num_proposals: int,
        start_temperature: float,
        end_temperature: float,
        steps_after_end: float,
    ) -> None:
        arrays = (self._current, self._proposal, self._best, self._lengths, self.values)
        structs = (self.routes.tables.struct, self.routes.struct, self._forecast_team, self._dice)
        wp.launch(
            anneal_schedules,
            dim=self.num_chains,
            inputs=[
                *structs,
                *map(view_as_warp_array, arrays),
                num_proposals,
                start_temperature,
                end_temperature,
                steps_after_end,
            ],
            device="cpu",
        )

    def _replace_worst_chains_by_best(self) -> None:
        order = np.argsort(-self.values[:, 0], kind="stable")
        for rank in range(self.num_chains // 4):
            source, target = order[rank], order[-1 - rank]
            self._current[target] = self._current[source]
            self._lengths[target] = self._lengths[source]
