"""What a sweep tries: hyperparameters by strategy, and what makes one better than another."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from daf.config.benchmark import MissingConfig, no_repeats
from daf.config.execution import ExecutionConfig, Seed
from daf.config.model import Model, Name, Whole
from daf.config.training import TrainingConfig


class DAFSweepConfig(Model):
    """A search for good hyperparameters.

    Every trial is the policy with other values for the hyperparameters of `search_space`, trained
    and evaluated on all `missions` as any other policy is.
    """

    name: Name | None = None
    policy_class_path: str = Field(min_length=1)
    policy_data_path: str | None = Field(
        default=None, min_length=1, description="weights that every trial begins with"
    )
    init_kwargs: dict[str, Any] = Field(default={}, description="of the class, in every trial")
    missions: tuple[str, ...] = Field(min_length=1)
    strategy: Literal["grid"] = "grid"
    search_space: dict[str, Annotated[list[Any], Field(min_length=1)]] = Field(
        min_length=1,
        description="hyperparameter of the training or argument of the class -> values to try",
    )
    num_training_steps: Whole | None = Field(
        default=None, ge=1, description="agent-steps of a trial; None: those of `training`"
    )
    training: TrainingConfig = Field(
        default=TrainingConfig(), description="the hyperparameters that all trials share"
    )
    training_seeds: tuple[Seed, ...] = Field(default=(1,), min_length=1)
    episodes_per_trial: Whole = Field(
        default=64, ge=1, le=1_000_000, description="per mission and training seed"
    )
    objective_metric: str = Field(
        default="score", min_length=1, description="a column of the episode table"
    )
    optimize_direction: Literal["maximize", "minimize"] = "maximize"
    seed: Seed = Field(default=0, description="of the worlds that trials are evaluated in")
    keep_best: Whole = Field(default=3, ge=1, description="trials that `compare_best` compares")
    missing: MissingConfig = MissingConfig()
    execution: ExecutionConfig = ExecutionConfig()

    @field_validator("missions", "training_seeds")
    @classmethod
    def _no_repeats(cls, values):
        return no_repeats(values)

    @field_validator("search_space")
    @classmethod
    def _different_values(cls, space):
        for name, values in space.items():
            for number, value in enumerate(values):
                if value in values[:number]:
                    raise ValueError(f"{value!r} stands twice under '{name}'")
        return space

    @model_validator(mode="after")
    def _one_place_for_each(self):
        for name, other in (
            ("steps", self.num_training_steps is not None and "num_training_steps"),
            ("initial_weights", "policy_data_path"),
            ("missions", "missions"),
            *((name, f"init_kwargs.{name}") for name in self.init_kwargs),
        ):
            if other and name in self.search_space:
                raise ValueError(f"'{name}' cannot be searched; key '{other}' sets it")
        for name, instead in (("missions", "missions"), ("initial_weights", "policy_data_path")):
            if getattr(self.training, name):
                raise ValueError(f"'training.{name}' has no place in a sweep; use '{instead}'")
        return self
