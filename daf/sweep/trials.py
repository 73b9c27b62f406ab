"""Trials as policies of a benchmark, with names, and checks of the search space."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from daf.config import (
    BenchmarkConfig,
    ConfigError,
    DAFSweepConfig,
    EvaluationConfig,
    PolicyConfig,
    TrainingConfig,
    suggest_choice,
)
from daf.config.conversion import contains_text
from daf.config.search_space import (
    INIT_KWARGS,
    SHAPING,
    TRAINING,
    ParameterTarget,
    convert_values_and_conditions,
    parameter_target,
)
from daf.plan.foreign_policy_checker import (
    cast_init_kwargs_to_signature,
    policy_checker_of_thread,
)
from daf.policies.registry import runs_foreign_code
from daf.provenance.hashing import digest
from daf.sweep.points import Point, select_validation_values


@dataclass(frozen=True)
class Trial:
    """One point of a search space.

    Attributes:
        name: name, derived from the values.
        values: value of each active hyperparameter.
    """

    name: str
    values: Point


class TrialRuns(TypedDict):
    """Trial of a round with its runs, in JSON types.

    Attributes:
        trial: name of the trial.
        values: value of each active hyperparameter.
        steps: agent-steps of each run.
        runs: names of the runs.
        failed: names of the failed runs.
    """

    trial: str
    values: Point
    steps: int
    runs: list[str]
    failed: list[str]


@dataclass(frozen=True)
class Outcome:
    """Outcome of a trial in one round.

    Attributes:
        objective: objective of the trial; None if it failed.
    """

    trial: Trial
    objective: float | None


def round_for_comparison(mean: float) -> float:
    """Round a mean to 12 digits. Equal means that were summed in another order compare equal."""
    return float(f"{mean:.12g}")


def name_trials(points: Sequence[Point], names_taken: Sequence[str] = ()) -> list[Trial]:
    """Return trials with unique names: the values if they fit into a name, else a hash of them.

    Args:
        points: values of each trial.
        names_taken: names of the trials of earlier rounds.
    """
    texts = ["_".join(f"{name}-{value}" for name, value in p.items()) for p in points]
    counts = Counter([*texts, *names_taken])
    return [
        Trial(
            text if counts[text] == 1 and _is_valid_trial_name(text) else f"trial-{digest(p)[:8]}",
            p,
        )
        for text, p in zip(texts, points)
    ]


def _is_valid_trial_name(text: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", text) is not None


def configured_or_derived_sweep_name(sweep: DAFSweepConfig) -> str:
    """Return the configured name of the sweep, or one derived from its content."""
    content = sweep.model_dump(mode="json", exclude={"name", "execution", "missing"})
    return sweep.name or f"sweep-{digest(content)[:8]}"


def build_trials_benchmark(
    sweep: DAFSweepConfig, trials: Sequence[Trial], agent_steps: int | None = None
) -> BenchmarkConfig:
    """Return a benchmark with one policy per trial.

    Args:
        sweep: configuration of the sweep.
        trials: at least one trial.
        agent_steps: agent-steps of each run (default: those of the sweep).

    Raises:
        ConfigError: unknown hyperparameter, or an invalid value; one line.
    """
    return BenchmarkConfig(
        name=configured_or_derived_sweep_name(sweep),
        policies=tuple(build_trial_policy(sweep, trial) for trial in trials),
        missions=sweep.missions,
        training=build_base_training(sweep, agent_steps),
        training_seeds=sweep.training_seeds,
        evaluation=EvaluationConfig(episodes=sweep.episodes_per_trial, seed=sweep.world_seed),
        execution=sweep.execution,
    )


def build_confirmation_benchmark(sweep: DAFSweepConfig, trials: Sequence[Trial]) -> BenchmarkConfig:
    """Return a benchmark of trials with all steps, on training and world seeds of the confirmation.

    The search has used other seeds.
    """
    confirmation = sweep.confirmation
    episodes = confirmation.episodes or sweep.episodes_per_trial
    changes = {
        "training_seeds": confirmation.training_seeds,
        "evaluation": EvaluationConfig(episodes=episodes, seed=confirmation.world_seed),
    }
    return build_trials_benchmark(sweep, trials).model_copy(update=changes)


def build_base_training(sweep: DAFSweepConfig, agent_steps: int | None = None) -> TrainingConfig:
    """Return the hyperparameters that all trials share.

    Args:
        sweep: configuration of the sweep.
        agent_steps: agent-steps of each run, fewer than those of the sweep. The learning rate still
            decays over the steps of the sweep.
    """
    changes: dict[str, Any] = {"initial_weights": sweep.policy_data_path}
    if sweep.num_training_steps is not None:
        changes["steps"] = sweep.num_training_steps
    full_training = sweep.training.model_copy(update=changes)
    if agent_steps is None or agent_steps == full_training.steps:
        return full_training
    changes = {"steps": agent_steps, "anneal_steps": full_training.lr_decay_steps}
    return full_training.model_copy(update=changes)


def build_trial_policy(sweep: DAFSweepConfig, trial: Trial) -> PolicyConfig:
    """Return the policy of a trial: its values become hyperparameters or class arguments."""
    values: dict[str, dict[str, Any]] = {TRAINING: {}, INIT_KWARGS: {}, SHAPING: {}}
    for name, value in trial.values.items():
        target, key = parameter_target(name)
        values[target][key] = value
    training = values[TRAINING]
    if values[SHAPING]:
        training = training | {SHAPING: sweep.training.shaping | values[SHAPING]}
    return PolicyConfig(
        class_path=sweep.policy_class_path,
        name=trial.name,
        init_kwargs=sweep.init_kwargs | values[INIT_KWARGS],
        training=training,
    )


def cast_sweep_init_kwargs_to_signature(sweep: DAFSweepConfig, source: str) -> DAFSweepConfig:
    """Convert text values of class arguments to the annotated types of the class.

    Args:
        sweep: configuration of the sweep.
        source: source of the configuration, for the error.

    Raises:
        ConfigError: unknown class, or values that are equal after conversion; one line.
    """
    arguments = [name for name in sweep.search_space if parameter_target(name)[0] == INIT_KWARGS]
    if not contains_text([sweep.init_kwargs, *(sweep.search_space[n].values for n in arguments)]):
        return sweep
    class_path = sweep.policy_class_path

    def convert(name: str, value: Any) -> Any:
        target, key = parameter_target(name)
        return (
            cast_init_kwargs_to_signature(class_path, {key: value})[key]
            if target == INIT_KWARGS
            else value
        )

    space = {name: p.model_dump(exclude_unset=True) for name, p in sweep.search_space.items()}
    converted = {
        "search_space": convert_values_and_conditions(space, convert),
        "init_kwargs": cast_init_kwargs_to_signature(class_path, sweep.init_kwargs),
    }
    return DAFSweepConfig.parse(sweep.resolved() | converted, source)


def check_search_space(sweep: DAFSweepConfig) -> None:
    """Check that every name is a hyperparameter or class argument, and that its values are valid.

    Raises:
        ConfigError: names the first invalid one; one line.
    """
    targets = {name: parameter_target(name) for name in sweep.search_space}
    _check_targets_are_unique(targets)
    fields = set(TrainingConfig.model_fields) - {"missions", "initial_weights"}
    for name, (target, key) in targets.items():
        if target == INIT_KWARGS or (target == TRAINING and key not in fields):
            continue
        for value in select_validation_values(sweep.search_space[name]):
            settings = {key: value} if target == TRAINING else {SHAPING: {key: value}}
            _check_search_space_value(sweep, name, settings)
    unresolved = {n: k for n, (target, k) in targets.items() if target == INIT_KWARGS}
    unresolved |= {n: k for n, (t, k) in targets.items() if t == TRAINING and k not in fields}
    if not unresolved:
        return
    init_kwargs = _accepted_init_kwargs(sweep.policy_class_path)
    for name, key in unresolved.items():
        # None means that the class accepts any argument.
        is_accepted = init_kwargs is None or key in init_kwargs
        if targets[name][0] == INIT_KWARGS and is_accepted:
            continue
        names = sorted(fields | set(init_kwargs or ()))
        raise ConfigError(
            f"key 'search_space': unknown hyperparameter '{name}'; {suggest_choice(key, names)}"
        )


def _check_targets_are_unique(targets: dict[str, ParameterTarget]) -> None:
    """Check that no two names mean the same hyperparameter."""
    for name, target in targets.items():
        duplicate = next(n for n, t in targets.items() if t == target)
        if duplicate != name:
            raise ConfigError(f"key 'search_space': '{duplicate}' and '{name}' are the same")
        if target[0] == SHAPING and (TRAINING, SHAPING) in targets.values():
            raise ConfigError(
                f"key 'search_space': '{name}' is part of 'shaping'; remove one of them"
            )


def _accepted_init_kwargs(class_path: str) -> list[str] | None:
    if runs_foreign_code(class_path):
        return policy_checker_of_thread().inspect_class(class_path).accepted_init_kwargs
    from daf.policies.factory import accepted_init_kwarg_names  # imports torch

    return accepted_init_kwarg_names(class_path)


def _check_search_space_value(
    sweep: DAFSweepConfig, hyperparameter_name: str, settings_with_value: dict[str, Any]
) -> None:
    """Check one value of a training hyperparameter."""
    try:
        TrainingConfig.parse(settings_with_value, f"key 'search_space.{hyperparameter_name}'")
    except ConfigError as error:
        parameter = sweep.search_space[hyperparameter_name]
        if parameter.values is None and not parameter.int and "whole number" in str(error):
            raise ConfigError(
                f"key 'search_space.{hyperparameter_name}': only whole numbers are possible; "
                "add 'int: true'"
            ) from None
        raise
