"""One world: its start, its steps (RULES 2, 3, 4, 8)."""

import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from daf.missions import RESOURCES, Assembler, Mission
from tests.sim.reference.clipper import Clipper
from tests.sim.reference.stations import use_assembler, use_chest
from tests.sim.reference.things import ENERGY, Agent, Limits, Station, Statistics, float32

NOOP, MOVE, CHANGE_GLYPH = range(3)
WALL = "wall"
DIRECTIONS = [(-1, 0), (1, 0), (0, -1), (0, 1)]
SIDES = ["S", "N", "E", "W"]
"""On which side of a station stands who moves north, south, west and east into it."""

Cell = tuple[int, int]


class World:
    """An episode of a mission on one map, from its start.

    Attributes:
        cells: what stands where: agents, stations and walls; a cell without is empty.
        agents, stations: in reading order of the map.
    """

    def __init__(
        self,
        mission: Mission,
        rows: Sequence[str],
        draw_word: Callable[[], int],
        walk: list[int] | None = None,
    ):
        """
        Args:
            rows: the map.
            draw_word, walk: the generator of the clipper, and the order of its walk.
        """
        self.mission, self.rows, self.now = mission, rows, 0
        self.limits, self.statistics = Limits(mission), Statistics()
        self.agents: list[Agent] = []
        self.stations: list[Station] = []
        self.cells: dict[Cell, Agent | Station | str] = {}
        for row, line in enumerate(rows):
            for column, symbol in enumerate(line):
                self._place(mission.legend[symbol], row, column)
        self.clipper = Clipper(self, draw_word, walk)

    def _place(self, what: str, row: int, column: int) -> None:
        if what == "agent":
            agent = Agent(len(self.agents), row, column)
            for resource, name in enumerate(RESOURCES):
                self.limits.change(agent, resource, self.mission.initial_inventory.get(name, 0))
            self.agents.append(agent)
            self.cells[row, column] = agent
        elif what == "wall":
            self.cells[row, column] = WALL
        elif what != "floor":
            station = Station(what, self.mission.stations[what], row, column)
            station.stock = getattr(station.rule, "initial", 0)
            self.stations.append(station)
            self.cells[row, column] = station

    def is_inside(self, cell: Cell) -> bool:
        return 0 <= cell[0] < len(self.rows) and 0 <= cell[1] < len(self.rows[0])

    @property
    def is_done(self) -> bool:
        return 0 < self.mission.max_steps <= self.now

    def step(self, order: Iterable[int], actions: Sequence[tuple[int, int]]) -> None:
        """Let every agent act, in this order, and pay the rewards."""
        self.now += 1
        for number in order:
            agent = self.agents[number]
            agent.verb, agent.argument = actions[number]
            agent.success = self._act(agent)
            agent.reward = float32(0) if agent.success else -self.penalty
        interval = self.mission.regeneration.interval
        if interval and self.now % interval == 0:
            for agent in self.agents:
                for name, amount in self._by_id(self.mission.regeneration.amounts):
                    self.limits.change(agent, name, amount)
        self.clipper.step()
        for agent in self.agents:
            due = self._compute_due(agent)
            agent.reward = agent.reward + (due - agent.rewarded)
            agent.rewarded = due

    @property
    def penalty(self) -> np.float32:
        """What a failed action costs of the reward."""
        return float32(self.mission.failure_penalty)

    @staticmethod
    def _by_id(amounts: dict[str, int]) -> list[tuple[int, int]]:
        return sorted((RESOURCES.index(name), amount) for name, amount in amounts.items())

    def _act(self, agent: Agent) -> bool:
        counts = self.statistics.counts
        match agent.verb, agent.argument:
            case (0, 0):  # noop
                return True
            case (1, direction) if 0 <= direction < 4:
                success = self._move(agent, direction)
                counts["moves" if success else "failed_moves"] += 1
                return success
            case (2, glyph) if 0 <= glyph < self.mission.glyphs:
                agent.glyph = glyph
                counts["glyph_changes"] += 1
                return True
        counts["invalid_actions"] += 1
        return False

    def _move(self, agent: Agent, direction: int) -> bool:
        price = self.mission.move_energy
        if agent.inventory[ENERGY] < price:
            return False
        agent.orientation = direction
        if not self._enter(agent, direction):
            return False
        spent = -self.limits.change(agent, ENERGY, -price)
        self.statistics.counts["energy_spent_moving"] += spent
        return True

    def _enter(self, agent: Agent, direction: int) -> bool:
        rows, columns = DIRECTIONS[direction]
        target = agent.row + rows, agent.column + columns
        if not self.is_inside(target):
            return False
        thing = self.cells.get(target)
        if thing is None:
            del self.cells[agent.row, agent.column]
            agent.row, agent.column = target
            self.cells[target] = agent
            return True
        if isinstance(thing, Agent):
            self._share(agent, thing)
            return True
        if isinstance(thing, Station):
            if isinstance(thing.rule, Assembler):
                return use_assembler(self, agent, thing)
            return use_chest(self, agent, thing, SIDES[direction])
        return False

    def _share(self, giver: Agent, taker: Agent) -> None:
        taken = self.limits.change(taker, ENERGY, giver.inventory[ENERGY] // 2)
        self.limits.change(giver, ENERGY, -taken)
        self.statistics.counts["shares"] += 1

    def _compute_due(self, agent: Agent) -> np.float32:
        """What the statistics of the episode so far are worth."""
        due = float32(0)
        for name, weight in sorted(self.mission.rewards.items()):
            if name.startswith("chest."):
                amount = self.statistics.last_chest_amount[RESOURCES.index(name.split(".")[1])]
            else:
                amount = agent.gained[RESOURCES.index(name.split(".")[0])]
            value = float32(amount) * float32(weight)
            due += min(value, float32(self.mission.reward_caps.get(name, math.inf)))
        return due
