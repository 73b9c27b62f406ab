"""Training settings of a policy: one for all missions, or separate ones for single missions."""

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from daf.config import ConfigError, PolicyConfig, TrainingConfig
from daf.errors import error_context
from daf.plan.plan import Plan


class TrainingSetting(NamedTuple):
    """Hyperparameters of some runs of a policy, and the missions of their evaluations.

    Attributes:
        training: hyperparameters.
        evaluation_missions: names of the evaluation missions.
    """

    training: TrainingConfig
    evaluation_missions: tuple[str, ...]


def training_settings_by_mission(plan: Plan, policy: PolicyConfig) -> list[TrainingSetting]:
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
        settings.append(TrainingSetting(training, without_training))
    for number, (name, entry) in enumerate(entries):
        if entry.training is None:
            continue
        if both := sorted(entry.training.keys() & policy.training.keys()):
            raise ConfigError(
                f"key 'training.{both[0]}': set here and by 'missions.{number}.training'; "
                "expected one of them"
            )
        overrides = {"missions": [], **entry.training, **policy.training}
        with error_context(f"key 'missions.{number}'"):
            training = TrainingConfig.parse(shared | overrides, "key 'training'")
        settings.append(TrainingSetting(training, (name,)))
    return settings


def check_missions_share_runs_evenly(
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
