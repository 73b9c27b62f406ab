"""Training settings of a policy: one for all missions, or separate ones for single missions."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from daf.config import BenchmarkConfig, ConfigError, EvaluationMission, PolicyConfig, TrainingConfig
from daf.plan.plan import Plan


class MissionGroupTraining(NamedTuple):
    """Hyperparameters of some runs of a policy, and the missions of their evaluations.

    Attributes:
        training: hyperparameters.
        evaluation_missions: names of the evaluation missions.
    """

    training: TrainingConfig
    evaluation_missions: tuple[str, ...]


def group_missions_by_training(plan: Plan, policy: PolicyConfig) -> list[MissionGroupTraining]:
    """Return the training settings of a policy, at least one.

    Missions without `training` share one setting. A mission with `training` has its own setting,
    which trains on this mission by default.

    Args:
        plan: plan with its missions.
        policy: policy that DAF trains.

    Raises:
        ConfigError: invalid hyperparameters, or a key that policy and mission set.
    """
    shared = plan.config.training.resolved()
    settings = []
    entries = list(zip(plan.missions, plan.config.missions, strict=True))
    if without_training := tuple(name for name, entry in entries if entry.training is None):
        training = TrainingConfig.parse(shared | policy.training, "key 'training'")
        settings.append(MissionGroupTraining(training, without_training))
    for number, (name, entry) in enumerate(entries):
        if entry.training is None:
            continue
        if both := sorted(entry.training.keys() & policy.training.keys()):
            raise ConfigError(
                f"key 'training.{both[0]}': set here and by 'missions.{number}.training'; "
                "expected one of them"
            )
        training = TrainingConfig.parse(
            _merge_mission_training_settings(plan.config.training, entry) | policy.training,
            "key 'training'",
        )
        settings.append(MissionGroupTraining(training, (name,)))
    return settings


def check_mission_training_overrides(config: BenchmarkConfig) -> None:
    """Check the `training` of each evaluation mission, also if no policy is trained.

    Raises:
        ConfigError: invalid hyperparameters.
    """
    for number, entry in enumerate(config.missions):
        if entry.training is not None:
            TrainingConfig.parse(
                _merge_mission_training_settings(config.training, entry),
                f"key 'missions.{number}.training'",
            )


def _merge_mission_training_settings(
    common_training: TrainingConfig, evaluation_mission: EvaluationMission
) -> dict[str, Any]:
    """Return the settings of separate runs; they train on the mission without a curriculum."""
    own_missions = {"missions": [evaluation_mission.mission], "world_shares": [], "curriculum": []}
    return common_training.resolved() | own_missions | (evaluation_mission.training or {})


def check_runs_shared_or_per_mission(
    missions_by_run: Mapping[str, tuple[str, ...]], policy_label: str
) -> None:
    """Check that all missions have common runs or that each mission has separate ones.

    The overall statistics need independent missions, or complete rows of missions by run.

    Args:
        missions_by_run: names of the evaluation missions of each run.
        policy_label: label of the policy, for the error.

    Raises:
        ConfigError: some missions have common runs, and others separate ones.
    """
    counts = Counter(missions_by_run.values())
    if len(counts) > 1 and any(len(missions) > 1 for missions in counts):
        common = max(counts, key=len)
        raise ConfigError(
            f"key 'missions': policy '{policy_label}' has common runs for {', '.join(common)} and "
            "separate runs for others; expected 'training' for each mission or for none, and "
            "different training for each"
        )
