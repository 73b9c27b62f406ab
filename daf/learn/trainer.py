"""Trainer: policy, learner and collector of one run, its learning curve and resume state."""

import contextlib
import inspect
import math
import time
from concurrent.futures import Executor
from typing import Any

import torch

from daf.learn import milestones
from daf.learn.collector import RolloutCollector
from daf.learn.cuda_graph import CapturedFunction
from daf.learn.curriculum import CurriculumStage, build_curriculum, compute_learning_rate
from daf.learn.evaluation import TrainingEvaluator
from daf.learn.initial_networks import STREAM_MINIBATCHES, create_networks, derive_seed
from daf.learn.learning_curve import LearningCurve
from daf.learn.ppo import PPOLearner, list_recorded_metrics
from daf.learn.ranks import SINGLE_RANK, Ranks
from daf.learn.result import TrainingResult
from daf.learn.state_checks import (
    check_adam_state_structure,
    check_curve_rows,
    check_same_structure,
    check_weights,
)
from daf.plan import Run
from daf.policies.registry import runs_foreign_code
from daf.policies.user_code import convert_policy_errors

SYNC_EVERY = 16
"""Updates between two transfers of metrics from a GPU; each transfer waits for the device."""


class Trainer:
    """Training of one run, update by update.

    Args:
        run: training run.
        device: "cpu" or "cuda".
        initial_weights: file with the run's `initial_digest`; None without one.
        executor: thread pool for parts of an update; the result does not depend on it.
        ranks: processes of the run; the result depends on them by rounding only.

    Raises:
        ConfigError: policy that does not fit the missions or is not trainable.

    Attributes:
        run: training run; it decides the result.
        device: "cpu" or "cuda".
        ranks: processes of the run.
        stage: current curriculum stage.
        networks: all networks of the run.
        policy: network in training.
        learner: PPO learner of policy and team critic.
        collector: rollout collector of the stage.
        learning_curve: rows of the completed updates.
        best_policy_state: copy of the weights with the best evaluation; empty without `keep_best`.
        num_updates: number of updates of the run without an early stop.
        updates_done: number of completed updates.
        seconds: time spent on "env", "forward" and "learn", in s.
    """

    def __init__(
        self,
        run: Run,
        device: str = "cpu",
        initial_weights: str | None = None,
        executor: Executor | None = None,
        ranks: Ranks = SINGLE_RANK,
    ):
        self.run = run
        self.device = device
        config = run.training
        self.networks = create_networks(run, device, initial_weights)
        self.policy = self.networks.policy
        self.ranks = ranks
        self.learner = PPOLearner(self.policy, config, executor, ranks, self.networks.team_critic)
        self._curriculum = build_curriculum(run)
        self.num_updates = self._curriculum[-1].end_update
        self.updates_done = 0
        self.seconds = {"env": 0.0, "forward": 0.0, "learn": 0.0}
        evaluates = config.evaluate_every is not None and ranks.is_first
        self._evaluator = TrainingEvaluator(run, self.policy, device) if evaluates else None
        extra_columns = milestones.all_eval_columns(run.missions) if config.evaluate_every else ()
        self.learning_curve = LearningCurve(run, self.num_updates, extra_columns)
        self.best_policy_state: dict[str, torch.Tensor] = {}
        self._teacher_share = torch.zeros((), dtype=torch.float64, device=device)
        self._enter_curriculum_stage(self._curriculum[0])

    def _enter_curriculum_stage(self, stage: CurriculumStage) -> None:
        """Make a curriculum stage the current one, with new worlds."""
        config = self.run.training
        self.stage = stage
        with self._convert_policy_errors():
            self.collector = RolloutCollector(
                self.policy,
                stage.missions,
                config,
                stage.seed,
                self.device,
                self.ranks,
                stage.share_divisors,
                self.networks.team_critic,
                self.networks.reference,
            )
        self.learner.global_rows = self.collector.global_rows.to(self.policy.device)
        collect = self.collector.collect
        parts = [collect, lambda: collect(self._teacher_share), self._learn_from_rollout]
        # Several ranks run without CUDA graphs: the number of local rows of a minibatch depends on
        # data on the device, and NCCL queries the device, which a capture forbids.
        if self.ranks.count == 1:
            parts = [CapturedFunction(part, self.device) for part in parts]
        self._collect, self._imitate, self._learn = parts

    def _enter_stage_containing_update(self, update: int) -> None:
        """Enter the stage of an update, unless it is the current one."""
        stage = self._stage_containing_update(update)
        if stage is not self.stage:
            self.learning_curve.fetch_all_rows()  # the number of metrics differs between stages
            self._enter_curriculum_stage(stage)

    def _stage_containing_update(self, update: int) -> CurriculumStage:
        """Return the curriculum stage of an update."""
        return next(stage for stage in self._curriculum if update < stage.end_update)

    @property
    def steps_done(self) -> int:
        """Agent-steps of the completed updates."""
        stage = self._stage_containing_update(max(self.updates_done - 1, 0))
        return stage.count_agent_steps_of_run(self.updates_done)

    @property
    def total_steps(self) -> int:
        """Agent-steps of all updates of the run."""
        return self._curriculum[-1].count_agent_steps_of_run(self.num_updates)

    @property
    def is_done(self) -> bool:
        """True after the last update, or after an early stop."""
        return self.updates_done >= self.num_updates or self.is_stopped_early

    @property
    def is_stopped_early(self) -> bool:
        """True if the evaluations during training have ended the run."""
        return milestones.is_stopped_early(self.run.training, self.learning_curve.fetched_rows)

    def run_update(self) -> None:
        """Run one update: collect a rollout and optimize the policy on it.

        Raises:
            DivergedError: metric that is not finite; on a GPU up to `SYNC_EVERY` updates later.
        """
        # learning rate and order of rows, on the host
        config, steps_before = self.run.training, self.steps_done
        self._enter_stage_containing_update(self.updates_done)
        rate = compute_learning_rate(config, self._curriculum, steps_before)
        seed = derive_seed(self.run.training_seed, STREAM_MINIBATCHES, self.updates_done)
        self.learner.prepare_update(
            rate,
            self.collector.worlds_of_all_ranks,
            torch.Generator().manual_seed(seed),
            policy_weight=0.0 if config.is_value_warmup(steps_before) else 1.0,
            reference_kl_weight=config.reference_kl_coef_after(steps_before),
        )
        seconds_before = dict(self.collector.seconds)

        # rollout and optimization
        with self._convert_policy_errors():
            imitates = steps_before < config.teacher_steps
            if imitates:
                self._teacher_share.fill_(config.teacher_share_of_worlds(steps_before))
                self._imitate()
            else:
                self._collect()
            start = time.perf_counter()
            metrics = self._learn().clone()
        # during the imitation, the reference policy follows the learner
        if imitates and self.collector.reference_policy:
            recurrent_state = self.collector.recurrent_state
            self.collector.reference_policy.copy_learner(self.policy, recurrent_state)

        # time and metrics
        self.seconds["learn"] += time.perf_counter() - start
        for phase, seconds in self.collector.seconds.items():
            self.seconds[phase] += seconds - seconds_before[phase]
        self.updates_done += 1
        names = (*self.collector.episode_scores.score_metric_names, "reward", "explained_variance")
        names += tuple(list_recorded_metrics(config))
        self.learning_curve.add_update(self.steps_done, rate, names, metrics)
        if self.device == "cpu" or self.updates_done % SYNC_EVERY == 0 or self.is_done:
            self.learning_curve.fetch_all_rows()
        if milestones.is_multiple_crossed(config.evaluate_every, steps_before, self.steps_done):
            self._evaluate_and_keep_best_weights()

    def _evaluate_and_keep_best_weights(self) -> None:
        """Evaluate the policy, and keep its weights if they are the best so far."""
        rows = self.learning_curve.fetch_all_rows()
        start = time.perf_counter()
        with self._convert_policy_errors():
            scores = self._evaluator.evaluate() if self._evaluator else None
        self.learning_curve.add_to_last_row(self.ranks.broadcast_from_first_rank(scores))
        self.seconds["evaluate"] = self.seconds.get("evaluate", 0.0) + time.perf_counter() - start
        if self.run.training.keep_best and milestones.find_best_row(rows) == len(rows) - 1:
            weights = self.policy.state_dict()
            self.best_policy_state = {name: tensor.clone() for name, tensor in weights.items()}

    def _convert_policy_errors(self) -> contextlib.AbstractContextManager[None]:
        """Return a context that attributes errors of a foreign network's code to the policy."""
        if not runs_foreign_code(self.run.class_path):
            return contextlib.nullcontext()
        return convert_policy_errors(self.run.class_path, inspect.getsourcefile(type(self.policy)))

    @property
    def curve(self) -> list[dict[str, Any]]:
        """Learning curve, one row per completed update.

        Raises:
            DivergedError: as in `run_update`.
        """
        return self.learning_curve.fetch_all_rows()

    def _learn_from_rollout(self) -> torch.Tensor:
        """Optimize the policy on the collected rollout; return the metrics of the update."""
        rollout, advantage = self.collector.rollout, self.collector.advantage
        losses = self.learner.update(rollout, advantage)
        returns = rollout.values + advantage
        (reward, _), (_, return_var), (_, residual_var) = self.ranks.compute_mean_var_pairs(
            [rollout.rewards, returns, advantage]
        )
        # NaN where the variance of the returns is close to 0.
        ratio = residual_var / return_var
        explained_variance = torch.where(ratio.isfinite(), 1 - ratio, math.nan)
        scores = self.collector.episode_scores.pop_overall_and_mission_means()
        return torch.cat([scores, torch.stack([reward, explained_variance]), losses])

    def state_dict(self) -> dict[str, Any]:
        """Return everything that decides the remaining updates, and the curve.

        With several ranks the result is complete on the first one.
        """
        networks = self.networks.by_name()
        return {
            "networks": {name: network.state_dict() for name, network in networks.items()},
            "optimizer": self.learner.optimizer.state_dict(),
            "collector": self.ranks.gather_to_first_rank(self.collector.state_dict()),
            "curve": self.curve,
            "best_policy_state": self.best_policy_state,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state of `state_dict` that passed `check_state_and_enter_curriculum_stage`."""
        for name, network in self.networks.by_name().items():
            network.load_state_dict(state["networks"][name])
        self.learner.optimizer.load_state_dict(state["optimizer"])
        self.learning_curve.restore(state["curve"])
        self.best_policy_state = state["best_policy_state"]
        self.updates_done = len(state["curve"])
        # Only the first rank has entered the stage in `check_state_and_enter_curriculum_stage`.
        self._enter_stage_containing_update(max(self.updates_done - 1, 0))
        self.collector.load_state_dict(self.ranks.local_part(state["collector"]))

    def check_state_and_enter_curriculum_stage(self, saved_state: Any) -> None:
        """Check that a saved state fits this run, and enter its curriculum stage.

        Raises:
            ValueError, KeyError, TypeError: state with another structure.
        """
        # weights and learning curve
        for name, network in self.networks.by_name().items():
            check_weights(saved_state["networks"][name], network, name)
        rows, best_policy_state = saved_state["curve"], saved_state["best_policy_state"]
        check_curve_rows(rows)
        if self.run.training.keep_best and milestones.find_best_row(rows) is not None:
            check_weights(best_policy_state, self.policy, "best_policy_state")
        elif best_policy_state != {}:
            raise ValueError("best_policy_state: unexpected structure")

        # collector of the stage
        self._enter_stage_containing_update(min(max(len(rows), 1), self.num_updates) - 1)
        collector = self.ranks.local_part(saved_state["collector"])
        check_same_structure(collector, self.collector.state_dict(), "collector")
        check_adam_state_structure(
            saved_state["optimizer"], self.learner.optimizer, self.learner.network
        )

    def restore_best_weights(self) -> None:
        """Give the policy the weights of the best evaluation, if `keep_best` has stored any."""
        if self.best_policy_state:
            self.policy.load_state_dict(self.best_policy_state)

    def build_result(self) -> TrainingResult:
        """Build the result of the completed updates; `restore_best_weights` comes first."""
        return TrainingResult.from_run(self.run, self.policy, self.curve, self.device)
