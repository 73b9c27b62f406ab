"""What a training leaves behind."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch

from daf.plan import Run
from daf.policies.trainable import TrainablePolicy
from daf.provenance.packages import versions


@dataclass(frozen=True)
class TrainingResult:
    """A trained policy, and what is to be known of it.

    Attributes:
        metrics: one row per update.
        description: the content of run.json.
        card: the content of policy.json.
    """

    policy: TrainablePolicy
    metrics: pd.DataFrame
    run_json: dict[str, Any]
    policy_json: dict[str, Any]

    @classmethod
    def of(
        cls,
        run: Run,
        policy: TrainablePolicy,
        curve: Sequence[dict[str, Any]],
        device: str,
        steps: int,
    ) -> "TrainingResult":
        """What a run has come to on a device after so many agent-steps."""
        description = _run_json(run, policy, device, steps)
        return cls(policy, pd.DataFrame(curve), description, _policy_json(run, policy))


def _run_json(run: Run, policy: TrainablePolicy, device: str, steps: int) -> dict[str, Any]:
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


def _policy_json(run: Run, policy: TrainablePolicy) -> dict[str, Any]:
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
