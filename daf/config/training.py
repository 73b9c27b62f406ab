"""Configuration of a training run: hyperparameters with defaults and ranges."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from daf.config.model import Float, Int, Model
from daf.config.paths import InputPath

MAX_CHECKPOINTS = 1000


class EarlyStop(Model):
    """Rule that ends a run before its last update."""

    eval_score: Float = Field(
        ge=0,
        description="mean score of an evaluation during training, in hearts; with several training "
        "missions the mean share of the ceiling, at most 1",
    )
    patience: Int = Field(
        default=1,
        ge=1,
        description="number of successive evaluations with at least `eval_score` that end the run",
    )


class TrainingConfig(Model):
    """Hyperparameters of one PPO run.

    The unit of `steps` is the agent-step: one action of one agent. One update collects
    `rollout_length` steps in each of `worlds` worlds; its rows are the agents of all worlds.
    """

    missions: tuple[str, ...] = Field(
        default=(),
        description="training missions, at the same time on equal shares of the worlds, or one "
        "after the other with a `curriculum`; empty: the evaluation missions",
    )
    curriculum: tuple[Annotated[Int, Field(ge=1)], ...] = Field(
        default=(),
        description="agent-steps of each training mission, in this order; empty: a run trains on "
        "all missions at the same time",
    )
    steps: Int = Field(
        default=4_000_000,
        ge=1,
        description="total agent-steps of a run (total_timesteps elsewhere)",
    )
    worlds: Int = Field(
        default=64,
        ge=1,
        le=1_000_000,
        description="number of worlds (parallel environments, num_envs elsewhere)",
    )
    rollout_length: Int = Field(
        default=32,
        ge=1,
        le=100_000,
        description="steps of each world per update (num_steps or n_steps elsewhere)",
    )
    epochs: Int = Field(
        default=1,
        ge=1,
        le=100,
        description="number of epochs per update (update_epochs or n_epochs elsewhere)",
    )
    minibatches: Int = Field(
        default=8,
        ge=1,
        description="number of minibatches per epoch, each with at least 2 samples "
        "(num_minibatches elsewhere)",
    )
    learning_rate: Float = Field(
        default=2e-3, gt=0, le=1, description="initial learning rate of Adam"
    )
    anneal: bool = Field(
        default=True,
        description="true: the learning rate falls linearly to 0 (anneal_lr elsewhere)",
    )
    anneal_steps: Int | None = Field(
        default=None,
        ge=1,
        description="agent-steps after which an annealed learning rate is 0; null: `steps`",
    )
    gamma: Float = Field(default=0.99, ge=0, le=1, description="discount factor per step")
    gae_lambda: Float = Field(
        default=0.95, ge=0, le=1, description="lambda of generalized advantage estimation (GAE)"
    )
    clip: Float = Field(
        default=0.2,
        gt=0,
        le=1,
        description="clipping range of the PPO probability ratio (clip_coef or clip_range "
        "elsewhere)",
    )
    value_coef: Float = Field(
        default=0.5, ge=0, description="weight of the value loss (vf_coef elsewhere)"
    )
    entropy_coef: Float = Field(
        default=0.01, ge=0, description="weight of the entropy bonus (ent_coef elsewhere)"
    )
    max_grad_norm: Float = Field(default=0.5, gt=0, description="maximum norm of the gradient")
    critic: Literal["own", "team"] = Field(
        default="own",
        # A run without a team critic keeps the name it had before this key.
        exclude_if=lambda critic: critic == "own",
        description="observations that the value function receives in training: own: those of the "
        "agent; team: those of all agents of its world (MAPPO)",
    )
    precision: Literal["float32", "bfloat16"] = Field(
        default="float32", description="number format of the matrix products in training"
    )
    initial_weights: InputPath | None = Field(
        default=None,
        min_length=1,
        description="file with the initial weights, a policy.safetensors; null: random weights",
    )
    teacher: Literal["auto", "baseline"] | None = Field(
        default="auto",
        description="policy that the network imitates in the first `teacher_steps`; null: none; "
        "auto: none or, where PPO hardly finds a first heart, behavior cloning of baseline",
    )
    teacher_steps: Int = Field(
        default=0, ge=0, description="agent-steps of imitation at the start of the run"
    )
    final_teacher_share: Float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="share of the worlds in which the teacher acts at the end of the imitation; it "
        "falls linearly from 1. With 1 the imitation is behavior cloning",
    )
    teacher_share_steps: Int | None = Field(
        default=None,
        ge=1,
        description="agent-steps after which the teacher's share is `final_teacher_share`; null: "
        "teacher_steps",
    )
    end_at_ceiling: bool = Field(
        default=False,
        description="true: an episode of training ends when its score equals the proven ceiling of "
        "the mission, since no later action can increase it",
    )
    shaping: dict[str, Float] = Field(
        default={},
        description="extra training reward per unit of a game statistic; scores omit this reward",
    )

    evaluate_every: Int | None = Field(
        default=None,
        ge=1,
        description="agent-steps between two evaluations during training; null: none. They add "
        "eval_score to the learning curve and do not change the weights",
    )
    evaluate_episodes: Int = Field(
        default=32,
        ge=2,
        le=100_000,
        description="episodes per training mission of an evaluation during training",
    )
    evaluate_greedy: bool = Field(
        default=False,
        description="true: evaluations during training choose the most probable action; false: "
        "they sample actions",
    )
    keep_best: Literal["eval_score"] | None = Field(
        default=None,
        description="eval_score: the run's weights are those with the best evaluation during "
        "training; null: the last ones",
    )
    stop_when: EarlyStop | None = Field(
        default=None, description="rule that ends a run early; null: a run has all `steps`"
    )
    checkpoint_every: Int | None = Field(
        default=None,
        ge=1,
        description="agent-steps between two checkpoints, runs/RUN/checkpoints/STEPS.safetensors; "
        "null: none",
    )

    @model_validator(mode="after")
    def _check_evaluations_and_checkpoints(self) -> Self:
        for key in ("evaluate_every", "checkpoint_every"):
            interval = getattr(self, key)
            # An extendable run may be the first part of a longer one, as in successive halving.
            if interval is not None and interval > self.steps and not self.is_extendable:
                raise ValueError(f"{key}: got {interval}; expected at most steps, {self.steps}")
        if self.evaluate_every is None:
            for key in ("keep_best", "stop_when"):
                if getattr(self, key) is not None:
                    raise ValueError(f"{key}: got a value without evaluate_every; expected null")
        if len(self.checkpoint_steps()) > MAX_CHECKPOINTS:
            raise ValueError(
                f"checkpoint_every: got {self.checkpoint_every} for {self.steps} steps; expected "
                f"at most {MAX_CHECKPOINTS} checkpoints"
            )
        return self

    @model_validator(mode="after")
    def _check_lr_anneal_steps(self) -> Self:
        if self.anneal_steps is None:
            return self
        if not self.anneal:
            raise ValueError(
                f"anneal_steps: got {self.anneal_steps} with anneal: false; expected null"
            )
        if self.anneal_steps < self.steps:
            raise ValueError(
                f"anneal_steps: got {self.anneal_steps}; expected at least steps, which is "
                f"{self.steps}"
            )
        return self

    @model_validator(mode="after")
    def _check_teacher_has_steps(self) -> Self:
        has_teacher = self.teacher == "baseline"
        if has_teacher != (self.teacher_steps > 0):
            raise ValueError(
                f"teacher_steps: got {self.teacher_steps} with teacher: {self.teacher or 'null'}; "
                "expected at least 1 with teacher: baseline, 0 without"
            )
        if self.final_teacher_share > 0 and not has_teacher:
            raise ValueError(
                f"final_teacher_share: got {self.final_teacher_share:g} with teacher: "
                f"{self.teacher or 'null'}; expected 0 without teacher: baseline"
            )
        if self.teacher_share_steps is not None and self.teacher_share_steps > self.teacher_steps:
            raise ValueError(
                f"teacher_share_steps: got {self.teacher_share_steps} with teacher_steps: "
                f"{self.teacher_steps}; expected at most teacher_steps"
            )
        return self

    @model_validator(mode="after")
    def _check_curriculum_sum(self) -> Self:
        if not self.curriculum:
            return self
        if len(self.curriculum) != len(self.missions):
            raise ValueError(
                f"curriculum: got {len(self.curriculum)} stages; expected one for each of the "
                f"{len(self.missions)} training missions"
            )
        if sum(self.curriculum) != self.steps:
            raise ValueError(
                f"curriculum: got {sum(self.curriculum)} steps in total; expected steps, which is "
                f"{self.steps}"
            )
        return self

    def split_worlds(self, num_missions: int) -> list[int]:
        """Return the number of worlds of each mission, as equal as possible."""
        share, remainder = divmod(self.worlds, num_missions)
        return [share + (index < remainder) for index in range(num_missions)]

    def teacher_share_of_worlds(self, steps_done: int) -> float:
        """Return the share of the worlds in which the teacher acts, after this many agent-steps.

        It falls linearly from 1 at the start to `final_teacher_share` after `teacher_share_steps`.
        """
        decay = min(1, steps_done / (self.teacher_share_steps or self.teacher_steps))
        return 1 - (1 - self.final_teacher_share) * decay

    def checkpoint_steps(self) -> range:
        """Return the agent-steps that name the checkpoints of a run without an early stop."""
        if self.checkpoint_every is None:
            return range(0)
        return range(self.checkpoint_every, self.steps + 1, self.checkpoint_every)

    @property
    def lr_decay_steps(self) -> int | None:
        """Agent-steps over which the learning rate decays to 0; None without decay."""
        return (self.anneal_steps or self.steps) if self.anneal else None

    @property
    def is_extendable(self) -> bool:
        """True if a longer run has the same first updates as this one."""
        return self.lr_decay_steps != self.steps

    @property
    def is_behavior_cloning(self) -> bool:
        """True if a teacher acts in all worlds during the whole run."""
        covers_run = self.teacher_steps >= self.steps
        return bool(self.teacher) and covers_run and self.final_teacher_share == 1

    @model_validator(mode="after")
    def _check_enough_worlds_for_missions(self) -> Self:
        needed = 1 if self.curriculum else len(self.missions)
        if self.worlds < needed:
            raise ValueError(
                f"worlds: got {self.worlds}; expected at least {needed}, one per training mission"
            )
        return self
