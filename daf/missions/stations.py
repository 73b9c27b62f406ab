"""Stations of a mission: assemblers, chests, recipes, inventory limits and clipping."""

from typing import Annotated, Literal, Self, get_args

from pydantic import Field, field_validator, model_validator

from daf.config import Float, Int, Model

Resource = Literal[
    "energy",
    "carbon",
    "oxygen",
    "germanium",
    "silicon",
    "heart",
    "decoder",
    "modulator",
    "resonator",
    "scrambler",
]
RESOURCES: tuple[Resource, ...] = get_args(Resource)
"""Resource names in id order, which is the order of every iteration over resources."""

Position = Literal["NW", "N", "NE", "W", "E", "SW", "S", "SE"]
POSITIONS: tuple[Position, ...] = get_args(Position)
"""The cells around a station in reading order: position i is bit 2**i of the neighbor mask."""
MAX_COUNT = 1_000_000

FormationPosition = Literal[Position, "any"]
Side = Literal["N", "W", "E", "S"]
Amount = Annotated[Int, Field(ge=0, le=255)]
Symbol = Annotated[str, Field(min_length=1, max_length=1)]


class Recipe(Model):
    """Inputs and outputs of a station for some formations of agents around it.

    A formation is the exact set of occupied cells; each `any` is one more agent on any remaining
    cell. The agents in the formation pool the inputs and receive the outputs.
    """

    formations: tuple[tuple[FormationPosition, ...], ...] = Field(
        default=(), description="formations of agents, each a list of positions around the station"
    )
    inputs: dict[Resource, Amount] = Field(
        default={}, description="amounts that one use consumes, by resource"
    )
    outputs: dict[Resource, Amount] = Field(
        default={}, description="amounts that one use produces, by resource"
    )
    cooldown: Int = Field(
        default=0, ge=0, le=MAX_COUNT, description="steps until the station is ready again"
    )

    @field_validator("formations")
    @classmethod
    def _check_formation_positions(
        cls, formations: tuple[tuple[FormationPosition, ...], ...]
    ) -> tuple[tuple[FormationPosition, ...], ...]:
        for formation in formations:
            fixed = [position for position in formation if position != "any"]
            if not 1 <= len(formation) <= len(POSITIONS) or len(set(fixed)) < len(fixed):
                raise ValueError("expected 1 to 8 cells in each formation, without repetition")
        return formations


class Assembler(Model):
    """A station that turns pooled inputs into outputs: assembler, charger, extractor."""

    kind: Literal["assembler"] = Field(default="assembler", description="kind of the station")
    type_id: Int = Field(ge=2, le=254, description="station type in observations (feature 0)")
    symbol: Symbol = Field(description="character of the station in maps")
    recipes: tuple[Recipe, ...] = Field(
        default=(), description="recipes; a later one overrides an earlier one"
    )
    partial: bool = Field(
        default=False,
        description="use during the cooldown, for a proportional share of inputs and outputs",
    )
    max_uses: Int = Field(
        default=0, ge=0, le=MAX_COUNT, description="maximum uses per episode; 0: unlimited"
    )
    exhaustion: Float = Field(
        default=0.0, ge=0, description="relative growth of the cooldown with each use"
    )
    clip_immune: bool = Field(default=False, description="immunity to clipping")
    starts_clipped: bool = Field(default=False, description="clipped state at episode start")

    @property
    def is_initially_clipped(self) -> bool:
        """Clipped state at episode start; always False for an immune station."""
        return self.starts_clipped and not self.clip_immune


class Chest(Model):
    """A station that stores one resource; the side of the agent selects deposit or withdrawal."""

    kind: Literal["chest"] = Field(default="chest", description="kind of the station")
    type_id: Int = Field(ge=2, le=254, description="station type in observations (feature 0)")
    symbol: Symbol = Field(description="character of the station in maps")
    resource: Resource = Field(description="stored resource")
    sides: dict[Side, Annotated[Int, Field(ge=-255, le=255)]] = Field(
        description="amount per use from each side; positive: deposit, negative: withdrawal"
    )
    initial: Amount = Field(default=0, description="stored amount at episode start")
    capacity: Int = Field(default=255, ge=1, le=255, description="maximum stored amount")

    @model_validator(mode="after")
    def _check_initial_within_capacity(self) -> Self:
        if self.initial > self.capacity:
            raise ValueError(
                f"initial: got {self.initial}; expected at most capacity, which is {self.capacity}"
            )
        return self


class InventoryLimit(Model):
    """Resources that share one limit of an agent's inventory."""

    resources: tuple[Resource, ...] = Field(
        min_length=1, description="resources that share the limit"
    )
    limit: Amount = Field(description="maximum total amount in the inventory of an agent")


class Regeneration(Model):
    """Periodic resources that every agent receives."""

    interval: Int = Field(
        default=1, ge=0, le=MAX_COUNT, description="steps between two payments; 0: none"
    )
    amounts: dict[Resource, Amount] = Field(
        default={"energy": 1}, description="amounts per payment, by resource"
    )


class Clipping(Model):
    """Clipping: random breakdown of stations, its spread, and repairs."""

    rate: Float = Field(
        default=0.0, ge=0, le=1, description="probability per step that one station is clipped"
    )
    length_scale: Float = Field(
        default=10.0,
        description="decay length of the spread exp(-distance / length_scale), in cells; 0: "
        "derived from the map size",
    )
    cutoff: Float = Field(
        default=0.0, description="maximum distance of the spread, in cells; 0: 3 length scales"
    )
    repairs: tuple[Recipe, ...] = Field(
        default=tuple(
            Recipe(inputs={gear: 1}, cooldown=1)
            for gear in ("decoder", "modulator", "scrambler", "resonator")
        ),
        min_length=1,
        description="repair recipes; any of them repairs a clipped station",
    )
