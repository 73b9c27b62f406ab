"""A training that goes on update by update: what it is made of, its learning curve, its state."""

import contextlib
import inspect
import math
import time
from concurrent.futures import Executor
from typing import Any

import numpy as np
import torch

from daf.config import ConfigError
from daf.learn.collector import RolloutCollector
from daf.learn.cuda_graph import CapturedFunction
from daf.learn.curriculum import CurriculumStage, build_curriculum, learning_rate
from daf.learn.ppo import METRICS, PPOLearner
from daf.learn.ranks import SINGLE_RANK, Ranks
from daf.learn.result import TrainingResult
from daf.learn.resume import check_same_structure
from daf.plan import Run
from daf.policies.checks import check_forward
from daf.policies.factory import make_policy
from daf.policies.game import Game
from daf.policies.registry import PolicySpec, is_foreign
from daf.policies.trainable import TrainablePolicy
from daf.policies.user_code import blamed_on
from daf.provenance.hashing import file_digest

STREAM_INIT, STREAM_MINIBATCHES = 1, 2
SYNC_EVERY = 16
"""Updates after which a GPU is asked how they went; each time it would have to be waited for."""


class DivergedError(ValueError):
    """The reward, a loss, another metric or the gradient of an update is not finite."""


class Trainer:
    """A training of one run, from its first update or from a saved state.

    Attributes:
        run: everything that decides the result.
        lesson: what is trained on now.
        policy, learner, collector: its parts; the collector is the lesson's.
        updates: how many there are in all.
        made: how many so far.
        seconds: spent on "env", "forward" and "learn" so far.
    """

    def __init__(
        self,
        run: Run,
        device: str = "cpu",
        initial_weights: str | None = None,
        executor: Executor | None = None,
        ranks: Ranks = SINGLE_RANK,
    ):
        """
        Args:
            device: where.
            initial_weights: the file with the run's `initial_digest`, if it has one.
            executor: computes parts of an update side by side; the result is the same.
            ranks: those that train together; the result is the same but for rounding.

        Raises:
            ConfigError: the policy cannot play the missions, or cannot learn.
        """
        self.run = run
        self.device = device
        config = run.training
        self.policy = _new_policy(run, device, initial_weights)
        self.ranks = ranks
        self.learner = PPOLearner(self.policy, config, executor, ranks)
        self._lessons = build_curriculum(run)
        self.num_updates = self._lessons[-1].end_update
        self.updates_done = 0
        self.seconds = {"env": 0.0, "forward": 0.0, "learn": 0.0}
        self._curve: list[dict[str, Any]] = []
        self._pending_metrics: list[torch.Tensor] = []
        self._rates: list[float] = []
        # The share of the worlds that a teacher plays.
        self._teacher_share = torch.zeros((), dtype=torch.float64, device=device)
        self._enter_stage(self._lessons[0])

    def _enter_stage(self, lesson: CurriculumStage) -> None:
        """Let a lesson be the one that is trained on now."""
        config = self.run.training
        self.lesson = lesson
        with self._blamed():
            self.collector = RolloutCollector(
                self.policy, lesson.missions, config, lesson.seed, self.device, self.ranks
            )
        self.learner.row_numbers = self.collector.row_numbers.to(self.policy.device)
        collect = self.collector.collect
        parts = [collect, lambda: collect(self._teacher_share), self._learn_from_rollout]
        # How many rows of a minibatch are a rank's own is only known on the device, for which a
        # recording cannot wait; and NCCL asks the device meanwhile, which a recording forbids.
        if self.ranks.count == 1:
            parts = [CapturedFunction(part, self.device) for part in parts]
        self._collect, self._imitate, self._learn = parts

    def _enter_stage_of(self, update: int) -> None:
        """Begin the lesson that an update, by its number, belongs to, if another goes on."""
        lesson = self._stage_of(update)
        if lesson is not self.lesson:
            self.sync_metrics()
            self._enter_stage(lesson)

    def _stage_of(self, update: int) -> CurriculumStage:
        """The lesson that an update, by its number, belongs to."""
        return next(lesson for lesson in self._lessons if update < lesson.end_update)

    @property
    def steps(self) -> int:
        """Agent-steps so far."""
        return self._stage_of(max(self.updates_done - 1, 0)).steps_after(self.updates_done)

    @property
    def done(self) -> bool:
        """All updates are made."""
        return self.updates_done >= self.num_updates

    def run_update(self) -> None:
        """Make one update.

        Raises:
            DivergedError: the training diverged, with the update and the likely remedy; on a GPU
                it is found out some updates later.
        """
        config = self.run.training
        self._enter_stage_of(self.updates_done)
        rate = learning_rate(config, self._lessons, self.steps)
        shuffle = _generator(self.run.training_seed, STREAM_MINIBATCHES, self.updates_done)
        self.learner.prepare_update(rate, self.collector.total_rows, shuffle)
        before = dict(self.collector.seconds)
        with self._blamed():
            if self.steps < config.teacher_steps:
                self._teacher_share.fill_(1 - self.steps / config.teacher_steps)
                self._imitate()
            else:
                self._collect()
            begin = time.perf_counter()
            self._pending_metrics.append(self._learn().clone())
        self.seconds["learn"] += time.perf_counter() - begin
        for part, seconds in self.collector.seconds.items():
            self.seconds[part] += seconds - before[part]
        self._rates.append(rate)
        self.updates_done += 1
        if self.device == "cpu" or self.updates_done % SYNC_EVERY == 0 or self.done:
            self.sync_metrics()

    def _blamed(self) -> contextlib.AbstractContextManager[None]:
        """Inside, what the code of a foreign network raises is blamed on it."""
        if not is_foreign(self.run.class_path):
            return contextlib.nullcontext()
        return blamed_on(self.run.class_path, inspect.getsourcefile(type(self.policy)))

    @property
    def curve(self) -> list[dict[str, Any]]:
        """A row for each update so far.

        Raises:
            DivergedError: as `advance`.
        """
        self.sync_metrics()
        return self._curve

    def _learn_from_rollout(self) -> torch.Tensor:
        """Learn from the rollout that was collected, as prepared; what is to be known of the
        update, float64."""
        rollout, advantage = self.collector.rollout, self.collector.advantage
        losses = self.learner.update(rollout, advantage)
        returns = rollout.values + advantage
        (reward, _), (_, total), (_, rest) = self.ranks.mean_var(
            [rollout.rewards, returns, advantage]
        )
        # Share of the returns' variance that the values explain; NaN where there is next to none.
        explained = 1 - rest / total
        explained = torch.where(explained.isfinite(), explained, math.nan)
        others = [reward, explained]
        return torch.cat([self.collector.finished_scores(), torch.stack(others), losses])

    def sync_metrics(self) -> None:
        """Wait for the device, and take what is known of the last updates into the curve.

        Raises:
            DivergedError: as `advance`.
        """
        if not self._pending_metrics:
            return
        names = (*self.collector.score_names, "reward", "explained_variance", *METRICS)
        for rate, found in zip(self._rates, torch.stack(self._pending_metrics).tolist()):
            number = len(self._curve)
            steps = self.lesson.steps_after(number + 1)
            row = {"update": number, "steps": steps, "learning_rate": rate} | dict(
                zip(names, found)
            )
            if lost := [name for name in ("reward", *METRICS) if not math.isfinite(row[name])]:
                raise DivergedError(
                    f"training {self.run.name} diverged in update {number + 1} of {self.num_updates} "
                    f"({', '.join(lost)}: not finite); try a smaller learning_rate than "
                    f"{self.run.training.learning_rate}"
                )
            self._curve.append(row)
        self._pending_metrics.clear()
        self._rates.clear()

    def state_dict(self) -> dict[str, Any]:
        """All that decides how the training goes on, and its curve; whole on the first rank."""
        return {
            "policy": self.policy.state_dict(),
            "optimizer": self.learner.optimizer.state_dict(),
            "collector": self.ranks.gather(self.collector.state_dict()),
            "curve": self.curve,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` was taken; `check` says whether it can be."""
        self.policy.load_state_dict(state["policy"])
        self.learner.optimizer.load_state_dict(state["optimizer"])
        self._curve = state["curve"]
        self.updates_done = len(self._curve)
        self._enter_stage_of(max(self.updates_done - 1, 0))  # where other ranks have not checked it
        self.collector.load_state_dict(self.ranks.local_part(state["collector"]))

    def check_state(self, state: Any) -> None:
        """What was saved can be a state of this training; the lesson is the state's then.

        Raises:
            ValueError, KeyError, TypeError: it cannot.
        """
        check_same_structure(state["policy"], self.policy.state_dict(), "policy")
        if not all(tensor.isfinite().all() for tensor in state["policy"].values()):
            raise ValueError("policy has numbers that are not finite")
        rows = state["curve"]
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise ValueError("curve is no list of rows")
        if not all(isinstance(value, int | float) for row in rows for value in row.values()):
            raise ValueError("curve has something that is no number")
        self._enter_stage_of(min(max(len(rows), 1), self.num_updates) - 1)
        collector = self.ranks.local_part(state["collector"])
        check_same_structure(collector, self.collector.state_dict(), "collector")
        groups, moments = state["optimizer"]["param_groups"], state["optimizer"]["state"]
        check_same_structure(
            groups, self.learner.optimizer.state_dict()["param_groups"], "optimizer"
        )
        for number, parameter in enumerate(self.policy.parameters()):
            like = {"step": torch.zeros(()), "exp_avg": parameter, "exp_avg_sq": parameter}
            if number in moments:
                check_same_structure(moments[number], like, f"optimizer.{number}")

    def result(self) -> TrainingResult:
        """What it has come to."""
        return TrainingResult.of(self.run, self.policy, self.curve, self.device, self.steps)


def _new_policy(run: Run, device: str, initial_weights: str | None) -> TrainablePolicy:
    """The policy to train: from the run's initial weights, or drawn from its seed."""
    try:
        game = Game.of(*run.missions)
    except ValueError as error:
        raise ConfigError(f"training {run.name}: {error}") from None
    if run.initial_digest != (initial_weights and file_digest(initial_weights)):
        raise ConfigError(f"training {run.name}: {initial_weights} are not its initial weights")
    spec = PolicySpec(run.class_path, initial_weights, run.init_kwargs)
    policy = make_policy(spec, game, device, seed=_seed(run.training_seed, STREAM_INIT, 0))
    if not isinstance(policy, TrainablePolicy):
        raise ConfigError(f"policy '{run.class_path}' cannot be trained: not a TrainablePolicy")
    check_forward(run.class_path, policy)
    return policy


def _seed(*words: int) -> int:
    return int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0] >> np.uint64(1))


def _generator(*words: int) -> torch.Generator:
    return torch.Generator().manual_seed(_seed(*words))
