"""Mission: map, stations, limits and rules, as immutable, validated data."""

import re
from functools import cached_property
from typing import Annotated, Any

import numpy as np
from pydantic import Field, field_validator, model_validator

from daf.config import ConfigError, Float, Int, Model, short_json, suggest
from daf.missions.cells import AGENT, FLOOR, MAX_AGENTS, MAX_SIDE, MAX_STATIONS, WALL
from daf.missions.generators import AnyLayout
from daf.missions.layouts import build_maps, same_contents
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
from daf.provenance.hashing import HashedDict

MAX_WINDOW = 15


Station = Annotated[Assembler | Chest, Field(discriminator="kind")]


class Mission(Model):
    """One mission of the game, complete: everything the simulator needs and nothing else.

    `map` holds H rows of W characters, `legend` says what each character is. `rewards` are the
    weights of what the engine pays (a reward, seen by the learner); the score of an episode is
    always the number of hearts in the chests at its end. `ceiling` is a proven upper bound of the
    score where one is known (see `daf.missions.ceiling`).

    A mission of several layouts has a `layout`, whose `seed` names them all; `map` is that of the
    first. An episode is played on the layout that its world seed draws. They have the same size,
    and as many agents and stations of each kind, so that only places depend on the layout.
    """

    name: MissionName
    description: str = ""
    map: tuple[str, ...] = Field(min_length=1)
    layout: AnyLayout | None = Field(default=None, exclude_if=lambda layout: layout is None)
    legend: dict[Symbol, str]
    stations: dict[str, Station]
    max_steps: Int = Field(default=1000, ge=0, le=MAX_COUNT)
    truncates: bool = False
    ceiling: Float | None = Field(default=None, ge=0)
    window_height: Int = Field(default=11, ge=1, le=MAX_WINDOW)
    window_width: Int = Field(default=11, ge=1, le=MAX_WINDOW)
    tokens: Int = Field(default=200, ge=4, le=4096)
    glyphs: Int = Field(default=154, ge=1, le=255)
    move_energy: Amount = 2
    failure_penalty: Float = Field(default=0.0, ge=0)
    limits: tuple[InventoryLimit, ...] = (
        InventoryLimit(resources=("heart",), limit=1),
        InventoryLimit(resources=("energy",), limit=100),
        InventoryLimit(resources=("carbon", "oxygen", "germanium", "silicon"), limit=100),
        InventoryLimit(resources=("scrambler", "modulator", "decoder", "resonator"), limit=5),
    )
    default_limit: Amount = 255
    initial_inventory: dict[Resource, Amount] = {"energy": 100}
    regeneration: Regeneration = Regeneration()
    rewards: dict[str, Float] = {"chest.heart.amount": 1.0}
    reward_caps: dict[str, Float] = {}
    clipping: Clipping = Clipping()

    def resolved(self) -> dict[str, Any]:
        """All values as plain data, not to be changed: thousands of trainings share a mission."""
        return self._plain

    def without_ceiling(self) -> "Mission":
        """All of it that decides a training, which is everything but the ceiling: a better proof
        renames no weights."""
        return type(self).model_construct(**dict(self) | {"ceiling": None})

    @property
    def maps(self) -> tuple[tuple[str, ...], ...]:
        """The map of each layout, M of them, made at the first call.

        Raises:
            ConfigError: one cannot be made.
        """
        if self.layout is None:
            return (self.map,)
        maps = build_maps(self.layout, tuple(self.legend.items()))
        if maps[0] != self.map:
            raise ConfigError(f"mission {self.name}: key 'map': is not that of the first layout")
        return maps

    def mask_of(self, what: str) -> np.ndarray:
        """On which cells of the map of each layout it stands, bool [M, H, W]."""
        text = "".join(row for rows in self.maps for row in rows)
        symbols = np.array([text]).view("U1").reshape(-1, self.height, self.width)
        there = np.zeros(symbols.shape, dtype=bool)
        for symbol, meaning in self.legend.items():
            if meaning == what:
                there |= symbols == symbol
        return there

    def in_layout(self, seed: int) -> "Mission":
        """One of several layouts as a mission of its own.

        Raises:
            ConfigError: it cannot be made, or has not what the map has.
        """
        rows = self.layout.rows(self.legend, seed)
        if not same_contents(rows, self.map):
            raise ConfigError(f"mission {self.name}: key 'map': is not that of the first layout")
        changes = {"name": f"{split_layout_seed(self.name)[0]}@{seed}", "map": rows, "layout": None}
        return type(self).model_construct(**dict(self) | changes)

    @cached_property
    def _plain(self) -> dict[str, Any]:
        return HashedDict(super().resolved())

    @field_validator("window_height", "window_width")
    @classmethod
    def _check_odd_window(cls, size):
        if size % 2 == 0:
            raise ValueError("should be odd, so that the agent stands in the middle")
        return size

    @field_validator("map")
    @classmethod
    def _rectangular(cls, rows):
        for number, row in enumerate(rows, start=1):
            if len(row) != len(rows[0]):
                raise ValueError(
                    f"row {number} has {len(row)} characters but row 1 has {len(rows[0])}; "
                    "all rows must be equally long"
                )
        if len(rows) > MAX_SIDE or not 1 <= len(rows[0]) <= MAX_SIDE:
            raise ValueError(
                f"the map is {len(rows)}x{len(rows[0])}; 1x1 to {MAX_SIDE}x{MAX_SIDE} is supported"
            )
        return rows

    @field_validator("rewards")
    @classmethod
    def _known_statistics(cls, rewards):
        for name in rewards:
            parts = re.fullmatch(r"chest\.(\w+)\.amount|(\w+)\.gained", name)
            if not parts or (parts[1] or parts[2]) not in RESOURCES:
                raise ValueError(
                    f"unknown statistic '{name}'; accepted: chest.RESOURCE.amount, RESOURCE.gained"
                )
        return rewards

    @field_validator("limits")
    @classmethod
    def _one_limit_each(cls, limits):
        named = [resource for limit in limits for resource in limit.resources]
        if len(set(named)) < len(named):
            raise ValueError("a resource stands in more than one limit")
        return limits

    @model_validator(mode="after")
    def _check_map(self):
        for symbol, what in self.legend.items():
            if what not in (WALL, FLOOR, AGENT) and what not in self.stations:
                known = sorted([WALL, FLOOR, AGENT, *self.stations])
                raise ValueError(
                    f"key 'legend.{symbol}': unknown station {short_json(what)}; {suggest(what, known)}"
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
            agent = next((s for s, what in self.legend.items() if what == AGENT), "@")
            raise ValueError(
                f"key 'map': got {agents} agents; 1 to {MAX_AGENTS} are needed, "
                f"each drawn as '{agent}'"
            )
        stations = len(self.cells_with(*self.stations))
        if stations > MAX_STATIONS:
            raise ValueError(f"key 'map': got {stations} stations; accepted: up to {MAX_STATIONS}")
        for name in self.reward_caps:
            if name not in self.rewards:
                raise ValueError(
                    f"unknown key 'reward_caps.{name}'; {suggest(name, sorted(self.rewards))}"
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
        """Agents in the map, A; their ids follow reading order."""
        return sum(self.legend[symbol] == AGENT for row in self.map for symbol in row)

    @property
    def num_actions(self) -> int:
        """Length of the flat action list: noop, move N S W E, then one action per glyph."""
        return 5 + self.glyphs

    def cells_with(self, *what: str) -> list[tuple[int, int, str]]:
        """(row, column, name) of every cell that holds one of `what`, in reading order."""
        return [
            (row, column, self.legend[symbol])
            for row, line in enumerate(self.map)
            for column, symbol in enumerate(line)
            if self.legend[symbol] in what
        ]


def check_compatible(*missions: Mission) -> None:
    """Make sure that one policy can play all `missions`.

    Raises:
        ConfigError: they differ in actions, tokens or window.
    """
    first = missions[0]
    for mission in missions:
        for what in ("num_actions", "tokens", "window_height", "window_width"):
            if getattr(mission, what) != getattr(first, what):
                raise ConfigError(
                    f"missions {first.name} and {mission.name} differ in {what} "
                    f"({getattr(first, what)} and {getattr(mission, what)}); "
                    "one policy cannot play both"
                )
