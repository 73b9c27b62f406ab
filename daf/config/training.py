"""Configuration of a training run: hyperparameters with defaults and ranges."""

from typing import Literal, Self

from pydantic import Field, model_validator

from daf.config.model import Float, Int, Model
from daf.config.paths import InputPath
from daf.config.training_worlds import TrainingWorlds

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


class TrainingConfig(TrainingWorlds):
    """Hyperparameters of one PPO run.

    The unit of `steps` is the agent-step: one action of one agent. One update collects
    `rollout_length` steps in each of `worlds` worlds; its rows are the agents of all worlds.
    """

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
    reference_kl_coef: Float = Field(
        default=0.0,
        ge=0,
        # A run without a reference policy keeps the name it had before these three keys.
        exclude_if=lambda coefficient: coefficient == 0,
        description="weight of the KL divergence from the reference policy in the loss of PPO. "
        "The reference policy is the network at the end of the imitation, or with its "
        "initial weights. 0: none",
    )
    reference_kl_steps: Int | None = Field(
        default=None,
        ge=1,
        exclude_if=lambda steps: steps is None,
        description="agent-steps of PPO after which this weight has fallen linearly to 0; null: "
        "the weight is constant",
    )
    value_warmup_steps: Int = Field(
        default=0,
        ge=0,
        exclude_if=lambda steps: steps == 0,
        description="agent-steps at the start of PPO that optimize only the value function, and "
        "keep the policy close to the reference policy",
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
    def _check_reference_policy(self) -> Self:
        for key, expected in {"reference_kl_steps": "null", "value_warmup_steps": "0"}.items():
            if getattr(self, key) and not self.reference_kl_coef:
                raise ValueError(
                    f"{key}: got {getattr(self, key)} without reference_kl_coef; "
                    f"expected {expected}"
                )
        no_ppo = self.teacher_steps + self.value_warmup_steps >= self.steps
        if self.reference_kl_coef and no_ppo:
            raise ValueError(
                f"reference_kl_coef: got {self.reference_kl_coef:g}, but teacher_steps and "
                f"value_warmup_steps fill the {self.steps} steps; expected steps of PPO after them"
            )
        return self

    def teacher_share_of_worlds(self, steps_done: int) -> float:
        """Return the share of the worlds in which the teacher acts, after this many agent-steps.

        It falls linearly from 1 at the start to `final_teacher_share` after `teacher_share_steps`.
        """
        decay = min(1, steps_done / (self.teacher_share_steps or self.teacher_steps))
        return 1 - (1 - self.final_teacher_share) * decay

    def reference_kl_coef_after(self, steps_done: int) -> float:
        """Return the weight of the KL divergence after this many agent-steps, 0 during imitation.

        It is constant, or falls linearly to 0 over `reference_kl_steps` from the end of the
        imitation.
        """
        ppo_steps = steps_done - self.teacher_steps
        if ppo_steps < 0:
            return 0.0
        decay = min(1, ppo_steps / self.reference_kl_steps) if self.reference_kl_steps else 0
        return self.reference_kl_coef * (1 - decay)

    def is_value_warmup(self, steps_done: int) -> bool:
        """Return True if the next update optimizes only the value function."""
        return 0 <= steps_done - self.teacher_steps < self.value_warmup_steps

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
