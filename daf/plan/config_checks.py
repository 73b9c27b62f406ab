"""Checks of a configuration against its missions, runs and evaluations."""

from pathlib import Path

from daf.config import ConfigError, TrainingConfig, short_json, suggest_choice
from daf.missions import Mission
from daf.missions.ceiling import choose_declared_or_proven_ceiling
from daf.missions.game_statistics import statistic_names
from daf.plan.plan import Plan


def check_file_exists(path: str, config_key: str, content_description: str) -> None:
    """Check that the value of a key is the path of a file.

    Raises:
        ConfigError: no such file.
    """
    if not Path(path).is_file():
        raise ConfigError(
            f"key '{config_key}': no file {short_json(path)}; expected the {content_description}"
        )


def check_enough_worlds(training: TrainingConfig, num_missions: int, num_ranks: int) -> None:
    """Check that each rank has at least 1 world of every mission.

    Raises:
        ConfigError: too few worlds.
    """
    if training.curriculum:
        num_missions = 1
    if min(training.split_worlds(num_missions)) < num_ranks:
        raise ConfigError(
            f"key 'training.worlds': got {training.worlds} for {num_missions} missions; "
            f"expected at least 1 world per mission for each of {num_ranks} ranks"
        )


def check_reference_policy(training: TrainingConfig) -> None:
    """Check that the reference policy, if there is one, is no random network.

    Raises:
        ConfigError: it would have random weights.
    """
    if training.reference_kl_coef and not (training.teacher_steps or training.initial_weights):
        raise ConfigError(
            f"key 'training.reference_kl_coef': got {training.reference_kl_coef:g} without teacher "
            "and initial_weights; expected 0, since random weights are no reference"
        )


def check_shaping_statistics(training: TrainingConfig, missions: tuple[Mission, ...]) -> None:
    """Check that every mission has the game statistics of the shaping.

    Raises:
        ConfigError: unknown game statistic.
    """
    for mission in missions:
        for name in training.shaping:
            names = statistic_names(mission)
            if name not in names:
                raise ConfigError(
                    f"key 'training.shaping': unknown statistic '{name}' for mission "
                    f"{mission.name}; {suggest_choice(name, names)}"
                )


def check_evaluations_end_and_can_reach_stop(
    training: TrainingConfig, missions: tuple[Mission, ...]
) -> None:
    """Check that evaluations during training end, and that they can reach `stop_when`.

    Raises:
        ConfigError: mission without an end, or a score above the ceiling.
    """
    if training.evaluate_every is None:
        return
    for mission in missions:
        if mission.max_steps == 0:
            raise ConfigError(
                f"key 'training.evaluate_every': mission {mission.name} has no end "
                "(max_steps: 0); expected null"
            )
    ceilings = [choose_declared_or_proven_ceiling(mission) for mission in missions]
    if training.stop_when is None:
        return
    highest, meaning = ceilings[0], "the ceiling of the training mission"
    if len(missions) > 1:
        highest, meaning = 1.0, "since with several training missions it is a share of the ceiling"
    if highest is not None and training.stop_when.eval_score > highest:
        raise ConfigError(
            f"key 'training.stop_when.eval_score': got {training.stop_when.eval_score:g}; expected "
            f"at most {highest:g}, {meaning}"
        )


def check_minibatches_have_two_samples(
    training: TrainingConfig, missions: tuple[Mission, ...]
) -> None:
    """Check that PPO has minibatches of 2 or more samples: a single normalized advantage is 0.

    Raises:
        ConfigError: too many minibatches.
    """
    if training.rollout_length > 1 or training.teacher_steps >= training.steps:
        return
    for stage in [(mission,) for mission in missions] if training.curriculum else [missions]:
        worlds = training.split_worlds(len(stage))
        rows = sum(count * mission.num_agents for count, mission in zip(worlds, stage))
        if rows <= training.minibatches:
            raise ConfigError(
                f"key 'training.minibatches': got {training.minibatches} for rollouts of {rows} "
                "samples; expected 2 or more samples in each, since one alone has no advantage"
            )


def check_missing_are_planned(plan: Plan) -> None:
    """Check that the runs and evaluations in `missing` are planned, and that others remain.

    Raises:
        ConfigError: unknown name, or no remaining evaluation.
    """
    available = {
        "runs": list(plan.runs),
        "evaluations": [
            "/".join(evaluation) for evaluation in plan.evaluations_including_missing()
        ],
    }
    for key, names in plan.config.missing:
        for name in names:
            if name not in available[key]:
                raise ConfigError(
                    f"key 'missing.{key}': got {short_json(name)}; "
                    f"{suggest_choice(name, available[key])}"
                )
    if not any(contestant in plan.policies for contestant, _ in plan.evaluations_except_missing()):
        raise ConfigError("key 'missing': leaves no evaluation to compare")
