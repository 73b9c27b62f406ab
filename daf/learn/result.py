"""Result of a run: policy, learning curve, and the contents of run.json and policy.json."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch

from daf.learn.milestones import find_steps_of_best_or_last_weights, is_stopped_early
from daf.plan import Run
from daf.policies.trainable import TrainablePolicy
from daf.provenance.packages import daf_and_package_versions


@dataclass(frozen=True)
class TrainingResult:
    """A trained policy and its metadata.

    Attributes:
        policy: network with the final weights.
        metrics: learning curve, one row per update.
        run_json: content of run.json.
        policy_json: content of policy.json.
    """

    policy: TrainablePolicy
    metrics: pd.DataFrame
    run_json: dict[str, Any]
    policy_json: dict[str, Any]

    @classmethod
    def from_run(
        cls,
        run: Run,
        policy: TrainablePolicy,
        curve: Sequence[dict[str, Any]],
        device: str,
    ) -> "TrainingResult":
        """Build the result of a run.

        Args:
            run: training run.
            policy: network with the weights of the run.
            curve: one row per update, at least one.
            device: "cpu" or "cuda", device of the run.
        """
        run_json = _build_run_json(run, policy, device, curve)
        return cls(policy, pd.DataFrame(curve), run_json, _build_policy_json(run, policy))


def _build_run_json(
    run: Run, policy: TrainablePolicy, device: str, curve: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "run": run.name,
        "policy": run.policy,
        "class_path": run.class_path,
        "init_kwargs": run.init_kwargs,
        "initial_digest": run.initial_digest,
        "training_seed": run.training_seed,
        "training": run.training.resolved(),
        "missions": [mission.name for mission in run.missions],
        "steps": curve[-1]["steps"],
        "weights_steps": find_steps_of_best_or_last_weights(run.training, curve),
        "stopped_early": is_stopped_early(run.training, curve),
        "parameters": sum(parameter.numel() for parameter in policy.parameters()),
        "device": torch.device(device).type,
        "versions": daf_and_package_versions(),
    }


def _build_policy_json(run: Run, policy: TrainablePolicy) -> dict[str, Any]:
    """Return everything that using the weights requires: class, arguments, shapes, game."""
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
        "versions": daf_and_package_versions(),
    }
