"""Layouts: from a few numbers and a seed to the rows of a map.

Every generator is a class of its parameters with a method `fill`. The same parameters and seed give
the same map on every machine.
"""

import re
from abc import abstractmethod
from collections import Counter
from functools import lru_cache
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, PlainValidator, model_validator

from daf.config import ConfigError, Int, Model, short_json, suggest
from daf.missions.cells import AGENT, FLOOR, MAX_AGENTS, MAX_SIDE, MAX_STATIONS, WALL

MAX_LAYOUTS, MAX_CELLS = 10_000, 50_000_000
SEED_PATTERN = "(?:0|[1-9][0-9]{0,8})"
"""Pattern of a seed."""

Counts = dict[str, Annotated[Int, Field(ge=0, le=MAX_STATIONS)]]
Map = tuple[str, ...]


def _seed(value: Any) -> int | str:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if not isinstance(value, str) or not re.fullmatch(f"{SEED_PATTERN}-{SEED_PATTERN}", value):
        raise ValueError("should be a whole number from 0 on, or FIRST-LAST for several layouts")
    count = len(parse_seeds(value))
    if count < 1:
        raise ValueError("the last seed comes before the first; accepted: such as 1-1000")
    if count > MAX_LAYOUTS:
        raise ValueError(f"these are {count} layouts; accepted: up to {MAX_LAYOUTS}")
    return value


def parse_seeds(seed: int | str) -> range:
    """`"1-1000"` -> the seeds from 1 to 1000; a number is one."""
    first, _, last = str(seed).partition("-")
    return range(int(first), int(last or first) + 1)


Seed = Annotated[int | str, PlainValidator(_seed)]


class Layout(Model):
    """What all generators have in common.

    `height` and `width` are those of the area that is laid out; `border` cells of wall go all
    round it. No two stations touch, even at a corner, and none touches a wall, so that each can be
    reached from all sides. Whatever the seed, there are as many of each station and as many agents.
    """

    height: Int = Field(ge=3, le=MAX_SIDE - 2)
    width: Int = Field(ge=3, le=MAX_SIDE - 2)
    border: Int = Field(default=1, ge=1, le=MAX_SIDE // 2)
    stations: Counts
    seed: Seed = 0

    @model_validator(mode="after")
    def _check_total_cells(self):
        count = len(self.seeds)
        cells = count * (self.height + 2 * self.border) * (self.width + 2 * self.border)
        if count > 1 and cells > MAX_CELLS:
            most = MAX_CELLS * count // cells
            raise ValueError(
                f"key 'seed': got {short_json(self.seed)}; these are {count} layouts; "
                f"accepted: up to {most} of this size"
            )
        return self

    def __hash__(self) -> int:
        return hash(self.model_dump_json())

    @property
    def seeds(self) -> range:
        """Of its layouts; one, if `seed` is a number."""
        return parse_seeds(self.seed)

    def rows(self, legend: dict[str, str], seed: int) -> Map:
        """A map, `height + 2 * border` rows of `width + 2 * border` characters of `legend`.

        Raises:
            ConfigError: something without symbol, or too many stations to fit.
        """
        symbol = {name: character for character, name in legend.items()}
        for name in (WALL, FLOOR, AGENT):
            if name not in symbol:
                raise ConfigError(f"key 'legend': no character is {name}; a layout needs one")
        for name in self.stations:
            if name not in symbol:
                raise ConfigError(
                    f"key 'layout.stations': unknown station {short_json(name)}; "
                    f"{suggest(name, sorted(symbol))}"
                )
        grid = np.full((self.height + 2 * self.border, self.width + 2 * self.border), symbol[WALL])
        inside = grid[self.border : -self.border, self.border : -self.border]
        self.draw(inside, symbol, np.random.Generator(np.random.PCG64(seed)))
        return tuple("".join(row) for row in grid)

    @abstractmethod
    def draw(self, inside: np.ndarray, symbol: dict[str, str], random: np.random.Generator) -> None:
        """Draw floor, stations and agents on the wall that `inside` [height, width] still is."""

    def station_list(self) -> list[str]:
        """The station of each place that is needed."""
        return [name for name, count in self.stations.items() for _ in range(count)]


class Room(Layout):
    """One open room; stations and agents scattered in it."""

    generator: Literal["room"] = "room"
    agents: Int = Field(ge=1, le=MAX_AGENTS)

    def draw(self, inside: np.ndarray, symbol: dict[str, str], random: np.random.Generator) -> None:
        inside[:] = symbol[FLOOR]
        free = np.zeros(inside.shape, dtype=bool)
        free[1:-1, 1:-1] = True
        names = self.station_list()
        for name in names:
            row, column = choose_cell(free, random, f"the {len(names)} stations")
            inside[row, column] = symbol[name]
            free[row - 1 : row + 2, column - 1 : column + 2] = False
        for _ in range(self.agents):
            place = choose_cell(inside == symbol[FLOOR], random, f"the {self.agents} agents")
            inside[place] = symbol[AGENT]


@lru_cache(maxsize=8)
def build_maps(layout: Layout, legend: tuple[tuple[str, str], ...]) -> tuple[Map, ...]:
    """The map of each of a layout's seeds.

    Args:
        legend: the items of a legend.

    Raises:
        ConfigError: there is none for one of the seeds, which the message names.
    """
    maps: list[Map] = []
    for seed in layout.seeds:
        try:
            rows = layout.rows(dict(legend), seed)
        except ConfigError as error:
            raise ConfigError(f"layout of seed {seed}: {error}") from None
        maps.append(rows)
        if not same_contents(rows, maps[0]):
            raise ConfigError(f"layout of seed {seed}: has other stations or agents than the first")
    return tuple(maps)


def same_contents(one: Map, other: Map) -> bool:
    """Whether two maps have the same size, and as much of everything."""
    sides = [(len(rows), len(rows[0])) for rows in (one, other)]
    return sides[0] == sides[1] and Counter("".join(one)) == Counter("".join(other))


def choose_cell(free: np.ndarray, random: np.random.Generator, what: str) -> tuple[int, int]:
    """(row, column) of one of the `free` cells, all alike.

    Raises:
        ConfigError: there is none for `what`.
    """
    places = np.flatnonzero(free)
    if places.size == 0:
        raise ConfigError(f"key 'layout': the room is too small for {what}")
    row, column = divmod(int(random.choice(places)), free.shape[1])
    return row, column
