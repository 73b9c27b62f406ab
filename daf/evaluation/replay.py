"""Recorded episodes as they stand in a file: every number only where it changes. No torch here."""

import json
from pathlib import Path
from typing import Annotated, Self

import numpy as np
from pydantic import Field, ValidationError, field_validator, model_validator

from daf.config import ConfigError, Int, Model, load_json, short_json
from daf.errors import describe
from daf.files.text_files import write_text
from daf.missions import RESOURCES, Mission

MAX_EPISODES = 100
MAX_NUMBERS = 20_000_000
"""All numbers of all states of a file, as they are before equal ones in a row are put together."""

INT32 = (-(2**31), 2**31 - 1)

Integer = Annotated[int, Field(strict=True, ge=INT32[0], le=INT32[1])]
Float = Annotated[float, Field(strict=True, ge=-1e9, le=1e9)]
Label = Annotated[str, Field(max_length=200)]


class RunLengths(Model):
    """Numbers over time, for one or more columns: for each column one number for each of the T + 1
    states of an episode, column after column, all of it as runs of equal numbers."""

    values: tuple[Integer | Float, ...]
    repeats: tuple[Annotated[Integer, Field(ge=1)], ...]

    @classmethod
    def of(cls, columns: np.ndarray) -> "RunLengths":
        """The runs of an array [T + 1, ...]; its other axes are the columns."""
        numbers = np.moveaxis(columns, 0, -1).reshape(-1)
        starts = np.flatnonzero(np.append(True, numbers[1:] != numbers[:-1])[: len(numbers)])
        repeats = np.diff(starts, append=len(numbers))
        return cls.model_construct(
            values=tuple(numbers[starts].tolist()), repeats=tuple(repeats.tolist())
        )


class States(Model):
    """The T + 1 states of an episode, the first that after the reset, with A agents, S stations and
    R resources; the columns of each field stand behind it."""

    cell: RunLengths  # A: row * W + column on the map
    orientation: RunLengths  # A: 0 N, 1 S, 2 W, 3 E
    glyph: RunLengths  # A
    inventory: RunLengths  # A * R
    verb: RunLengths  # A: of the action that led here: 0 noop, 1 move, 2 change_glyph
    argument: RunLengths  # A: likewise; of a move its direction, as in `orientation`
    success: RunLengths  # A: 1 if that action succeeded
    reward: RunLengths  # A: paid for the step that led here
    cooldown_end: RunLengths  # S: step at which the cooldown is over
    uses: RunLengths  # S
    stock: RunLengths  # S: of chests
    repair: RunLengths  # S: index of the mission's repair that is needed, -1 if not clipped
    score: RunLengths  # 1: hearts in the chests, less those at the start


def num_columns(mission: Mission) -> dict[str, int]:
    """How many columns each field of `States` has."""
    agents, stations = mission.num_agents, len(mission.cells_with(*mission.stations))
    sizes = dict.fromkeys(States.model_fields, agents)
    sizes |= dict.fromkeys(("cooldown_end", "uses", "stock", "repair"), stations)
    return sizes | {"inventory": agents * len(RESOURCES), "score": 1}


def _value_ranges(mission: Mission) -> dict[str, tuple[int, int]]:
    return {
        "cell": (0, mission.height * mission.width - 1),
        "orientation": (0, 3),
        "glyph": (0, 255),
        "inventory": (0, 255),
        "success": (0, 1),
        "stock": (0, 255),
        "repair": (-1, len(mission.clipping.repairs) - 1),
    }


class Episode(Model):
    """One recorded episode of T steps.

    Attributes:
        episode: its number in the episode table.
        layout: the seed of the layout that was played, of a mission of several.
        score: at the end.
    """

    episode: Int = Field(ge=0)
    world_seed: Int = Field(ge=-(2**63), lt=2**63)
    layout: Int | None = Field(default=None, exclude_if=lambda layout: layout is None)
    score: Integer
    steps: Int = Field(ge=0, le=MAX_NUMBERS)
    states: States

    def check(self, mission: Mission) -> None:
        """Make sure that the states are possible ones of the mission.

        Raises:
            ValueError: naming the field.
        """
        seeds = [None] if mission.layout is None else mission.layout.seeds
        if self.layout not in seeds:
            raise ValueError(
                f"key 'layout': got {short_json(self.layout)}; that is none of the mission's"
            )
        ranges = _value_ranges(mission)
        for field, number in num_columns(mission).items():
            runs: RunLengths = getattr(self.states, field)
            needed = number * (self.steps + 1)
            if len(runs.values) != len(runs.repeats) or sum(runs.repeats) != needed:
                raise ValueError(
                    f"key 'states.{field}': its runs do not make {needed} numbers, "
                    f"{number} for each of {self.steps + 1} states"
                )
            low, high = ranges.get(field, INT32)
            odd = [
                value
                for value in runs.values
                if not low <= value <= high or (isinstance(value, float) and field != "reward")
            ]
            if odd:
                raise ValueError(
                    f"key 'states.{field}': got {odd[0]}; whole numbers "
                    f"from {low} to {high} are needed"
                )
        if self.states.score.values[-1] != self.score:
            raise ValueError("key 'score': is not that of the last state")


class Replay(Model):
    """The content of a `*.replay.json`: the recorded episodes of one evaluation.

    Attributes:
        policy, run: as in the episode table.
        mission: what was played, complete.
        resources: names in id order.
    """

    policy: Label
    run: Label
    mission: Mission
    resources: tuple[Label, ...]
    episodes: tuple[Episode, ...] = Field(max_length=MAX_EPISODES)

    @field_validator("resources")
    @classmethod
    def _known_resources(cls, resources):
        if resources != RESOURCES:
            raise ValueError(f"should be {', '.join(RESOURCES)}")
        return resources

    @model_validator(mode="after")
    def _fits_the_mission(self) -> Self:
        numbers = sum(num_columns(self.mission).values())
        if numbers * sum(episode.steps + 1 for episode in self.episodes) > MAX_NUMBERS:
            raise ValueError(f"key 'episodes': more than {MAX_NUMBERS} numbers")
        for number, episode in enumerate(self.episodes):
            try:
                episode.check(self.mission)
            except ValueError as error:
                raise ValueError(f"key 'episodes.{number}': {error}") from None
        return self

    def write(self, path: str | Path) -> None:
        """Write the recording as compact JSON.

        Raises:
            OSError: it cannot be written.
        """
        text = json.dumps(self.resolved(), separators=(",", ":"), allow_nan=False)
        write_text(path, text + "\n")

    @classmethod
    def read(cls, path: str | Path) -> "Replay":
        """The recording in a file.

        Raises:
            ConfigError: it cannot be read, or is none; one line that names file and key.
        """
        try:
            return cls.model_validate(load_json(path))
        except ValidationError as error:
            raise ConfigError(f"{path}: {describe(error, cls)}") from None


def max_recordable_episodes(mission: Mission, steps: int) -> int:
    """How many episodes of so many steps a file may hold."""
    numbers = sum(num_columns(mission).values()) * (steps + 1)
    return min(MAX_EPISODES, MAX_NUMBERS // numbers)
