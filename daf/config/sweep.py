"""What a sweep tries: hyperparameters by strategy, and what makes one better than another."""

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from daf.config.benchmark import MissingConfig, check_unique
from daf.config.execution import ExecutionConfig, Seed
from daf.config.model import Float, Int, Model, Name
from daf.config.paths import FilePath, InputPath
from daf.config.search_space import SearchSpace
from daf.config.training import TrainingConfig
from daf.errors import short_json, suggest

STRATEGIES = {
    "grid": (),
    "random": ("num_trials",),
    "sobol": ("num_trials",),
    "bayesian": ("num_trials", "trials_per_round"),
    "halving": ("num_trials", "eta", "rungs"),
}
"""The keys that only some strategies know, by strategy."""


class ConfirmationConfig(Model):
    """How the best trials are trained and evaluated once more, with seeds the search never saw."""

    training_seeds: tuple[Seed, ...] = Field(
        default=(101, 102, 103, 104, 105), description="none: the best are not confirmed"
    )
    episodes: Int | None = Field(
        default=None, ge=1, le=1_000_000, description="None: episodes_per_trial"
    )
    world_seed: Seed = Field(default=1_000_000, description="of the worlds")

    @field_validator("training_seeds")
    @classmethod
    def _no_repeats(cls, values):
        return check_unique(values)


class DAFSweepConfig(Model):
    """A search for good hyperparameters.

    Every trial is the policy with other values for the hyperparameters of `search_space`, trained
    and evaluated on all `missions` as any other policy is. The best are then confirmed.
    """

    name: Name | None = None
    policy_class_path: FilePath = Field(min_length=1)
    policy_data_path: InputPath | None = Field(
        default=None, min_length=1, description="weights that every trial begins with"
    )
    init_kwargs: dict[str, Any] = Field(default={}, description="of the class, in every trial")
    missions: tuple[str, ...] = Field(min_length=1)
    strategy: Literal["grid", "random", "sobol", "bayesian", "halving"] = "grid"
    search_space: SearchSpace
    num_trials: Int | None = Field(
        default=None, ge=1, le=10_000, description="None: all of a grid, else 32"
    )
    trials_per_round: Int | None = Field(
        default=None, ge=1, description="bayesian: proposed at a time; None: 4"
    )
    eta: Float | None = Field(
        default=None, gt=1, description="halving: one of so many goes on; None: 3"
    )
    rungs: Int | None = Field(
        default=None, ge=1, le=20, description="halving; None: until one trial is left"
    )
    num_training_steps: Int | None = Field(
        default=None, ge=1, description="agent-steps of a trial; None: those of `training`"
    )
    training: TrainingConfig = Field(
        default=TrainingConfig(), description="the hyperparameters that all trials share"
    )
    training_seeds: tuple[Seed, ...] = Field(default=(1,), min_length=1)
    episodes_per_trial: Int = Field(
        default=64, ge=1, le=1_000_000, description="per mission and training seed"
    )
    objective_metric: str = Field(
        default="score", min_length=1, description="a column of the episode table"
    )
    optimize_direction: Literal["maximize", "minimize"] = "maximize"
    seed: Seed = Field(default=0, description="of the search: which trials are proposed")
    world_seed: Seed = Field(default=0, description="of the worlds that trials are evaluated in")
    keep_best: Int = Field(default=3, ge=1, le=100, description="trials that are confirmed")
    confirmation: ConfirmationConfig = ConfirmationConfig()
    missing: MissingConfig = MissingConfig()
    execution: ExecutionConfig = ExecutionConfig()

    @field_validator("missions", "training_seeds")
    @classmethod
    def _no_repeats(cls, values):
        return check_unique(values)

    @model_validator(mode="after")
    def _fits_the_strategy(self):
        for key in sorted({key for keys in STRATEGIES.values() for key in keys}):
            if getattr(self, key) is not None and key not in STRATEGIES[self.strategy]:
                others = [name for name, keys in STRATEGIES.items() if key in keys]
                raise ValueError(
                    f"key '{key}': got {short_json(getattr(self, key))}; it has no meaning with "
                    f"strategy '{self.strategy}', only with {', '.join(others)}"
                )
        return self

    @model_validator(mode="after")
    def _check_one_policy_per_job(self):
        # Rules are made once, and those of jobs of several name their players.
        if (players := self.execution.policies_per_job) > 1:
            raise ValueError(
                f"key 'execution.policies_per_job': got {players}; in a sweep it has to be 1, for "
                "the trials of later rounds are not known when players are dealt to jobs"
            )
        return self

    @model_validator(mode="after")
    def _check_no_key_set_twice(self):
        searched = {name.removeprefix("training.") for name in self.search_space}
        for name, other in (
            ("steps", self.num_training_steps is not None and "num_training_steps"),
            ("initial_weights", "policy_data_path"),
            ("missions", "missions"),
            *((name, f"init_kwargs.{name}") for name in self.init_kwargs),
        ):
            if other and name in searched:
                raise ValueError(f"'{name}' cannot be searched; key '{other}' sets it")
        for name, instead in (("missions", "missions"), ("initial_weights", "policy_data_path")):
            if getattr(self.training, name):
                raise ValueError(f"'training.{name}' has no place in a sweep; use '{instead}'")
        if self.strategy == "halving":
            for name in ("steps", "anneal_steps"):
                if name in searched:
                    raise ValueError(f"'{name}' cannot be searched; halving sets it")
            if self.training.anneal_steps is not None:
                raise ValueError("'training.anneal_steps' is set by halving; leave it out")
        return self

    @model_validator(mode="after")
    def _fresh_seeds(self):
        """What is confirmed must not meet what it was chosen by."""
        seeds = self.confirmation.training_seeds
        if common := sorted(set(seeds) & set(self.training_seeds)):
            raise ValueError(
                f"key 'confirmation.training_seeds': {common[0]} is one of the sweep's "
                "'training_seeds'; the best are confirmed on others"
            )
        if seeds and self.confirmation.world_seed == self.world_seed:
            raise ValueError(
                f"key 'confirmation.world_seed': got {self.world_seed}, the 'world_seed' of the "
                "sweep; the best are confirmed in other worlds"
            )
        return self

    @model_validator(mode="after")
    def _conditions_can_hold(self):
        space = self.search_space
        for name, parameter in space.items():
            for other, values in parameter.when.items():
                key = f"key 'search_space.{name}.when'"
                if other == name or other not in space:
                    known = [known for known in space if known != name]
                    raise ValueError(f"{key}: unknown '{other}'; {suggest(other, known)}")
                possible = space[other].values
                if possible is None:
                    raise ValueError(f"{key}: '{other}' is a range; a list of values is needed")
                if odd := [value for value in values if value not in possible]:
                    raise ValueError(
                        f"{key}: '{other}' is never {short_json(odd[0])}; accepted: "
                        f"{', '.join(map(short_json, possible))}"
                    )
        self.ordered_parameters()
        return self

    def ordered_parameters(self) -> list[str]:
        """The names of the search space, each after those that its condition asks for.

        Raises:
            ValueError: conditions go round in a circle.
        """
        ordered: list[str] = []
        waiting = list(self.search_space)
        while waiting:
            ready = [n for n in waiting if not set(self.search_space[n].when) - set(ordered)]
            if not ready:
                raise ValueError(
                    f"key 'search_space.{waiting[0]}.when': the conditions go round in a circle"
                )
            ordered += ready
            waiting = [name for name in waiting if name not in ready]
        return ordered
