"""Configuration of a benchmark: policies, missions, training, evaluation and comparison."""

import re
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from daf.config.audit import AuditConfig
from daf.config.conversion import convert_text, training_key_annotation
from daf.config.execution import ExecutionConfig, Seed
from daf.config.model import Float, Int, Model, Name
from daf.config.paths import FilePath, InputPath
from daf.config.training import TrainingConfig


def _convert_decimal_seed_text(seed: Any) -> Any:
    # JSON has text keys only.
    is_decimal = isinstance(seed, str) and re.fullmatch("0|[1-9][0-9]{0,9}", seed)
    return int(seed) if is_decimal else seed


def _check_unique_seed_keys(file_by_seed: Any) -> Any:
    texts = [str(seed) for seed in file_by_seed] if isinstance(file_by_seed, dict) else []
    if len(set(texts)) < len(texts):
        raise ValueError("expected every training seed once")
    return file_by_seed


SeedKey = Annotated[Seed, BeforeValidator(_convert_decimal_seed_text)]
"""A seed as the key of a mapping, a whole number or its text."""

FilesByTrainingSeed = Annotated[dict[SeedKey, InputPath], BeforeValidator(_check_unique_seed_keys)]


def _convert_training_text(training: dict[str, Any]) -> dict[str, Any]:
    return {
        key: convert_text(value, training_key_annotation(key)) for key, value in training.items()
    }


TrainingOverrides = Annotated[dict[str, Any], AfterValidator(_convert_training_text)]
"""Some keys of `TrainingConfig` with their values."""


class PolicyConfig(Model):
    """One policy of the comparison; a plain string is short for its `class_path`.

    A network with `train: false` and without weights keeps its random initial weights.
    """

    class_path: FilePath = Field(
        min_length=1,
        description="short name, MODULE:CLASS, FILE.py:CLASS, pretrained:NAME or mettagrid:NAME of "
        "the policy",
    )
    name: Name | None = Field(
        default=None, description="label of the policy; null: derived from class and weights"
    )
    data_path: InputPath | None = Field(
        default=None, description="file with the weights to evaluate; null: DAF trains the network"
    )
    data_paths: FilesByTrainingSeed = Field(
        default={},
        description="weights files of one method by training seed; excludes `data_path`",
    )
    init_kwargs: dict[str, Any] = Field(default={}, description="arguments of the class")
    train: bool = Field(
        default=True, description="false: DAF evaluates a network with its initial weights"
    )
    training: TrainingOverrides = Field(
        default={}, description="keys of `training` that this policy overrides"
    )

    @model_validator(mode="after")
    def _check_data_path_or_data_paths(self) -> Self:
        if self.data_path is not None and self.data_paths:
            raise ValueError("got 'data_path' and 'data_paths'; expected one of them")
        return self

    def weights_file_by_training_seed(self) -> dict[int | None, str]:
        """Return the configured weights files; the key of `data_path` is None."""
        return {**self.data_paths} if self.data_path is None else {None: self.data_path}

    def with_weights_file(self, weights_file: str | None) -> "PolicyConfig":
        """Return the policy with one weights file, or none, instead of its files."""
        return self.model_copy(update={"data_path": weights_file, "data_paths": {}})


def _class_path_to_policy_mapping(policy: Any) -> Any:
    return _wrap_text_under_key("class_path", policy)


class EvaluationMission(Model):
    """One evaluation mission; a plain string is short for its `mission`."""

    mission: str = Field(
        min_length=1,
        description="built-in name or YAML file, optionally with layout seeds (@SEED or "
        "@FIRST-LAST)",
    )
    training: TrainingOverrides | None = Field(
        default=None,
        description="keys of `training` for separate runs, which DAF evaluates on this mission "
        "only; null: no separate runs",
    )

    @model_serializer(mode="wrap")
    def _dump_short_form(self, dump: SerializerFunctionWrapHandler) -> Any:
        return self.mission if self.training is None else dump(self)


def _mission_name_to_mapping(mission: Any) -> Any:
    return _wrap_text_under_key("mission", mission)


def _wrap_text_under_key(key: str, value: Any) -> Any:
    if not isinstance(value, str | dict | Model):
        raise ValueError("expected text or a mapping of keys to values")
    return {key: value} if isinstance(value, str) else value


class EvaluationConfig(Model):
    """Evaluation of all policies on the same worlds."""

    episodes: Int = Field(
        default=64,
        ge=1,
        le=1_000_000,
        description="number of episodes per policy instance and mission",
    )
    seed: Seed = Field(default=0, description="seed of the evaluation worlds")
    recorded_episodes: Int = Field(
        default=1,
        ge=0,
        le=100,
        description="number of episodes in each replay file",
    )


class ComparisonConfig(Model):
    """Statistical comparison of the policies."""

    confidence: Float = Field(
        default=0.95,
        gt=0.5,
        lt=1,
        description="confidence level of the intervals; the significance level of the tests is "
        "1 - confidence",
    )
    against: str | None = Field(
        default=None,
        description="label of the policy with which DAF compares all others; null: all pairs",
    )
    equivalence_margin: Float = Field(
        default=0.05,
        gt=0,
        lt=1,
        description="largest difference of scores that counts as equivalent, as a share of the "
        "mission's ceiling",
    )
    solved_share: Float = Field(
        default=0.9,
        gt=0,
        le=1,
        description="mean score from which on a training seed solves a mission, as a share of the "
        "mission's ceiling",
    )


Share = Annotated[Float, Field(gt=0, le=1e6)]


class TeamsConfig(Model):
    """Evaluation of teams of several policies; none by default.

    Policies are named by their labels in the results.
    """

    mixed: tuple[Annotated[dict[str, Share], Field(min_length=2)], ...] = Field(
        default=(),
        description="mixed teams, each a mapping of labels to relative shares of the agents",
    )
    replacement: str | None = Field(
        default=None,
        description="label of the replacement policy, which has half of the agents in a team with "
        "each other policy; null: no such teams",
    )
    cross_play: bool = Field(
        default=False, description="true: DAF evaluates every pair of policies as a team"
    )


class MissingConfig(Model):
    """Failed runs and evaluations, missing in the report; written by the pipelines."""

    runs: tuple[str, ...] = Field(default=(), description="names of the failed runs")
    evaluations: tuple[str, ...] = Field(
        default=(), description="failed evaluations, as POLICY/MISSION"
    )


class BenchmarkConfig(Model):
    """Content of `config/config.yaml`: all inputs of the target `benchmark_report`."""

    name: Name = Field(default="benchmark", description="name of the benchmark and of its folder")
    policies: tuple[
        Annotated[PolicyConfig, BeforeValidator(_class_path_to_policy_mapping)], ...
    ] = Field(min_length=1, description="policies to compare")
    missions: tuple[
        Annotated[EvaluationMission, BeforeValidator(_mission_name_to_mapping)], ...
    ] = Field(min_length=1, description="evaluation missions")
    training: TrainingConfig = Field(
        default=TrainingConfig(), description="hyperparameters of all runs"
    )
    training_seeds: tuple[Seed, ...] = Field(
        default=(1, 2, 3, 4, 5),
        min_length=1,
        description="training seeds of every network, one run per seed",
    )
    evaluation: EvaluationConfig = Field(
        default=EvaluationConfig(), description="evaluation of all policies"
    )
    comparison: ComparisonConfig = Field(
        default=ComparisonConfig(), description="statistical comparison of the policies"
    )
    teams: TeamsConfig = Field(
        default=TeamsConfig(), description="evaluation of teams of several policies"
    )
    missing: MissingConfig = Field(
        default=MissingConfig(), description="failed runs and evaluations, missing in the report"
    )
    audit: AuditConfig = Field(default=AuditConfig(), description="extent and limits of an audit")
    execution: ExecutionConfig = Field(
        default=ExecutionConfig(),
        description="devices, processes and folders of the jobs",
    )

    @field_validator("missions")
    @classmethod
    def _check_unique_missions(
        cls, missions: tuple[EvaluationMission, ...]
    ) -> tuple[EvaluationMission, ...]:
        check_unique(tuple(entry.mission for entry in missions))
        return missions

    @field_validator("training_seeds")
    @classmethod
    def _check_unique_seeds(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        return check_unique(seeds)


def check_unique(values: tuple) -> tuple:
    """Return the values, if they are all different.

    Raises:
        ValueError: a value is repeated; the message names the first one.
    """
    if len(set(values)) < len(values):
        repeated = next(value for value in values if values.count(value) > 1)
        raise ValueError(f"expected unique values; {repeated!r} is repeated")
    return values
