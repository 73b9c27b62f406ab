"""One world: initial state, steps, rewards."""

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
"""Side of the station on which the agent is, for moves north, south, west and east."""

Cell = tuple[int, int]


class World:
    """One episode of a mission on one map.

    Attributes:
        cells: content of the cells: agent, station or wall; empty cells are missing.
        agents, stations: agents and stations in reading order of the map.
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
            mission: mission of the world.
            rows: rows of the map.
            draw_word, walk: arguments of `Clipper`.
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

    def _place(self, object_name: str, row: int, column: int) -> None:
        if object_name == "agent":
            agent = Agent(len(self.agents), row, column)
            for resource, name in enumerate(RESOURCES):
                self.limits.change(agent, resource, self.mission.initial_inventory.get(name, 0))
            self.agents.append(agent)
            self.cells[row, column] = agent
        elif object_name == "wall":
            self.cells[row, column] = WALL
        elif object_name != "floor":
            station = Station(object_name, self.mission.stations[object_name], row, column)
            station.stock = getattr(station.rule, "initial", 0)
            self.stations.append(station)
            self.cells[row, column] = station

    def is_inside(self, cell: Cell) -> bool:
        return 0 <= cell[0] < len(self.rows) and 0 <= cell[1] < len(self.rows[0])

    @property
    def is_done(self) -> bool:
        return 0 < self.mission.max_steps <= self.now

    def step(self, order: Iterable[int], actions: Sequence[tuple[int, int]]) -> None:
        """Apply the actions in this order, regenerate, clip, and compute the rewards."""
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
        """Reward that a failed action costs."""
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
        cost = self.mission.move_energy
        if agent.inventory[ENERGY] < cost:
            return False
        agent.orientation = direction
        if not self._enter(agent, direction):
            return False
        spent = -self.limits.change(agent, ENERGY, -cost)
        self.statistics.counts["energy_spent_moving"] += spent
        return True

    def _enter(self, agent: Agent, direction: int) -> bool:
        rows, columns = DIRECTIONS[direction]
        target = agent.row + rows, agent.column + columns
        if not self.is_inside(target):
            return False
        content = self.cells.get(target)
        if content is None:
            del self.cells[agent.row, agent.column]
            agent.row, agent.column = target
            self.cells[target] = agent
            return True
        if isinstance(content, Agent):
            self._share(agent, content)
            return True
        if isinstance(content, Station):
            if isinstance(content.rule, Assembler):
                return use_assembler(self, agent, content)
            return use_chest(self, agent, content, SIDES[direction])
        return False

    def _share(self, giver: Agent, receiver: Agent) -> None:
        transferred = self.limits.change(receiver, ENERGY, giver.inventory[ENERGY] // 2)
        self.limits.change(giver, ENERGY, -transferred)
        self.statistics.counts["shares"] += 1

    def _compute_due(self, agent: Agent) -> np.float32:
        """Return the value of the statistics since the start of the episode."""
        due = float32(0)
        for name, weight in sorted(self.mission.rewards.items()):
            if name.startswith("chest."):
                amount = self.statistics.last_chest_amount[RESOURCES.index(name.split(".")[1])]
            else:
                amount = agent.gained[RESOURCES.index(name.split(".")[0])]
            value = float32(amount) * float32(weight)
            due += min(value, float32(self.mission.reward_caps.get(name, math.inf)))
        return due
