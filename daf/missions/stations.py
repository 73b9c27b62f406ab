"""Stations of a mission: assemblers, chests, recipes, limits and clipping."""

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from daf.config import Float, Int, Model

RESOURCES = (
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
)
"""Resource names in id order, which is the order of every iteration over resources."""

POSITIONS = ("NW", "N", "NE", "W", "E", "SW", "S", "SE")
"""The cells around a station in reading order: position i is bit 2**i of the neighbour byte."""
MAX_COUNT = 1_000_000

Resource = Literal[RESOURCES]
Position = Literal[*POSITIONS, "any"]
Side = Literal["N", "W", "E", "S"]
Amount = Annotated[Int, Field(ge=0, le=255)]
Symbol = Annotated[str, Field(min_length=1, max_length=1)]


class Recipe(Model):
    """What a station takes and gives when agents stand around it in one of `formations`.

    A formation names the occupied cells exactly; each `any` stands for one more agent on any of
    the other cells. The amounts are pooled from, and the outputs given to, whoever stands there.
    """

    formations: tuple[tuple[Position, ...], ...] = ()
    inputs: dict[Resource, Amount] = {}
    outputs: dict[Resource, Amount] = {}
    cooldown: Int = Field(default=0, ge=0, le=MAX_COUNT)

    @field_validator("formations")
    @classmethod
    def _fit_around_a_station(cls, formations):
        for formation in formations:
            fixed = [position for position in formation if position != "any"]
            if not 1 <= len(formation) <= len(POSITIONS) or len(set(fixed)) < len(fixed):
                raise ValueError("a formation has 1 to 8 cells, none of them named twice")
        return formations


class Assembler(Model):
    """A station that turns pooled inputs into outputs: assembler, charger, extractor."""

    kind: Literal["assembler"] = "assembler"
    type_id: Int = Field(ge=2, le=254)
    symbol: Symbol
    recipes: tuple[Recipe, ...] = ()
    partial: bool = False
    max_uses: Int = Field(default=0, ge=0, le=MAX_COUNT)
    exhaustion: Float = Field(default=0.0, ge=0)
    clip_immune: bool = False
    starts_clipped: bool = False

    @property
    def begins_clipped(self) -> bool:
        """Whether it is clipped at the start of an episode; an immune one never is."""
        return self.starts_clipped and not self.clip_immune


class Chest(Model):
    """A station that stores one resource; the side an agent stands on decides what happens."""

    kind: Literal["chest"] = "chest"
    type_id: Int = Field(ge=2, le=254)
    symbol: Symbol
    resource: Resource
    sides: dict[Side, Annotated[Int, Field(ge=-255, le=255)]]
    initial: Amount = 0
    capacity: Int = Field(default=255, ge=1, le=255)

    @model_validator(mode="after")
    def _holds_what_it_starts_with(self):
        if self.initial > self.capacity:
            raise ValueError(f"initial {self.initial} is more than capacity {self.capacity}")
        return self


class InventoryLimit(Model):
    """Resources that share one limit of an agent's inventory."""

    resources: tuple[Resource, ...] = Field(min_length=1)
    limit: Amount


class Regeneration(Model):
    """What every agent receives each `interval` steps."""

    interval: Int = Field(default=1, ge=0, le=MAX_COUNT)
    amounts: dict[Resource, Amount] = {"energy": 1}


class Clipping(Model):
    """How stations break down, how breaking spreads, and what repairs them."""

    rate: Float = Field(default=0.0, ge=0, le=1)
    length_scale: Float = 10.0
    cutoff: Float = 0.0
    repairs: tuple[Recipe, ...] = Field(
        default=tuple(
            Recipe(inputs={gear: 1}, cooldown=1)
            for gear in ("decoder", "modulator", "scrambler", "resonator")
        ),
        min_length=1,
    )
