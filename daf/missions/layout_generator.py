"""Base class of layout generators, which draw maps from parameters and a seed.

Each generator is a class of its parameters with a method `draw_into`. The same parameters and seed
give the same map on every machine.
"""

import re
from abc import abstractmethod
from collections import Counter
from functools import lru_cache
from typing import Annotated, Any, Self

import numpy as np
from pydantic import Field, PlainValidator, model_validator

from daf.config import ConfigError, Int, Model, short_json, suggest_choice
from daf.missions.cells import AGENT, FLOOR, MAX_SIDE, MAX_STATIONS, WALL

MAX_LAYOUTS, MAX_CELLS = 10_000, 50_000_000
SEED_PATTERN = "(?:0|[1-9][0-9]{0,8})"
"""Regular expression of one layout seed."""

Counts = dict[str, Annotated[Int, Field(ge=0, le=MAX_STATIONS)]]
Map = tuple[str, ...]


def _check_seed_or_range(seed_or_range: Any) -> int | str:
    if (
        isinstance(seed_or_range, int)
        and not isinstance(seed_or_range, bool)
        and seed_or_range >= 0
    ):
        return seed_or_range
    if not isinstance(seed_or_range, str) or not re.fullmatch(
        f"{SEED_PATTERN}-{SEED_PATTERN}", seed_or_range
    ):
        raise ValueError("expected a whole number >= 0, or FIRST-LAST for several layouts")
    count = len(parse_layout_seeds(seed_or_range))
    if count < 1:
        raise ValueError("expected FIRST <= LAST, such as 1-1000")
    if count > MAX_LAYOUTS:
        raise ValueError(f"expected at most {MAX_LAYOUTS} layouts, not {count}")
    return seed_or_range


def parse_layout_seeds(seed_or_range: int | str) -> range:
    """Return the layout seeds of one number, or of a range such as `"1-1000"`."""
    first, _, last = str(seed_or_range).partition("-")
    return range(int(first), int(last or first) + 1)


Seed = Annotated[int | str, PlainValidator(_check_seed_or_range)]


class LayoutGenerator(Model):
    """Parameters that all layout generators share.

    No two stations touch, even at a corner, and no station touches a wall, so agents can reach
    each station from all sides. The numbers of stations and agents do not depend on the seed.
    """

    height: Int = Field(ge=3, le=MAX_SIDE - 2, description="rows inside the border")
    width: Int = Field(ge=3, le=MAX_SIDE - 2, description="columns inside the border")
    border: Int = Field(
        default=1, ge=1, le=MAX_SIDE // 2, description="thickness of the outer wall, in cells"
    )
    stations: Counts = Field(description="number of stations of each type, by name")
    seed: Seed = Field(
        default=0, description="layout seed, or a range FIRST-LAST with one layout per episode"
    )

    @model_validator(mode="after")
    def _check_total_cells_of_layouts(self) -> Self:
        count = len(self.seeds)
        cells = count * (self.height + 2 * self.border) * (self.width + 2 * self.border)
        if count > 1 and cells > MAX_CELLS:
            max_layouts = MAX_CELLS * count // cells
            raise ValueError(
                f"key 'seed': got {short_json(self.seed)}; expected at most {max_layouts} layouts "
                f"of this size, not {count}"
            )
        return self

    def __hash__(self) -> int:
        return hash(self.model_dump_json())

    @property
    def seeds(self) -> range:
        """Seeds of all layouts; a single one if `seed` is a number."""
        return parse_layout_seeds(self.seed)

    def build_map(self, legend: dict[str, str], seed: int) -> Map:
        """Build one map: `height + 2 * border` rows of `width + 2 * border` characters.

        Args:
            legend: cell content by character.
            seed: layout seed.

        Raises:
            ConfigError: a cell content without character, or too many stations or agents.
        """
        symbol_by_content = {name: character for character, name in legend.items()}
        for name in (WALL, FLOOR, AGENT):
            if name not in symbol_by_content:
                raise ConfigError(f"key 'legend': expected a character for '{name}' in a layout")
        for name in self.stations:
            if name not in symbol_by_content:
                raise ConfigError(
                    f"key 'layout.stations': unknown station {short_json(name)}; "
                    f"{suggest_choice(name, sorted(symbol_by_content))}"
                )
        grid = np.full(
            (self.height + 2 * self.border, self.width + 2 * self.border), symbol_by_content[WALL]
        )
        interior = grid[self.border : -self.border, self.border : -self.border]
        self.draw_into(interior, symbol_by_content, np.random.Generator(np.random.PCG64(seed)))
        return tuple("".join(row) for row in grid)

    @abstractmethod
    def draw_into(
        self, interior: np.ndarray, symbol_by_content: dict[str, str], random: np.random.Generator
    ) -> None:
        """Draw floor, stations and agents in place.

        Args:
            interior: characters [height, width] inside the border, all walls at first.
            symbol_by_content: character by cell content.
            random: random numbers of the layout seed.
        """

    def repeat_station_names_by_count(self) -> list[str]:
        """Return the name of each station to place, one entry per station."""
        return [name for name, count in self.stations.items() for _ in range(count)]


@lru_cache(maxsize=8)
def build_maps(
    layout: LayoutGenerator, legend_items: tuple[tuple[str, str], ...]
) -> tuple[Map, ...]:
    """Build the map of each seed of a layout.

    Args:
        layout: generator with its parameters.
        legend_items: items of a legend: (character, cell content).

    Raises:
        ConfigError: a seed has no map; the message names the seed.
    """
    maps: list[Map] = []
    for seed in layout.seeds:
        try:
            rows = layout.build_map(dict(legend_items), seed)
        except ConfigError as error:
            raise ConfigError(f"layout seed {seed}: {error}") from None
        maps.append(rows)
        if not has_same_size_and_counts(rows, maps[0]):
            raise ConfigError(
                f"layout seed {seed}: stations or agents differ from the first layout"
            )
    return tuple(maps)


def has_same_size_and_counts(first: Map, second: Map) -> bool:
    """Return whether two maps have the same size and the same number of each character."""
    sizes = [(len(rows), len(rows[0])) for rows in (first, second)]
    return sizes[0] == sizes[1] and Counter("".join(first)) == Counter("".join(second))


def choose_random_cell(
    free_mask: np.ndarray, random: np.random.Generator, placed_objects_text: str
) -> tuple[int, int]:
    """Choose one of the free cells uniformly; return (row, column).

    Args:
        free_mask: bool [H, W], free cells.
        random: random numbers of the layout seed.
        placed_objects_text: objects of the cells, such as "the 4 agents", for the error message.

    Raises:
        ConfigError: no cell is free.
    """
    cells = np.flatnonzero(free_mask)
    if cells.size == 0:
        raise ConfigError(f"key 'layout': the room is too small for {placed_objects_text}")
    row, column = divmod(int(random.choice(cells)), free_mask.shape[1])
    return row, column
