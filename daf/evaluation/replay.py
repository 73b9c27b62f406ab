"""Replay: file format of recorded episodes, run-length encoded. This module does not use torch."""

import json
from pathlib import Path
from typing import Annotated, Self

import numpy as np
from pydantic import Field, ValidationError, field_validator, model_validator

from daf.config import ConfigError, Int, Model, load_json, short_json
from daf.errors import describe_validation_error
from daf.files.text_files import write_text
from daf.missions import RESOURCES, Mission

MAX_EPISODES = 100
MAX_VALUES = 20_000_000
"""Maximum number of values of all states of a file, before run-length encoding."""

INT32 = (-(2**31), 2**31 - 1)

Integer = Annotated[int, Field(strict=True, ge=INT32[0], le=INT32[1])]
Float = Annotated[float, Field(strict=True, ge=-1e9, le=1e9)]
Label = Annotated[str, Field(max_length=200)]


class CompactJsonFile(Model):
    """Content of a JSON file without white space."""

    def write(self, path: str | Path) -> None:
        """Write the content to a file.

        Raises:
            OSError: the file cannot be written.
        """
        text = json.dumps(self.resolved(), separators=(",", ":"), allow_nan=False)
        write_text(path, text + "\n")

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Read the content of a file.

        Raises:
            ConfigError: unreadable file or invalid content.
        """
        try:
            return cls.model_validate(load_json(path))
        except ValidationError as error:
            raise ConfigError(f"{path}: {describe_validation_error(error, cls)}") from None


class RunLengths(Model):
    """Run-length encoding of a field of `States`.

    The encoded values are column-major: the L + 1 values of the first column, then the next column.

    Attributes:
        values: value of each run.
        repeats: length of each run.
    """

    values: tuple[Integer | Float, ...]
    repeats: tuple[Annotated[Integer, Field(ge=1)], ...]

    @classmethod
    def encode(cls, values_by_step: np.ndarray) -> "RunLengths":
        """Encode an array [L + 1, ...]; the other axes are the columns."""
        flat = np.moveaxis(values_by_step, 0, -1).reshape(-1)
        starts = np.flatnonzero(np.append(True, flat[1:] != flat[:-1])[: len(flat)])
        repeats = np.diff(starts, append=len(flat))
        return cls.model_construct(
            values=tuple(flat[starts].tolist()), repeats=tuple(repeats.tolist())
        )


class States(Model):
    """The L + 1 states of an episode; the first is the state after the reset.

    The comments give the number of columns, with A agents, S stations and R resources.
    """

    cell: RunLengths  # A, row * W + column on the map
    orientation: RunLengths  # A, 0 N, 1 S, 2 W, 3 E
    glyph: RunLengths  # A
    inventory: RunLengths  # A * R
    verb: RunLengths  # A, last action: 0 noop, 1 move, 2 change_glyph, 3 invalid
    argument: RunLengths  # A, argument of the last action; direction of a move as in `orientation`
    success: RunLengths  # A, success of the last action, 0 or 1
    reward: RunLengths  # A, reward of the last step
    cooldown_end: RunLengths  # S, step at which the cooldown ends
    uses: RunLengths  # S, number of uses
    stock: RunLengths  # S, amount in a chest
    repair: RunLengths  # S, index of the repair recipe, -1 if not clipped
    score: RunLengths  # 1, hearts in the chests minus those at the start


def count_columns_by_state_field(mission: Mission) -> dict[str, int]:
    """Return the number of columns of each field of `States`."""
    num_agents, num_stations = mission.num_agents, len(mission.find_cells_with(*mission.stations))
    sizes = dict.fromkeys(States.model_fields, num_agents)
    sizes |= dict.fromkeys(("cooldown_end", "uses", "stock", "repair"), num_stations)
    return sizes | {"inventory": num_agents * len(RESOURCES), "score": 1}


def _state_value_ranges(mission: Mission) -> dict[str, tuple[int, int]]:
    """Return the smallest and largest valid value of each field."""
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
    """One recorded episode of L steps.

    Attributes:
        episode: index in the episode table.
        world_seed: seed of the world.
        layout: seed of the layout, if the mission has several.
        score: score at the end.
        steps: number of steps L.
        states: states after the reset and after each step.
    """

    episode: Int = Field(ge=0)
    world_seed: Int = Field(ge=-(2**63), lt=2**63)
    layout: Int | None = Field(default=None, exclude_if=lambda layout: layout is None)
    score: Integer
    steps: Int = Field(ge=0, le=MAX_VALUES)
    states: States

    def check_against_mission(self, mission: Mission) -> None:
        """Check that layout, states and score are valid for a mission.

        Raises:
            ValueError: invalid field.
        """
        layout_seeds = [None] if mission.layout is None else mission.layout.seeds
        if self.layout not in layout_seeds:
            raise ValueError(
                f"key 'layout': got {short_json(self.layout)}; "
                f"expected one of {short_json(layout_seeds)}"
            )
        ranges = _state_value_ranges(mission)
        for field, columns in count_columns_by_state_field(mission).items():
            encoded: RunLengths = getattr(self.states, field)
            num_values = columns * (self.steps + 1)
            if len(encoded.values) != len(encoded.repeats) or sum(encoded.repeats) != num_values:
                raise ValueError(
                    f"key 'states.{field}': got {sum(encoded.repeats)} values; "
                    f"expected {num_values} ({columns} columns x {self.steps + 1} states)"
                )
            low, high = ranges.get(field, INT32)
            invalid = [
                value
                for value in encoded.values
                if not low <= value <= high or (isinstance(value, float) and field != "reward")
            ]
            if invalid:
                raise ValueError(
                    f"key 'states.{field}': got {invalid[0]}; "
                    f"expected whole numbers from {low} to {high}"
                )
        if self.states.score.values[-1] != self.score:
            raise ValueError(
                f"key 'score': got {self.score}; "
                f"expected {self.states.score.values[-1]}, the score of the last state"
            )


class Replay(CompactJsonFile):
    """Recorded episodes of one evaluation, the content of a `*.replay.json` file.

    Attributes:
        policy: label of the policy.
        run: name of the policy instance, as in the episode table.
        mission: complete mission.
        resources: names of the resources in the order of their ids.
        episodes: recorded episodes.
    """

    policy: Label
    run: Label
    mission: Mission
    resources: tuple[Label, ...]
    episodes: tuple[Episode, ...] = Field(max_length=MAX_EPISODES)

    @field_validator("resources")
    @classmethod
    def _check_all_resources_in_order(cls, resources: tuple[str, ...]) -> tuple[str, ...]:
        if resources != RESOURCES:
            raise ValueError(f"expected {', '.join(RESOURCES)}")
        return resources

    @model_validator(mode="after")
    def _check_episodes_fit_mission(self) -> Self:
        values_per_state = sum(count_columns_by_state_field(self.mission).values())
        if values_per_state * sum(episode.steps + 1 for episode in self.episodes) > MAX_VALUES:
            raise ValueError(f"key 'episodes': expected at most {MAX_VALUES} values in all states")
        for index, episode in enumerate(self.episodes):
            try:
                episode.check_against_mission(self.mission)
            except ValueError as error:
                raise ValueError(f"key 'episodes.{index}': {error}") from None
        return self


def max_recordable_episodes(mission: Mission, num_steps: int) -> int:
    """Return the maximum number of episodes of `num_steps` steps in one file."""
    values_per_episode = sum(count_columns_by_state_field(mission).values()) * (num_steps + 1)
    return min(MAX_EPISODES, MAX_VALUES // values_per_episode)
