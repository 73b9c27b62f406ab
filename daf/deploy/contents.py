"""What a bundle tells about its policy: policy.json, its missions and the weights."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import Field

from daf.config import ConfigError, Float, Int, Model, short_json
from daf.config.plain_data import parse_json
from daf.deploy.archive import read_archive
from daf.deploy.sources import DAF_CLASSES, FOREIGN
from daf.files.tensors import tensors_of
from daf.missions import Mission
from daf.missions.mission import MAX_AGENTS, MAX_WINDOW
from daf.policies.game import Game
from daf.provenance.sidecar import Sha256

POLICY, MISSIONS, TRAINING_MISSIONS = "policy.json", "missions.json", "training_missions.json"
WEIGHTS, GOLDEN, CARD = "policy.safetensors", "golden.safetensors", "model_card.md"


Side = Annotated[Int, Field(ge=1, le=MAX_WINDOW)]


class GameInterface(Model):
    """What a network must know of the game: `daf.policies.Game` without its stations. Features,
    type ids and window are the vocabulary of its tokens, action names that of its outputs."""

    num_agents: Int = Field(ge=1, le=MAX_AGENTS)
    num_actions: Int = Field(ge=5, le=1000)
    num_tokens: Int = Field(ge=1, le=4096)
    used_tokens: Int = Field(ge=1, le=4096)
    window: tuple[Side, Side]
    max_steps: Int
    move_energy: Int
    energy_regained: Int
    features: tuple[str, ...] = Field(max_length=256)
    type_ids: tuple[Int, ...] = Field(max_length=256)

    @classmethod
    def of(cls, game: Game) -> "GameInterface":
        return cls(**{name: getattr(game, name) for name in cls.model_fields})

    def game(self) -> Game:
        return Game(**{name: getattr(self, name) for name in type(self).model_fields}, stations={})


class Score(Model):
    """Hearts in communal chests per episode, of these weights on one mission.

    Attributes:
        low, high: of the interval of the mean over worlds; None where it cannot be known, see the
            note.
        each: hearts of each episode, in the order of the world seeds; all else follows from them.
    """

    mean: Float
    sd: Float | None
    low: Float | None
    high: Float | None
    episodes: Int = Field(ge=1)
    note: str | None
    each: tuple[Annotated[Int, Field(ge=0)], ...] = Field(min_length=1, max_length=100_000)

    @classmethod
    def of(cls, each: Sequence[int], confidence: float) -> "Score":
        """The score that follows from the hearts of each episode."""
        # Whoever only plays a bundle needs no statistics.
        import pandas as pd

        from daf.stats.estimate import EPISODE, Samples, summarize

        found = summarize(
            Samples(EPISODE, [pd.Series(each, dtype=float)], {}, len(each), 0), confidence
        )
        kept = {name: found[name] for name in ("mean", "sd", "low", "high", "note")}
        return cls(episodes=len(each), each=tuple(each), **kept)

    def format(self, confidence: float) -> str:
        """The score in words."""
        interval = "" if self.low is None else f" ({self.low:.2f} to {self.high:.2f})"
        return f"{self.mean:.2f}{interval} hearts, {self.episodes} episodes, {confidence:.0%}"


class Golden(Model):
    """Which episode the golden observations are of."""

    mission: str
    world_seed: Int
    steps: Int


class Provenance(Model):
    """SHA-256 of the files that a bundle was made of: the weights, run.json of their training (None
    if they were given as a file), the episode tables by mission."""

    weights: Sha256
    run: Sha256 | None
    episodes: dict[str, Sha256]


class PolicyDescription(Model):
    """The content of policy.json.

    Attributes:
        name: of the player in the results it comes from.
        class_path: module in the bundle, and class.
        shapes: of the weights.
        actions: names of the game's actions; the policy uses the first of them.
        trained_on: names of missions; empty if not known.
        training: run.json of the training: hyperparameters, seed, steps; None if not known.
        evaluation_seed: of the worlds that the scores are from.
        confidence: of the intervals.
    """

    format: Literal["daf-policy-2"] = "daf-policy-2"
    name: str
    class_path: str = Field(pattern=r"^[a-z_][a-z0-9_.]*:[A-Za-z_][A-Za-z0-9_]*$")
    init_kwargs: dict[str, Any]
    shapes: dict[str, tuple[Int, ...]]
    game: GameInterface
    actions: tuple[str, ...]
    trained_on: tuple[str, ...]
    training: dict[str, Any] | None
    scores: dict[str, Score]
    evaluation_seed: Int
    confidence: Float = Field(gt=0.5, lt=1)
    golden: Golden
    provenance: Provenance
    versions: dict[str, str]


@dataclass(frozen=True)
class Bundle:
    """A bundle as it was read.

    Attributes:
        members: all files, by name.
        missions: those it was evaluated on, by name.
        trained_on: those it was trained on; empty if not known.
        weights, golden: tensors, by name.
    """

    members: Mapping[str, bytes]
    about: PolicyDescription
    missions: dict[str, Mission]
    trained_on: tuple[Mission, ...]
    weights: dict[str, torch.Tensor]
    golden: dict[str, torch.Tensor]

    def digest(self, name: str) -> str:
        """SHA-256 of a member."""
        return hashlib.sha256(self.members[name]).hexdigest()

    def summary(self) -> list[str]:
        """What it says of itself, in a few lines."""
        about = self.about
        size = sum(tensor.numel() for tensor in self.weights.values())
        run = about.training or {}
        how = f"{run.get('steps')} agent-steps, seed {run.get('training_seed')}" if run else ""
        return [
            f"policy: {about.name}",
            f"class: {about.class_path} {short_json(about.init_kwargs)}, {size} weights",
            f"trained on: {', '.join(about.trained_on) or 'not known'} {how}".rstrip(),
            *(f"{name}: {score.format(about.confidence)}" for name, score in about.scores.items()),
            f"golden: {about.golden.steps} steps on {about.golden.mission}",
            f"weights: sha256 {about.provenance.weights}",
            f"made by: DAF {about.versions.get('daf')}, torch {about.versions.get('torch')}",
        ]

    @classmethod
    def of(cls, members: Mapping[str, bytes]) -> "Bundle":
        """From the members of an archive.

        Raises:
            ConfigError: one is missing, or not what it should be; one line.
        """
        needed = {POLICY, MISSIONS, TRAINING_MISSIONS, WEIGHTS, GOLDEN, CARD}
        lacking = needed - members.keys()
        if lacking:
            raise ConfigError(f"{min(lacking)}: is missing")
        about = PolicyDescription.parse(parse_json(members[POLICY], POLICY), POLICY)
        module = about.class_path.rpartition(":")[0]
        if about.class_path not in DAF_CLASSES and (
            module != FOREIGN or f"{FOREIGN}.py" not in members
        ):
            raise ConfigError(
                f"{POLICY}: key 'class_path': got {short_json(about.class_path)}; accepted: "
                f"{', '.join(sorted(DAF_CLASSES))}, or a class of {FOREIGN}.py"
            )
        told = parse_json(members[MISSIONS], MISSIONS)
        if not isinstance(told, dict) or not told or told.keys() != about.scores.keys():
            raise ConfigError(f"{MISSIONS}: should have the missions of the scores")
        missions = {name: Mission.parse(data, f"{MISSIONS}: {name}") for name, data in told.items()}
        learned = parse_json(members[TRAINING_MISSIONS], TRAINING_MISSIONS)
        if not isinstance(learned, list):
            raise ConfigError(f"{TRAINING_MISSIONS}: should be a list of missions")
        trained_on = tuple(
            Mission.parse(data, f"{TRAINING_MISSIONS}: {number}")
            for number, data in enumerate(learned)
        )
        if about.golden.mission not in missions:
            raise ConfigError(f"{POLICY}: key 'golden.mission': no such mission in {MISSIONS}")
        weights, golden = tensors(members, WEIGHTS), tensors(members, GOLDEN)
        shapes = {name: tuple(tensor.shape) for name, tensor in weights.items()}
        if shapes != about.shapes:
            raise ConfigError(f"{WEIGHTS}: its shapes are not those of {POLICY}")
        return cls(members, about, missions, trained_on, weights, golden)

    @classmethod
    def read(cls, path: str | Path) -> "Bundle":
        """From a file, all of whose hashes agree.

        Raises:
            ConfigError: it is none, or damaged; the first reason, one line.
        """
        members, problems = read_archive(path)
        if problems:
            raise ConfigError(f"bundle {short_json(str(path))}: {problems[0]}")
        try:
            return cls.of(members)
        except ConfigError as error:
            raise ConfigError(f"bundle {short_json(str(path))}: {error}") from None


def action_names(count: int) -> tuple[str, ...]:
    """The names of a game's actions."""
    moves = ("noop", "move_north", "move_south", "move_west", "move_east")
    return (*moves, *(f"change_glyph_{glyph}" for glyph in range(count - len(moves))))


def as_json(data: Any) -> bytes:
    """A description as it stands in a bundle."""
    return (json.dumps(data, indent=2, sort_keys=True, allow_nan=False) + "\n").encode()


def tensors(members: Mapping[str, bytes], name: str) -> dict[str, torch.Tensor]:
    """The tensors of a member.

    Raises:
        ConfigError: it holds none.
    """
    try:
        return tensors_of(members[name])
    except ValueError as error:
        raise ConfigError(f"{name}: not a readable safetensors file ({error})") from None
