"""What a benchmark compares: policies, missions, and how they are trained and evaluated."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, field_validator

from daf.config.audit import AuditConfig
from daf.config.conversion import convert_text, training_type
from daf.config.execution import ExecutionConfig, Seed
from daf.config.model import Float, Int, Model, Name
from daf.config.paths import FilePath, InputPath
from daf.config.training import TrainingConfig


class PolicyConfig(Model):
    """One policy of the comparison.

    `training` overrides keys of the common training for this policy alone; with `train: false` a
    network without weights plays as it is born, with random ones.
    """

    class_path: FilePath = Field(min_length=1)
    name: Name | None = None
    data_path: InputPath | None = None
    init_kwargs: dict[str, Any] = {}
    train: bool = True
    training: dict[str, Any] = {}

    @field_validator("training")
    @classmethod
    def _convert_text(cls, training):
        return {key: convert_text(value, training_type(key)) for key, value in training.items()}


def _expand_short_form(policy: Any) -> Any:
    return {"class_path": policy} if isinstance(policy, str) else policy


class EvaluationConfig(Model):
    """How policies are evaluated; every policy meets the same worlds."""

    episodes: Int = Field(default=64, ge=1, le=1_000_000, description="per policy and mission")
    seed: Seed = Field(default=0, description="of the worlds")
    recorded_episodes: Int = Field(
        default=1, ge=0, le=100, description="episodes to watch, per policy and mission"
    )


class ComparisonConfig(Model):
    """How episodes become claims."""

    confidence: Float = Field(default=0.95, gt=0.5, lt=1, description="of intervals and tests")
    against: str | None = Field(default=None, description="the policy to compare with; null: all")
    equivalence_margin: Float = Field(
        default=0.05, gt=0, lt=1, description="differences that do not matter, share of the ceiling"
    )


Share = Annotated[Float, Field(gt=0, le=1e6)]


class TeamsConfig(Model):
    """Which questions about teams of several policies are asked; by default none.

    Policies are named as the results call them.
    """

    mixed: tuple[Annotated[dict[str, Share], Field(min_length=2)], ...] = Field(
        default=(), description="shares of the agents, by policy"
    )
    replacement: str | None = Field(
        default=None, description="the policy over which the value of the others is asked"
    )
    cross_play: bool = Field(default=False, description="every policy with every other")


class MissingConfig(Model):
    """What failed, and what the report is to do without; written by the pipelines."""

    runs: tuple[str, ...] = Field(default=(), description="names of trainings")
    evaluations: tuple[str, ...] = Field(default=(), description="as player/mission")


class BenchmarkConfig(Model):
    """The content of `config/config.yaml`: everything that `benchmark_report` depends on."""

    name: Name = "benchmark"
    policies: tuple[Annotated[PolicyConfig, BeforeValidator(_expand_short_form)], ...] = Field(
        min_length=1
    )
    missions: tuple[str, ...] = Field(min_length=1)
    training: TrainingConfig = TrainingConfig()
    training_seeds: tuple[Seed, ...] = Field(default=(1, 2, 3, 4, 5), min_length=1)
    evaluation: EvaluationConfig = EvaluationConfig()
    comparison: ComparisonConfig = ComparisonConfig()
    teams: TeamsConfig = TeamsConfig()
    missing: MissingConfig = MissingConfig()
    audit: AuditConfig = AuditConfig()
    execution: ExecutionConfig = ExecutionConfig()

    @field_validator("missions", "training_seeds")
    @classmethod
    def _no_repeats(cls, values):
        return check_unique(values)


def check_unique(values: tuple) -> tuple:
    """The values, if none of them stands there twice.

    Raises:
        ValueError: naming the first that does.
    """
    if len(set(values)) < len(values):
        repeated = next(value for value in values if values.count(value) > 1)
        raise ValueError(f"{repeated!r} stands there twice")
    return values
