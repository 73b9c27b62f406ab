"""Contents of a bundle: description of the policy, missions, weights and golden outputs."""

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
from daf.deploy.sources import DAF_CLASSES, FOREIGN_MODULE
from daf.files.tensors import parse_tensors
from daf.missions import Mission
from daf.missions.mission import MAX_AGENTS, MAX_WINDOW
from daf.policies.game import Game
from daf.provenance.sidecar import Sha256

POLICY, MISSIONS, TRAINING_MISSIONS = "policy.json", "missions.json", "training_missions.json"
WEIGHTS, GOLDEN, CARD = "policy.safetensors", "golden.safetensors", "model_card.md"

WindowSize = Annotated[Int, Field(ge=1, le=MAX_WINDOW)]


class GameInterface(Model):
    """Interface between a network and the game: `daf.policies.Game` without stations.

    Attributes:
        num_agents: number of agents of a world.
        num_actions: number of actions of the game.
        num_tokens: number of tokens T of an observation, padding included.
        used_tokens: maximum number of tokens without padding.
        window: height and width of an observation window, in cells.
        max_steps: maximum number of steps of an episode; 0 for no limit.
        move_energy: energy cost of one move.
        energy_regained: energy that an agent regains per step.
        features: feature names by feature id.
        type_ids: type ids of objects.
    """

    num_agents: Int = Field(ge=1, le=MAX_AGENTS)
    num_actions: Int = Field(ge=5, le=1000)
    num_tokens: Int = Field(ge=1, le=4096)
    used_tokens: Int = Field(ge=1, le=4096)
    window: tuple[WindowSize, WindowSize]
    max_steps: Int
    move_energy: Int
    energy_regained: Int
    features: tuple[str, ...] = Field(max_length=256)
    type_ids: tuple[Int, ...] = Field(max_length=256)

    @classmethod
    def from_game(cls, game: Game) -> "GameInterface":
        """Return the interface of a game."""
        return cls(**{name: getattr(game, name) for name in cls.model_fields})


class Score(Model):
    """Score of the weights on one mission: hearts in communal chests per episode.

    Attributes:
        mean, sd: mean and standard deviation over episodes.
        low, high: confidence interval of the mean over worlds; None if undefined, see `note`.
        episodes: number of episodes.
        note: reason for a missing or unreliable interval.
        each: hearts of each episode, in the order of the world seeds.
    """

    mean: Float
    sd: Float | None
    low: Float | None
    high: Float | None
    episodes: Int = Field(ge=1)
    note: str | None
    each: tuple[Annotated[Int, Field(ge=0)], ...] = Field(min_length=1, max_length=100_000)

    @classmethod
    def from_hearts(cls, hearts_per_episode: Sequence[int], confidence: float) -> "Score":
        """Compute the score of episodes.

        Args:
            hearts_per_episode: hearts of each episode, in the order of the world seeds.
            confidence: confidence level of the interval, 0 to 1.
        """
        # Lazy: bundles run without pandas.
        import pandas as pd

        from daf.stats.estimate import EPISODE, UnitValues, estimate_unit_values_mean

        unit_values = UnitValues(
            EPISODE, [pd.Series(hearts_per_episode, dtype=float)], {}, len(hearts_per_episode), 0
        )
        estimate = estimate_unit_values_mean(unit_values, confidence)
        statistics = {name: estimate[name] for name in ("mean", "sd", "low", "high", "note")}
        return cls(episodes=len(hearts_per_episode), each=tuple(hearts_per_episode), **statistics)

    def format(self, confidence: float) -> str:
        """Return the score in words."""
        interval = "" if self.low is None else f" ({self.low:.2f} to {self.high:.2f})"
        return f"{self.mean:.2f}{interval} hearts, {self.episodes} episodes, {confidence:.0%}"


class Golden(Model):
    """Episode of the golden observations: mission, world seed and number of steps."""

    mission: str
    world_seed: Int
    steps: Int


class Provenance(Model):
    """SHA-256 of the files that a bundle was made of.

    Attributes:
        weights: SHA-256 of the weights file.
        run: SHA-256 of run.json; None for weights without a run.
        episodes: SHA-256 of the episode tables, by mission.
    """

    weights: Sha256
    run: Sha256 | None
    episodes: dict[str, Sha256]


class PolicyDescription(Model):
    """Content of policy.json.

    Attributes:
        format: version of the format.
        name: name of the policy instance in the results.
        class_path: module in the bundle, and class.
        init_kwargs: arguments of the class.
        shapes: shapes of the weights.
        game: interface of the game.
        actions: action names of the game; the policy uses the first of them.
        trained_on: names of the training missions; empty if unknown.
        training: run.json with hyperparameters, seed and steps; None if unknown.
        scores: scores by mission.
        evaluation_seed: seed of the worlds of the scores.
        confidence: confidence level of the intervals, 0.5 to 1.
        golden: episode of the golden observations.
        provenance: digests of the source files.
        versions: versions of DAF and its packages.
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
    """Parsed bundle.

    Attributes:
        members: content of each file, by name.
        description: content of policy.json.
        missions: missions of the scores, by name.
        trained_on: training missions; empty if unknown.
        weights, golden: tensors, by name.
    """

    members: Mapping[str, bytes]
    description: PolicyDescription
    missions: dict[str, Mission]
    trained_on: tuple[Mission, ...]
    weights: dict[str, torch.Tensor]
    golden: dict[str, torch.Tensor]

    def member_digest(self, member_name: str) -> str:
        """Return the SHA-256 of a member."""
        return hashlib.sha256(self.members[member_name]).hexdigest()

    def summary_lines(self) -> list[str]:
        """Return the description in lines for a terminal."""
        description = self.description
        num_weights = sum(tensor.numel() for tensor in self.weights.values())
        run = description.training or {}
        training = f"{run.get('steps')} agent-steps, seed {run.get('training_seed')}" if run else ""
        arguments = short_json(description.init_kwargs)
        versions = description.versions
        scores = description.scores.items()
        return [
            f"policy: {description.name}",
            f"class: {description.class_path} {arguments}, {num_weights} weights",
            f"trained on: {', '.join(description.trained_on) or 'unknown'} {training}".rstrip(),
            *(f"{name}: {score.format(description.confidence)}" for name, score in scores),
            f"golden: {description.golden.steps} steps on {description.golden.mission}",
            f"weights: sha256 {description.provenance.weights}",
            f"made by: DAF {versions.get('daf')}, torch {versions.get('torch')}",
        ]

    @classmethod
    def from_members(cls, members: Mapping[str, bytes]) -> "Bundle":
        """Parse the members of an archive.

        Raises:
            ConfigError: a member is missing or invalid; one line.
        """
        required = {POLICY, MISSIONS, TRAINING_MISSIONS, WEIGHTS, GOLDEN, CARD}
        missing = required - members.keys()
        if missing:
            raise ConfigError(f"{min(missing)}: is missing")
        description = PolicyDescription.parse(parse_json(members[POLICY], POLICY), POLICY)
        _check_class_is_daf_or_bundled(description.class_path, members)
        mission_data = parse_json(members[MISSIONS], MISSIONS)
        if not isinstance(mission_data, dict) or not mission_data:
            raise ConfigError(f"{MISSIONS}: expected an object with missions")
        if mission_data.keys() != description.scores.keys():
            raise ConfigError(f"{MISSIONS}: expected the missions of the scores")
        missions = {
            name: Mission.parse(data, f"{MISSIONS}: {name}") for name, data in mission_data.items()
        }
        training_data = parse_json(members[TRAINING_MISSIONS], TRAINING_MISSIONS)
        if not isinstance(training_data, list):
            raise ConfigError(f"{TRAINING_MISSIONS}: expected a list of missions")
        trained_on = tuple(
            Mission.parse(data, f"{TRAINING_MISSIONS}: {number}")
            for number, data in enumerate(training_data)
        )
        if description.golden.mission not in missions:
            raise ConfigError(f"{POLICY}: key 'golden.mission': no such mission in {MISSIONS}")
        weights, golden = (
            parse_member_tensors(members, WEIGHTS),
            parse_member_tensors(members, GOLDEN),
        )
        shapes = {name: tuple(tensor.shape) for name, tensor in weights.items()}
        if shapes != description.shapes:
            raise ConfigError(f"{WEIGHTS}: shapes differ from those in {POLICY}")
        return cls(members, description, missions, trained_on, weights, golden)

    @classmethod
    def read(cls, path: str | Path) -> "Bundle":
        """Read a bundle whose digests match its manifest.

        Raises:
            ConfigError: the file is not a bundle, or is damaged; the first reason, one line.
        """
        members, problems = read_archive(path)
        if problems:
            raise ConfigError(f"bundle {short_json(str(path))}: {problems[0]}")
        try:
            return cls.from_members(members)
        except ConfigError as error:
            raise ConfigError(f"bundle {short_json(str(path))}: {error}") from None


def _check_class_is_daf_or_bundled(class_path: str, members: Mapping[str, bytes]) -> None:
    """Check that a class is one of DAF, or of the user's module in the bundle.

    Raises:
        ConfigError: the class is another one.
    """
    module = class_path.rpartition(":")[0]
    is_bundled = module == FOREIGN_MODULE and f"{FOREIGN_MODULE}.py" in members
    if class_path not in DAF_CLASSES and not is_bundled:
        raise ConfigError(
            f"{POLICY}: key 'class_path': got {short_json(class_path)}; accepted: "
            f"{', '.join(sorted(DAF_CLASSES))}, or a class of {FOREIGN_MODULE}.py"
        )


def action_names(num_actions: int) -> tuple[str, ...]:
    """Return the names of the actions of a game."""
    moves = ("noop", "move_north", "move_south", "move_west", "move_east")
    return (*moves, *(f"change_glyph_{glyph}" for glyph in range(num_actions - len(moves))))


def json_bytes(data: Any) -> bytes:
    """Return plain data in the JSON format of bundles."""
    # unsorted: a layout places stations in the order of its mapping
    return (json.dumps(data, indent=2, allow_nan=False) + "\n").encode()


def parse_member_tensors(members: Mapping[str, bytes], member_name: str) -> dict[str, torch.Tensor]:
    """Parse the tensors of a member.

    Raises:
        ConfigError: the member is not a safetensors file.
    """
    try:
        return parse_tensors(members[member_name])
    except ValueError as error:
        raise ConfigError(f"{member_name}: not a readable safetensors file ({error})") from None
