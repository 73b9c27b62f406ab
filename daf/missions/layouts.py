"""Layout generators: from a few numbers and a seed to the rows of a map.

Every generator is a class of its parameters with a method `rows(legend)`. The same parameters give
the same map on every machine.
"""

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from daf.config import ConfigError, Model, Whole, nearest, shown
from daf.missions.mission import AGENT, FLOOR, MAX_AGENTS, MAX_SIDE, MAX_STATIONS, WALL


class Room(Model):
    """One open room inside a wall; stations scattered so that each can be reached from all sides.

    `height` and `width` are those of the open area; the wall adds 2. No two stations
    touch, even at a corner, and none touches the wall.
    """

    generator: Literal["room"] = "room"
    height: Whole = Field(ge=3, le=MAX_SIDE - 2)
    width: Whole = Field(ge=3, le=MAX_SIDE - 2)
    agents: Whole = Field(ge=1, le=MAX_AGENTS)
    stations: dict[str, Annotated[Whole, Field(ge=0, le=MAX_STATIONS)]]
    seed: Whole = Field(default=0, ge=0)

    def rows(self, legend: dict[str, str]) -> list[str]:
        """The map, `height + 2` rows of `width + 2` characters of `legend`.

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
        random = np.random.Generator(np.random.PCG64(self.seed))
        grid = np.full((self.height + 2, self.width + 2), symbol[WALL])
        grid[1:-1, 1:-1] = symbol[FLOOR]
        free = np.zeros(grid.shape, dtype=bool)
        free[2:-2, 2:-2] = True
        for name in [name for name, count in self.stations.items() for _ in range(count)]:
            row, column = _choose(free, random, f"the {sum(self.stations.values())} stations")
            grid[row, column] = symbol[name]
            free[row - 1 : row + 2, column - 1 : column + 2] = False
        for _ in range(self.agents):
            row, column = _choose(grid == symbol[FLOOR], random, f"the {self.agents} agents")
            grid[row, column] = symbol[AGENT]
        return ["".join(row) for row in grid]


GENERATORS = {"room": Room}


def generate(layout: Any, legend: dict[str, str]) -> list[str]:
    """The map of a mission's `layout` key, as rows of characters.

    Raises:
        ConfigError: unknown generator or wrong parameters, in one line.
    """
    if not isinstance(layout, dict):
        raise ConfigError(f"key 'layout': got {shown(layout)}; should be a mapping of its keys")
    name = layout.get("generator")
    if not isinstance(name, str) or name not in GENERATORS:
        raise ConfigError(
            f"key 'layout.generator': got {shown(name)}; {nearest(name, sorted(GENERATORS))}"
        )
    return GENERATORS[name].parse(layout, "key 'layout'").rows(legend)


def _choose(free: np.ndarray, random: np.random.Generator, what: str) -> tuple[int, int]:
    places = np.flatnonzero(free)
    if places.size == 0:
        raise ConfigError(f"key 'layout': the room is too small for {what}")
    row, column = divmod(int(random.choice(places)), free.shape[1])
    return row, column
