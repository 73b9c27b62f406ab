"""One training from beginning to end: a `Run` in, weights and a learning curve out."""

import dataclasses
import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import torch

from daf.config import ConfigError
from daf.learn.ppo import METRICS, update
from daf.learn.resume import Resume, check_alike
from daf.learn.rollout import Collector
from daf.plan import Run
from daf.policies.game import Game
from daf.policies.registry import PolicySpec
from daf.policies.spec import make_policy
from daf.policies.trainable import TrainablePolicy
from daf.provenance import file_digest, versions

STREAM_INIT, STREAM_MINIBATCHES = 1, 2
PROGRESS_SECONDS = 10.0


@dataclasses.dataclass(frozen=True)
class Trained:
    """What a training leaves behind."""

    policy: TrainablePolicy
    metrics: pd.DataFrame  # one row per update
    description: dict[str, Any]  # the content of run.json
    card: dict[str, Any]  # the content of policy.json


class DivergedError(ValueError):
    """The loss or the weights are not finite any more."""


def train(
    run: Run,
    device: str = "cpu",
    initial_weights: str | None = None,
    report: Callable[[str], None] = print,
    resume: Resume | None = None,
) -> Trained:
    """Train a policy.

    Args:
        run: everything that decides the result.
        initial_weights: the file with the run's `initial_digest`, if it has one.
        device: where; results are equal byte for byte on one kind of device and thread count.
        report: receives one line of progress every 10 seconds.
        resume: where the state is kept, and taken from if there is one; the result is the same.

    Raises:
        ConfigError: the policy cannot play the missions, or cannot learn.
        DivergedError: the training diverged, with the update and the likely remedy.
        KeyboardInterrupt: `resume` was asked to stop, and has saved the state.
    """
    config = run.training
    missions = list(run.missions)
    policy = _new_policy(run, device, initial_weights)
    optimizer = torch.optim.Adam(policy.parameters(), lr=config.learning_rate, eps=1e-5, fused=True)
    collector = Collector(policy, missions, config, run.training_seed, device)
    steps_per_update = config.rollout_length * collector.rows
    updates = math.ceil(config.steps / steps_per_update)
    annealed = math.ceil(config.horizon / steps_per_update) if config.horizon else math.inf
    curve: list[dict[str, Any]] = []

    def check(state: dict[str, Any]) -> None:
        _check_state(state, policy, optimizer, collector)

    if resume and (state := resume.load(device, check)) and len(state["curve"]) <= updates:
        policy.load_state_dict(state["policy"])
        optimizer.load_state_dict(state["optimizer"])
        collector.load_state_dict(state["collector"])
        curve = state["curve"]
        report(f"{run.name}: goes on after update {len(curve)} of {updates}")
    progress = _Progress(run.name, len(curve), updates, steps_per_update, collector, report)

    def state_now() -> dict[str, Any]:
        parts = {"policy": policy, "optimizer": optimizer, "collector": collector}
        return {name: part.state_dict() for name, part in parts.items()} | {"curve": curve}

    for number in range(len(curve), updates):
        rate = config.learning_rate * (1 - number / annealed)
        for group in optimizer.param_groups:
            group["lr"] = rate
        rollout, advantage = collector.collect()
        begin = time.perf_counter()
        shuffle = _generator(run.training_seed, STREAM_MINIBATCHES, number)
        losses = update(policy, optimizer, rollout, advantage, config, shuffle)
        progress.learning += time.perf_counter() - begin
        row = {"update": number, "steps": (number + 1) * steps_per_update, "learning_rate": rate}
        row |= collector.finished_scores()
        row["reward"] = float(rollout.rewards.mean())
        row["explained_variance"] = _explained(rollout.values, advantage)
        row |= dict(zip(METRICS, losses.tolist()))
        if not math.isfinite(row["gradient_norm"]):
            raise DivergedError(
                f"training {run.name} diverged in update {number + 1} of {updates} "
                f"(the gradient is not finite); try a smaller learning_rate than "
                f"{config.learning_rate}"
            )
        curve.append(row)
        progress.tell(number + 1, row["score"])
        if resume:
            resume.after_update(state_now, last=number + 1 == updates)
    description = _describe(run, policy, device, updates * steps_per_update)
    return Trained(policy, pd.DataFrame(curve), description, _card(run, policy))


def _check_state(
    state: Any, policy: TrainablePolicy, optimizer: torch.optim.Optimizer, collector: Collector
) -> None:
    """What was saved can be a state of this training.

    Raises:
        ValueError, KeyError, TypeError: it cannot.
    """
    check_alike(state["policy"], policy.state_dict(), "policy")
    if not all(tensor.isfinite().all() for tensor in state["policy"].values()):
        raise ValueError("policy has numbers that are not finite")
    check_alike(state["collector"], collector.state_dict(), "collector")
    groups, moments = state["optimizer"]["param_groups"], state["optimizer"]["state"]
    check_alike(groups, optimizer.state_dict()["param_groups"], "optimizer")
    for number, parameter in enumerate(policy.parameters()):
        like = {"step": torch.zeros(()), "exp_avg": parameter, "exp_avg_sq": parameter}
        if number in moments:
            check_alike(moments[number], like, f"optimizer.{number}")
    rows = state["curve"]
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError("curve is no list of rows")
    if not all(isinstance(value, int | float) for row in rows for value in row.values()):
        raise ValueError("curve has something that is no number")


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
    return policy


def _seed(*words: int) -> int:
    return int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0] >> np.uint64(1))


def _generator(*words: int) -> torch.Generator:
    return torch.Generator().manual_seed(_seed(*words))


def _explained(values: torch.Tensor, advantage: torch.Tensor) -> float:
    """Share of the returns' variance that the values explain; NaN where there is none."""
    total = (values + advantage).var()
    return float(1 - advantage.var() / total) if total > 0 else math.nan


def _describe(run: Run, policy: TrainablePolicy, device: str, steps: int) -> dict[str, Any]:
    return {
        "run": run.name,
        "policy": run.policy,
        "class_path": run.class_path,
        "init_kwargs": run.init_kwargs,
        "initial_digest": run.initial_digest,
        "training_seed": run.training_seed,
        "training": run.training.resolved(),
        "missions": [mission.name for mission in run.missions],
        "steps": steps,
        "parameters": sum(parameter.numel() for parameter in policy.parameters()),
        "device": torch.device(device).type,
        "versions": versions(),
    }


def _card(run: Run, policy: TrainablePolicy) -> dict[str, Any]:
    """What is needed to use the weights: class, arguments, shapes, the game they were made for."""
    game = policy.game
    return {
        "class_path": run.class_path,
        "init_kwargs": run.init_kwargs,
        "shapes": {name: list(t.shape) for name, t in sorted(policy.state_dict().items())},
        "missions": [mission.name for mission in run.missions],
        "num_actions": game.num_actions,
        "num_tokens": game.num_tokens,
        "window": list(game.window),
        "features": list(game.features),
        "versions": versions(),
    }


class _Progress:
    """The four numbers people ask for while they wait, as one line per interval."""

    def __init__(self, name, first, updates, steps_per_update, collector, report):
        self.name = name
        self.first = first
        self.updates = updates
        self.steps_per_update = steps_per_update
        self.collector = collector
        self.report = report
        self.learning = 0.0
        self.begin = self.last = time.perf_counter()
        self.score = math.nan

    def tell(self, done: int, score: float) -> None:
        if not math.isnan(score):
            self.score = score
        now = time.perf_counter()
        if now - self.last < PROGRESS_SECONDS and done < self.updates:
            return
        self.last = now
        spent = now - self.begin
        steps = done * self.steps_per_update
        shares = {**self.collector.seconds, "learn": self.learning}
        parts = " ".join(f"{part} {100 * s / spent:.0f}%" for part, s in shares.items())
        done_now = done - self.first
        left = spent / done_now * (self.updates - done)
        speed = done_now * self.steps_per_update / spent
        self.report(
            f"{self.name}: {steps:,} steps, {speed:,.0f}/s, {parts}, "
            f"score {self.score:.1f}, {left:.0f} s left"
        )
