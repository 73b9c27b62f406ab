"""Configuration of a sweep: search space, strategy, objective and confirmation."""

from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from daf.config.benchmark import MissingConfig, check_unique
from daf.config.execution import ExecutionConfig, Seed
from daf.config.model import Float, Int, Model, Name
from daf.config.paths import FilePath, InputPath
from daf.config.search_space import SearchSpace
from daf.config.training import TrainingConfig
from daf.errors import short_json, suggest_choice

STRATEGIES = {
    "grid": (),
    "random": ("num_trials",),
    "sobol": ("num_trials",),
    "bayesian": ("num_trials", "trials_per_round"),
    "halving": ("num_trials", "eta", "rungs"),
}
"""Strategy-specific keys by strategy."""


class ConfirmationConfig(Model):
    """Retraining and re-evaluation of the best trials with seeds that the search never used."""

    training_seeds: tuple[Seed, ...] = Field(
        default=(101, 102, 103, 104, 105),
        description="training seeds of the confirmation; empty: no confirmation",
    )
    episodes: Int | None = Field(
        default=None,
        ge=1,
        le=1_000_000,
        description="number of episodes per mission and training seed; null: `episodes_per_trial`",
    )
    world_seed: Seed = Field(default=1_000_000, description="seed of the evaluation worlds")

    @field_validator("training_seeds")
    @classmethod
    def _check_unique_training_seeds(cls, values: tuple) -> tuple:
        return check_unique(values)


class DAFSweepConfig(Model):
    """Search for good hyperparameters of one policy.

    Each trial is the policy with one choice of the hyperparameters in `search_space`, trained and
    evaluated on all `missions`. The confirmation then retrains the best trials.
    """

    name: Name | None = Field(
        default=None,
        description="name of the sweep and of its folder; null: derived from its content",
    )
    policy_class_path: FilePath = Field(
        min_length=1, description="short name, MODULE:CLASS or FILE.py:CLASS of the policy"
    )
    policy_data_path: InputPath | None = Field(
        default=None, min_length=1, description="file with the initial weights of every trial"
    )
    init_kwargs: dict[str, Any] = Field(
        default={}, description="arguments of the class in every trial"
    )
    missions: tuple[str, ...] = Field(
        min_length=1, description="missions for training and evaluation of every trial"
    )
    strategy: Literal["grid", "random", "sobol", "bayesian", "halving"] = Field(
        default="grid", description="search strategy"
    )
    search_space: SearchSpace = Field(
        description="parameters by name, each a list of values or a range with min and max"
    )
    num_trials: Int | None = Field(
        default=None,
        ge=1,
        le=10_000,
        description="number of trials; null: 32. `grid` runs all combinations and requires null",
    )
    trials_per_round: Int | None = Field(
        default=None,
        ge=1,
        description="number of trials that `bayesian` proposes together; null: 4",
    )
    eta: Float | None = Field(
        default=None,
        gt=1,
        description="reduction factor of `halving`: the best 1/eta of the trials enter the next "
        "rung; null: 3",
    )
    rungs: Int | None = Field(
        default=None,
        ge=1,
        le=20,
        description="number of rungs (rounds) of `halving`; null: until one trial remains",
    )
    num_training_steps: Int | None = Field(
        default=None, ge=1, description="agent-steps of each trial; null: `training.steps`"
    )
    training: TrainingConfig = Field(
        default=TrainingConfig(), description="hyperparameters that all trials share"
    )
    training_seeds: tuple[Seed, ...] = Field(
        default=(1,), min_length=1, description="training seeds of each trial, one run per seed"
    )
    episodes_per_trial: Int = Field(
        default=64,
        ge=1,
        le=1_000_000,
        description="number of evaluation episodes of a trial, for each mission and training seed",
    )
    objective_metric: str = Field(
        default="score",
        min_length=1,
        description="column of the episode table whose mean is the objective; with several "
        "missions, `score` is the mean share of the ceiling",
    )
    optimize_direction: Literal["maximize", "minimize"] = Field(
        default="maximize",
        description="maximize: a higher objective is better; minimize: a lower one",
    )
    seed: Seed = Field(default=0, description="seed of the random choice of trials")
    world_seed: Seed = Field(default=0, description="seed of the evaluation worlds of the trials")
    keep_best: Int = Field(
        default=3, ge=1, le=100, description="number of best trials in the confirmation"
    )
    confirmation: ConfirmationConfig = Field(
        default=ConfirmationConfig(),
        description="retraining and re-evaluation of the best trials with unseen seeds",
    )
    missing: MissingConfig = Field(
        default=MissingConfig(), description="failed runs and evaluations, missing in the report"
    )
    execution: ExecutionConfig = Field(
        default=ExecutionConfig(),
        description="devices, processes and folders of the jobs",
    )

    @field_validator("missions", "training_seeds")
    @classmethod
    def _check_unique(cls, values: tuple) -> tuple:
        return check_unique(values)

    @model_validator(mode="after")
    def _check_strategy_keys(self) -> Self:
        for key in sorted({key for keys in STRATEGIES.values() for key in keys}):
            if getattr(self, key) is not None and key not in STRATEGIES[self.strategy]:
                strategies = [name for name, keys in STRATEGIES.items() if key in keys]
                raise ValueError(
                    f"key '{key}': got {short_json(getattr(self, key))} with strategy "
                    f"'{self.strategy}'; expected null, or strategy {', '.join(strategies)}"
                )
        return self

    @model_validator(mode="after")
    def _check_policies_per_job_is_one(self) -> Self:
        # The wildcards of a batched rule name its policies, and Snakemake reads the rules once,
        # before the trials of later rounds exist.
        if (policies := self.execution.policies_per_job) > 1:
            raise ValueError(
                f"key 'execution.policies_per_job': got {policies}; expected 1 in a sweep, whose "
                "later trials are unknown when policies are assigned to jobs"
            )
        return self

    @model_validator(mode="after")
    def _check_no_key_set_twice(self) -> Self:
        searched = {name.removeprefix("training.") for name in self.search_space}
        for name, fixed_by in (
            ("steps", self.num_training_steps is not None and "num_training_steps"),
            ("initial_weights", "policy_data_path"),
            ("missions", "missions"),
            *((name, f"init_kwargs.{name}") for name in self.init_kwargs),
        ):
            if fixed_by and name in searched:
                raise ValueError(f"'{name}' cannot be searched; key '{fixed_by}' sets it")
        for name, instead in (("missions", "missions"), ("initial_weights", "policy_data_path")):
            if getattr(self.training, name):
                raise ValueError(f"'training.{name}' is not supported in a sweep; use '{instead}'")
        if self.strategy == "halving":
            for name in ("steps", "anneal_steps"):
                if name in searched:
                    raise ValueError(f"'{name}' cannot be searched; halving sets it")
            if self.training.anneal_steps is not None:
                raise ValueError("'training.anneal_steps' is set by halving; leave it out")
        return self

    @model_validator(mode="after")
    def _check_fresh_confirmation_seeds(self) -> Self:
        """Check that the confirmation shares no seed with the search that selected its trials."""
        seeds = self.confirmation.training_seeds
        if common := sorted(set(seeds) & set(self.training_seeds)):
            raise ValueError(
                f"key 'confirmation.training_seeds': got {common[0]}, which is also in "
                "'training_seeds'; expected seeds that the search does not use"
            )
        if seeds and self.confirmation.world_seed == self.world_seed:
            raise ValueError(
                f"key 'confirmation.world_seed': got {self.world_seed}, which is also "
                "'world_seed'; expected a seed that the search does not use"
            )
        return self

    @model_validator(mode="after")
    def _check_parameter_conditions(self) -> Self:
        space = self.search_space
        for name, parameter in space.items():
            for condition, values in parameter.when.items():
                key = f"key 'search_space.{name}.when'"
                if condition == name or condition not in space:
                    others = [key for key in space if key != name]
                    raise ValueError(
                        f"{key}: unknown '{condition}'; {suggest_choice(condition, others)}"
                    )
                possible = space[condition].values
                if possible is None:
                    raise ValueError(f"{key}: '{condition}' is a range; expected a list of values")
                if invalid := [value for value in values if value not in possible]:
                    raise ValueError(
                        f"{key}: got {short_json(invalid[0])} for '{condition}'; accepted: "
                        f"{', '.join(map(short_json, possible))}"
                    )
        self.parameters_in_dependency_order()
        return self

    def parameters_in_dependency_order(self) -> list[str]:
        """Return the names of the search space, each after the parameters of its condition.

        Raises:
            ValueError: the conditions form a cycle.
        """
        ordered: list[str] = []
        pending = list(self.search_space)
        while pending:
            ready = [n for n in pending if not set(self.search_space[n].when) - set(ordered)]
            if not ready:
                raise ValueError(
                    f"key 'search_space.{pending[0]}.when': the conditions form a cycle"
                )
            ordered += ready
            pending = [name for name in pending if name not in ready]
        return ordered
