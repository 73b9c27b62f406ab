"""Layout generators: from a few numbers and a seed to the rows of a map.

Every generator is a class of its parameters with a method `rows(legend)`. The same parameters give
the same map on every machine.
"""

from typing import Any, Literal

import numpy as np
from pydantic import Field, ValidationError

from daf.config import ConfigError, Model, nearest
from daf.config.model import describe
from daf.missions.mission import AGENT, FLOOR, MAX_AGENTS, MAX_SIDE, WALL


class Room(Model):
    """One open room inside a wall; stations scattered so that each can be reached from all sides.

    `height` and `width` are those of the open area; the wall adds 2. No two stations
    touch, even at a corner, and none touches the wall.
    """

    generator: Literal["room"] = "room"
    height: int = Field(ge=3, le=MAX_SIDE - 2)
    width: int = Field(ge=3, le=MAX_SIDE - 2)
    agents: int = Field(ge=1, le=MAX_AGENTS)
    stations: dict[str, int]
    seed: int = Field(default=0, ge=0)

    def rows(self, legend: dict[str, str]) -> list[str]:
        """The map, `height + 2` rows of `width + 2` characters of `legend`.

        Raises:
            ConfigError: a station without symbol, or too many to fit.
        """
        symbol = {name: character for character, name in legend.items()}
        for name in self.stations:
            if name not in symbol:
                raise ConfigError(
                    f"key 'layout.stations': unknown station '{name}'; "
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
    name = layout.get("generator") if isinstance(layout, dict) else None
    if name not in GENERATORS:
        raise ConfigError(
            f"key 'layout.generator': got {name!r}; {nearest(str(name), sorted(GENERATORS))}"
        )
    try:
        parameters = GENERATORS[name].model_validate(layout)
    except ValidationError as error:
        raise ConfigError(f"key 'layout': {describe(error, GENERATORS[name])}") from None
    return parameters.rows(legend)


def _choose(free: np.ndarray, random: np.random.Generator, what: str) -> tuple[int, int]:
    places = np.flatnonzero(free)
    if places.size == 0:
        raise ConfigError(f"key 'layout': the room is too small for {what}")
    row, column = divmod(int(random.choice(places)), free.shape[1])
    return row, column
