"""How a policy is trained: every hyperparameter, its default and its range."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from daf.config.model import Float, Int, Model
from daf.config.paths import InputPath


class TrainingConfig(Model):
    """Hyperparameters of one training by PPO.

    Steps are agent-steps: one action of one agent. An update takes `worlds` worlds for
    `rollout_length` steps; its rows are the agents of all worlds.
    """

    missions: tuple[str, ...] = Field(
        default=(), description="trained on; worlds shared or in turn"
    )
    curriculum: tuple[Annotated[Int, Field(ge=1)], ...] = Field(
        default=(),
        description="agent-steps of each of `missions`, one after the other; none: all at once",
    )
    steps: Int = Field(default=4_000_000, ge=1, description="agent-steps in all")
    worlds: Int = Field(default=64, ge=1, le=1_000_000, description="worlds side by side")
    rollout_length: Int = Field(default=32, ge=1, le=100_000, description="steps per update")
    epochs: Int = Field(default=1, ge=1, le=100, description="passes over each rollout")
    minibatches: Int = Field(
        default=8, ge=1, description="parts of each pass; PPO needs more than 1 sample in them"
    )
    learning_rate: Float = Field(default=2e-3, gt=0, le=1, description="of Adam, at the start")
    anneal: bool = Field(default=True, description="learning rate falls linearly to 0")
    anneal_steps: Int | None = Field(
        default=None, ge=1, description="agent-steps after which it would be 0; None: `steps`"
    )
    gamma: Float = Field(default=0.99, ge=0, le=1, description="discount per step")
    gae_lambda: Float = Field(default=0.95, ge=0, le=1, description="of the advantage estimate")
    clip: Float = Field(default=0.2, gt=0, le=1, description="of the probability ratio")
    value_coef: Float = Field(default=0.5, ge=0, description="weight of the value loss")
    entropy_coef: Float = Field(default=0.01, ge=0, description="weight of the entropy bonus")
    max_grad_norm: Float = Field(default=0.5, gt=0, description="gradients are clipped to this")
    precision: Literal["float32", "bfloat16"] = Field(
        default="float32", description="of the numbers that the layers multiply"
    )
    initial_weights: InputPath | None = Field(
        default=None, min_length=1, description="a policy.safetensors to go on from"
    )
    teacher: Literal["baseline"] | None = Field(
        default=None, description="a policy to be imitated before PPO begins"
    )
    teacher_steps: Int = Field(
        default=0, ge=0, description="agent-steps, of the first of `steps`, that imitate it"
    )
    shaping: dict[str, Float] = Field(
        default={}, description="reward for each count of a game statistic; never in the score"
    )

    @model_validator(mode="after")
    def _schedule_is_long_enough(self):
        if self.anneal_steps is None:
            return self
        if not self.anneal:
            raise ValueError(f"anneal_steps: got {self.anneal_steps}, but 'anneal' is false")
        if self.anneal_steps < self.steps:
            raise ValueError(f"anneal_steps: got {self.anneal_steps}, less than steps {self.steps}")
        return self

    @model_validator(mode="after")
    def _check_teacher_steps(self):
        if (self.teacher is None) != (self.teacher_steps == 0):
            raise ValueError(
                f"teacher_steps: got {self.teacher_steps} with teacher {self.teacher or 'null'}; "
                "a teacher needs at least 1, none needs 0"
            )
        return self

    @model_validator(mode="after")
    def _check_curriculum_sum(self):
        if not self.curriculum:
            return self
        if len(self.curriculum) != len(self.missions):
            raise ValueError(
                f"curriculum: got {len(self.curriculum)} for {len(self.missions)} training missions; "
                "`missions` of the training has to name one for each, in their order"
            )
        if sum(self.curriculum) != self.steps:
            raise ValueError(
                f"curriculum: got {sum(self.curriculum)} steps in all; they have to add up to steps, "
                f"which is {self.steps}"
            )
        return self

    def split_worlds(self, num_missions: int) -> list[int]:
        """Return the number of worlds of each mission, as equal as possible."""
        share, rest = divmod(self.worlds, num_missions)
        return [share + (number < rest) for number in range(num_missions)]

    @property
    def lr_decay_steps(self) -> int | None:
        """Agent-steps over which the learning rate falls to 0; None if it does not fall."""
        return (self.anneal_steps or self.steps) if self.anneal else None

    @property
    def is_extendable(self) -> bool:
        """Whether a training with more steps begins as this one does."""
        return self.lr_decay_steps != self.steps

    @model_validator(mode="after")
    def _worlds_for_all(self):
        if self.worlds < (1 if self.curriculum else len(self.missions)):
            raise ValueError(f"worlds: {self.worlds} cannot hold {len(self.missions)} missions")
        return self
