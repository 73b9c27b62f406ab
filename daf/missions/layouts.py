"""Layouts: from a few numbers and a seed to the rows of a map.

Every generator is a class of its parameters with a method `rows(legend)`. The same parameters give
the same map on every machine.
"""

from abc import abstractmethod
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from daf.config import ConfigError, Model, Whole, nearest, shown
from daf.missions.mission import AGENT, FLOOR, MAX_AGENTS, MAX_SIDE, MAX_STATIONS, WALL

Counts = dict[str, Annotated[Whole, Field(ge=0, le=MAX_STATIONS)]]


class Layout(Model):
    """What all generators have in common.

    `height` and `width` are those of the area that is laid out; `border` cells of wall go all
    round it. No two stations touch, even at a corner, and none touches a wall, so that each can be
    reached from all sides.
    """

    height: Whole = Field(ge=3, le=MAX_SIDE - 2)
    width: Whole = Field(ge=3, le=MAX_SIDE - 2)
    border: Whole = Field(default=1, ge=1, le=MAX_SIDE // 2)
    stations: Counts
    seed: Whole = Field(default=0, ge=0)

    def rows(self, legend: dict[str, str]) -> list[str]:
        """The map, `height + 2 * border` rows of `width + 2 * border` characters of `legend`.

        Raises:
            ConfigError: a station without symbol, or too many to fit.
        """
        symbol = {name: character for character, name in legend.items()}
        for name in self.stations:
            if name not in symbol:
                raise ConfigError(
                    f"key 'layout.stations': unknown station {shown(name)}; "
                    f"{nearest(name, sorted(symbol))}"
                )
        grid = np.full((self.height + 2 * self.border, self.width + 2 * self.border), symbol[WALL])
        inside = grid[self.border : -self.border, self.border : -self.border]
        self.fill(inside, symbol, np.random.Generator(np.random.PCG64(self.seed)))
        return ["".join(row) for row in grid]

    @abstractmethod
    def fill(self, inside: np.ndarray, symbol: dict[str, str], random: np.random.Generator) -> None:
        """Draw floor, stations and agents on the wall that `inside` [height, width] still is."""

    def names(self) -> list[str]:
        """The station of each place that is needed."""
        return [name for name, count in self.stations.items() for _ in range(count)]


class Room(Layout):
    """One open room; stations and agents scattered in it."""

    generator: Literal["room"] = "room"
    agents: Whole = Field(ge=1, le=MAX_AGENTS)

    def fill(self, inside: np.ndarray, symbol: dict[str, str], random: np.random.Generator) -> None:
        inside[:] = symbol[FLOOR]
        free = np.zeros(inside.shape, dtype=bool)
        free[1:-1, 1:-1] = True
        names = self.names()
        for name in names:
            row, column = choose(free, random, f"the {len(names)} stations")
            inside[row, column] = symbol[name]
            free[row - 1 : row + 2, column - 1 : column + 2] = False
        for _ in range(self.agents):
            place = choose(inside == symbol[FLOOR], random, f"the {self.agents} agents")
            inside[place] = symbol[AGENT]


def choose(free: np.ndarray, random: np.random.Generator, what: str) -> tuple[int, int]:
    """(row, column) of one of the `free` cells, all alike.

    Raises:
        ConfigError: there is none for `what`.
    """
    places = np.flatnonzero(free)
    if places.size == 0:
        raise ConfigError(f"key 'layout': the room is too small for {what}")
    row, column = divmod(int(random.choice(places)), free.shape[1])
    return row, column
