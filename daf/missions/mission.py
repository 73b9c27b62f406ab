"""Mission: map, stations, limits and rules as immutable, validated data."""

import re
from functools import cached_property
from typing import Annotated, Any, Self

import numpy as np
from pydantic import Field, field_validator, model_validator

from daf.config import ConfigError, Float, Int, Model, short_json, suggest_choice
from daf.missions.cells import AGENT, FLOOR, MAX_AGENTS, MAX_SIDE, MAX_STATIONS, WALL
from daf.missions.layout_generator import build_maps, has_same_size_and_counts
from daf.missions.layout_registry import AnyLayout
from daf.missions.names import MissionName, split_layout_seed
from daf.missions.stations import (
    MAX_COUNT,
    RESOURCES,
    Amount,
    Assembler,
    Chest,
    Clipping,
    InventoryLimit,
    Regeneration,
    Resource,
    Symbol,
)
from daf.provenance.hashing import DictWithDigestRepr

MAX_WINDOW = 15


Station = Annotated[Assembler | Chest, Field(discriminator="kind")]


class Mission(Model):
    """One complete mission: all inputs of the simulator and nothing else.

    The learner receives `rewards`. The score of an episode is independent of them: the number of
    hearts in the chests at its end.

    A mission with several layouts has a `layout` with a range of seeds; `map` is the first layout.
    The world seed of an episode selects its layout. All layouts have the same size and the same
    numbers of agents and stations of each type.
    """

    name: MissionName = Field(description="name of the mission in the results")
    description: str = Field(default="", description="short description of the mission")
    map: tuple[str, ...] = Field(min_length=1, description="H rows of W characters of the legend")
    layout: AnyLayout | None = Field(
        default=None,
        exclude_if=lambda layout: layout is None,
        description="generator of several layouts; null: a single map",
    )
    legend: dict[Symbol, str] = Field(description="cell content (or station name) by character")
    stations: dict[str, Station] = Field(description="station types by name")
    max_steps: Int = Field(
        default=1000, ge=0, le=MAX_COUNT, description="steps per episode; 0: no end, no ceiling"
    )
    truncates: bool = Field(
        default=False, description="truncation instead of termination at the end of an episode"
    )
    ceiling: Float | None = Field(
        default=None, ge=0, description="upper bound of the score; null: the proven bound"
    )
    window_height: Int = Field(
        default=11, ge=1, le=MAX_WINDOW, description="rows of an agent's window, odd"
    )
    window_width: Int = Field(
        default=11, ge=1, le=MAX_WINDOW, description="columns of an agent's window, odd"
    )
    tokens: Int = Field(default=200, ge=4, le=4096, description="tokens of an observation, T")
    glyphs: Int = Field(default=154, ge=1, le=255, description="number of glyph actions")
    move_energy: Amount = Field(default=2, description="energy per move")
    failure_penalty: Float = Field(
        default=0.0, ge=0, description="negative reward of a failed action, as a positive number"
    )
    limits: tuple[InventoryLimit, ...] = Field(
        default=(
            InventoryLimit(resources=("heart",), limit=1),
            InventoryLimit(resources=("energy",), limit=100),
            InventoryLimit(resources=("carbon", "oxygen", "germanium", "silicon"), limit=100),
            InventoryLimit(resources=("scrambler", "modulator", "decoder", "resonator"), limit=5),
        ),
        description="inventory limits of groups of resources",
    )
    default_limit: Amount = Field(default=255, description="inventory limit of other resources")
    initial_inventory: dict[Resource, Amount] = Field(
        default={"energy": 100}, description="inventory of each agent at episode start, by resource"
    )
    regeneration: Regeneration = Field(
        default=Regeneration(), description="periodic resources that every agent receives"
    )
    rewards: dict[str, Float] = Field(
        default={"chest.heart.amount": 1.0},
        description="reward per unit of chest.RESOURCE.amount or RESOURCE.gained",
    )
    reward_caps: dict[str, Float] = Field(
        default={}, description="maximum reward per episode, by key of `rewards`"
    )
    clipping: Clipping = Field(default=Clipping(), description="clipping and repair of stations")

    def resolved(self) -> dict[str, Any]:
        """Return all values as read-only plain data, which thousands of runs share."""
        return self._cached_resolved_data

    def without_ceiling(self) -> "Mission":
        """Return the mission without its ceiling, which does not affect training.

        A tighter ceiling therefore changes no name of a run.
        """
        return type(self).model_construct(**dict(self) | {"ceiling": None})

    @property
    def maps(self) -> tuple[tuple[str, ...], ...]:
        """Maps of the Y layouts, built at the first access.

        Raises:
            ConfigError: a layout seed has no map.
        """
        if self.layout is None:
            return (self.map,)
        maps = build_maps(self.layout, tuple(self.legend.items()))
        if maps[0] != self.map:
            raise ConfigError(f"mission {self.name}: key 'map': differs from the first layout")
        return maps

    def content_mask_per_layout(self, content: str) -> np.ndarray:
        """Return the cells of each layout with a content (wall, station ...), bool [Y, H, W]."""
        text = "".join(row for rows in self.maps for row in rows)
        symbols = np.array([text]).view("U1").reshape(-1, self.height, self.width)
        mask = np.zeros(symbols.shape, dtype=bool)
        for symbol, symbol_content in self.legend.items():
            if symbol_content == content:
                mask |= symbols == symbol
        return mask

    def select_layout(self, layout_seed: int) -> "Mission":
        """Return one of several layouts as a mission with a single map.

        Args:
            layout_seed: layout seed.

        Raises:
            ConfigError: the seed has no map, or its map has other contents than `map`.
        """
        assert self.layout is not None, "only a mission with several layouts has layout seeds"
        rows = self.layout.build_map(self.legend, layout_seed)
        if not has_same_size_and_counts(rows, self.map):
            raise ConfigError(f"mission {self.name}: key 'map': differs from the first layout")
        changes = {
            "name": f"{split_layout_seed(self.name)[0]}@{layout_seed}",
            "map": rows,
            "layout": None,
        }
        return type(self).model_construct(**dict(self) | changes)

    @cached_property
    def _cached_resolved_data(self) -> dict[str, Any]:
        return DictWithDigestRepr(super().resolved())

    @field_validator("window_height", "window_width")
    @classmethod
    def _check_odd_window(cls, size: int) -> int:
        if size % 2 == 0:
            raise ValueError("expected an odd number, so that the window has a center")
        return size

    @field_validator("map")
    @classmethod
    def _check_rectangle_within_size_limits(cls, rows: tuple[str, ...]) -> tuple[str, ...]:
        for number, row in enumerate(rows, start=1):
            if len(row) != len(rows[0]):
                raise ValueError(
                    f"expected rows of equal length; row 1 has {len(rows[0])} characters, "
                    f"row {number} has {len(row)}"
                )
        if len(rows) > MAX_SIDE or not 1 <= len(rows[0]) <= MAX_SIDE:
            raise ValueError(
                f"expected 1x1 to {MAX_SIDE}x{MAX_SIDE} cells, not {len(rows)}x{len(rows[0])}"
            )
        return rows

    @field_validator("rewards")
    @classmethod
    def _check_rewarded_statistics(cls, rewards: dict[str, float]) -> dict[str, float]:
        for name in rewards:
            parts = re.fullmatch(r"chest\.(\w+)\.amount|(\w+)\.gained", name)
            if not parts or (parts[1] or parts[2]) not in RESOURCES:
                raise ValueError(
                    f"unknown statistic '{name}'; accepted: chest.RESOURCE.amount, RESOURCE.gained"
                )
        return rewards

    @field_validator("limits")
    @classmethod
    def _check_one_limit_per_resource(
        cls, limits: tuple[InventoryLimit, ...]
    ) -> tuple[InventoryLimit, ...]:
        resources = [resource for limit in limits for resource in limit.resources]
        if len(set(resources)) < len(resources):
            raise ValueError("expected each resource in at most one limit")
        return limits

    @model_validator(mode="after")
    def _check_legend_and_map(self) -> Self:
        for symbol, content in self.legend.items():
            if content not in (WALL, FLOOR, AGENT) and content not in self.stations:
                accepted = sorted([WALL, FLOOR, AGENT, *self.stations])
                raise ValueError(
                    f"key 'legend.{symbol}': unknown station {short_json(content)}; "
                    f"{suggest_choice(content, accepted)}"
                )
        for number, row in enumerate(self.map, start=1):
            for symbol in row:
                if symbol not in self.legend:
                    raise ValueError(
                        f"key 'map': unknown character {short_json(symbol)} in row {number}; "
                        f"accepted: {' '.join(sorted(self.legend))}"
                    )
        agents = self.num_agents
        if not 1 <= agents <= MAX_AGENTS:
            symbol = next((s for s, content in self.legend.items() if content == AGENT), "@")
            raise ValueError(
                f"key 'map': got {agents} agents; expected 1 to {MAX_AGENTS} (character '{symbol}')"
            )
        stations = len(self.find_cells_with(*self.stations))
        if stations > MAX_STATIONS:
            raise ValueError(f"key 'map': got {stations} stations; expected at most {MAX_STATIONS}")
        for name in self.reward_caps:
            if name not in self.rewards:
                raise ValueError(
                    f"unknown key 'reward_caps.{name}'; "
                    f"{suggest_choice(name, sorted(self.rewards))}"
                )
        return self

    @property
    def height(self) -> int:
        """Rows of the map, H."""
        return len(self.map)

    @property
    def width(self) -> int:
        """Columns of the map, W."""
        return len(self.map[0])

    @property
    def num_agents(self) -> int:
        """Number of agents on the map, A; agent ids follow reading order."""
        return sum(self.legend[symbol] == AGENT for row in self.map for symbol in row)

    @property
    def num_actions(self) -> int:
        """Number of actions: noop, move N S W E, then one action per glyph."""
        return 5 + self.glyphs

    def find_cells_with(self, *contents: str) -> list[tuple[int, int, str]]:
        """Return (row, column, content) of every cell with one of `contents`, in reading order."""
        return [
            (row, column, self.legend[symbol])
            for row, line in enumerate(self.map)
            for column, symbol in enumerate(line)
            if self.legend[symbol] in contents
        ]


def check_same_spaces(*missions: Mission) -> None:
    """Check that one policy can act in all `missions`.

    Raises:
        ConfigError: they differ in actions, tokens or window.
    """
    first = missions[0]
    for mission in missions:
        for name in ("num_actions", "tokens", "window_height", "window_width"):
            if getattr(mission, name) != getattr(first, name):
                raise ConfigError(
                    f"missions {first.name} and {mission.name} differ in {name} "
                    f"({getattr(first, name)} and {getattr(mission, name)}); "
                    "one policy cannot act in both"
                )
