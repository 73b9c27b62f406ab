"""Best known play: the actions of one episode, and its score. This module does not use torch."""

from functools import cache
from pathlib import Path
from typing import Annotated, Self

import numpy as np
from pydantic import Field, model_validator

from daf.config import Int
from daf.evaluation.replay import (
    MAX_VALUES,
    CompactJsonFile,
    Episode,
    Label,
    Replay,
    RunLengths,
)
from daf.missions import Mission

STORE = Path(__file__).parents[1] / "known_plays"
"""Folder with the best known play of each built-in mission, `MISSION.json`."""

MOVE, GLYPH, INVALID = 1, 2, 3
"""Values of the state field `verb`; 0 is noop."""


class KnownPlay(CompactJsonFile):
    """Actions of all agents in one episode of L steps, and the score that they reach.

    Attributes:
        mission: complete mission.
        world_seed: seed of the world, which also selects the layout.
        score: hearts in the chests at the end, minus those at the start.
        found_by: policy or program that found the play.
        steps: number of steps L.
        actions: actions [L, A], one column per agent; indices into the action list.
    """

    mission: Mission
    world_seed: Int = Field(ge=-(2**63), lt=2**63)
    score: Int = Field(ge=0)
    found_by: Label
    steps: Annotated[Int, Field(ge=1, le=MAX_VALUES)]
    actions: RunLengths

    @model_validator(mode="after")
    def _check_actions(self) -> Self:
        if self.mission.max_steps and self.steps > self.mission.max_steps:
            raise ValueError(f"key 'steps': expected at most {self.mission.max_steps}")
        num_actions = self.steps * self.mission.num_agents
        values, repeats = self.actions.values, self.actions.repeats
        if num_actions > MAX_VALUES or len(values) != len(repeats) or sum(repeats) != num_actions:
            raise ValueError(
                f"key 'actions': got {sum(repeats)}; expected {num_actions} "
                f"({self.steps} steps of {self.mission.num_agents} agents), at most {MAX_VALUES}"
            )
        for value in values:
            if not isinstance(value, int) or not 0 <= value <= self.mission.num_actions:
                raise ValueError(
                    f"key 'actions': got {value}; expected 0 to {self.mission.num_actions - 1}, "
                    f"or {self.mission.num_actions} for an invalid action"
                )
        return self

    @classmethod
    def from_actions(
        cls, mission: Mission, world_seed: int, score: int, found_by: str, actions: np.ndarray
    ) -> "KnownPlay":
        """Return the play of actions [L, A]; see the class for the other arguments."""
        return cls(
            mission=mission,
            world_seed=world_seed,
            score=score,
            found_by=found_by,
            steps=len(actions),
            actions=RunLengths.encode(actions.astype(np.int64)),
        )

    def action_array(self) -> np.ndarray:
        """Return the actions, int64 [L, A]."""
        columns = np.repeat(np.array(self.actions.values, dtype=np.int64), self.actions.repeats)
        return columns.reshape(self.mission.num_agents, self.steps).T


def make_play_from_episode(replay: Replay, episode: Episode) -> KnownPlay:
    """Take the actions of a recorded episode from its states."""
    shape = (replay.mission.num_agents, episode.steps + 1)

    def expand(field: RunLengths) -> np.ndarray:
        return np.repeat(field.values, field.repeats).reshape(shape)[:, 1:].T.astype(np.int64)

    verb, argument = expand(episode.states.verb), expand(episode.states.argument)
    # Action list: noop, 4 moves, glyphs.
    actions = np.select(
        [verb == MOVE, verb == GLYPH, verb == INVALID],
        [1 + argument, 5 + argument, replay.mission.num_actions],
        default=0,
    )
    return KnownPlay.from_actions(
        replay.mission, episode.world_seed, episode.score, replay.policy, actions
    )


@cache
def _load_stored_play(mission_name: str) -> KnownPlay | None:
    path = STORE / f"{mission_name}.json"
    return KnownPlay.read(path) if path.is_file() else None


def find_stored_play(mission: Mission) -> KnownPlay | None:
    """Return the best known play that DAF ships for a mission; None without one.

    A play of another version of the mission does not count.
    """
    play = _load_stored_play(mission.name)
    return play if play is not None and play.mission == mission else None
