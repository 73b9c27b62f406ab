"""From points of a search space to what the workflow knows: policies to train, with names."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from daf.config import (
    BenchmarkConfig,
    ConfigError,
    DAFSweepConfig,
    EvaluationConfig,
    PolicyConfig,
    TrainingConfig,
    suggest,
)
from daf.config.conversion import has_text
from daf.config.search_space import CLASS, SHAPING, TRAINING, belongs, convert_space
from daf.plan.policy_checker import checker, convert_init_kwargs
from daf.policies.registry import is_foreign
from daf.provenance.hashing import digest
from daf.sweep.points import probe_values


@dataclass(frozen=True)
class Trial:
    """One point of a search: a name that says its values, and the values."""

    name: str
    values: dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """What became of a trial in a round: its objective, None if it failed."""

    trial: Trial
    objective: float | None


def comparable(mean: float) -> float:
    """Return what a mean is compared by: equal ones that were summed otherwise differ in the last
    bits, which say nothing."""
    return float(f"{mean:.12g}")


def name_trials(points: Sequence[dict[str, Any]], taken: Sequence[str] = ()) -> list[Trial]:
    """Trials with different names: the values in words where that makes a name, else their hash.

    Args:
        points: the values of each trial.
        taken: names of the trials of earlier rounds.
    """
    words = ["_".join(f"{name}-{value}" for name, value in p.items()) for p in points]
    counts = Counter([*words, *taken])
    return [
        Trial(text if counts[text] == 1 and _fits(text) else f"trial-{digest(p)[:8]}", p)
        for text, p in zip(words, points)
    ]


def _fits(text: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", text) is not None


def sweep_name(sweep: DAFSweepConfig) -> str:
    """The sweep's own name, or one that follows from its content."""
    content = sweep.model_dump(mode="json", exclude={"name", "execution", "missing"})
    return sweep.name or f"sweep-{digest(content)[:8]}"


def as_benchmark(
    sweep: DAFSweepConfig, trials: Sequence[Trial], steps: int | None = None
) -> BenchmarkConfig:
    """Trials as a benchmark whose policies they are.

    Args:
        trials: at least one.
        steps: agent-steps of each training, if not those of the sweep.

    Raises:
        ConfigError: a name in `search_space` that is no hyperparameter, or a value that it cannot
            have; one line.
    """
    return BenchmarkConfig(
        name=sweep_name(sweep),
        policies=tuple(trial_policy(sweep, trial) for trial in trials),
        missions=sweep.missions,
        training=base_training(sweep, steps),
        training_seeds=sweep.training_seeds,
        evaluation=EvaluationConfig(episodes=sweep.episodes_per_trial, seed=sweep.world_seed),
        execution=sweep.execution,
    )


def confirmation(sweep: DAFSweepConfig, trials: Sequence[Trial]) -> BenchmarkConfig:
    """Trials once more, with all steps, with seeds and in worlds that the search has not seen."""
    confirmed = sweep.confirmation
    episodes = confirmed.episodes or sweep.episodes_per_trial
    changes = {
        "training_seeds": confirmed.training_seeds,
        "evaluation": EvaluationConfig(episodes=episodes, seed=confirmed.world_seed),
    }
    return as_benchmark(sweep, trials).model_copy(update=changes)


def base_training(sweep: DAFSweepConfig, steps: int | None = None) -> TrainingConfig:
    """The training that every trial starts from; with fewer `steps`, the beginning of it."""
    changes: dict[str, Any] = {"initial_weights": sweep.policy_data_path}
    if sweep.num_training_steps is not None:
        changes["steps"] = sweep.num_training_steps
    whole = sweep.training.model_copy(update=changes)
    if steps is None or steps == whole.steps:
        return whole
    return whole.model_copy(update={"steps": steps, "anneal_steps": whole.lr_decay_steps})


def trial_policy(sweep: DAFSweepConfig, trial: Trial) -> PolicyConfig:
    """The policy of a trial: its values dealt out to the training and to the class."""
    dealt: dict[str, dict[str, Any]] = {TRAINING: {}, CLASS: {}, SHAPING: {}}
    for name, value in trial.values.items():
        part, key = belongs(name)
        dealt[part][key] = value
    training = dealt[TRAINING]
    if dealt[SHAPING]:
        training = training | {SHAPING: sweep.training.shaping | dealt[SHAPING]}
    return PolicyConfig(
        class_path=sweep.policy_class_path,
        name=trial.name,
        init_kwargs=sweep.init_kwargs | dealt[CLASS],
        training=training,
    )


def convert_arguments(sweep: DAFSweepConfig, source: str) -> DAFSweepConfig:
    """Return a sweep whose text for arguments of the class has the types that the class names.

    Args:
        source: of the configuration, named in the error.

    Raises:
        ConfigError: no such class, or values that are equal then; one line.
    """
    arguments = [name for name in sweep.search_space if belongs(name)[0] == CLASS]
    if not has_text([sweep.init_kwargs, *(sweep.search_space[n].values for n in arguments)]):
        return sweep
    path = sweep.policy_class_path

    def convert(name: str, value: Any) -> Any:
        part, key = belongs(name)
        return convert_init_kwargs(path, {key: value})[key] if part == CLASS else value

    space = {name: p.model_dump(exclude_unset=True) for name, p in sweep.search_space.items()}
    typed = {
        "search_space": convert_space(space, convert),
        "init_kwargs": convert_init_kwargs(path, sweep.init_kwargs),
    }
    return DAFSweepConfig.parse(sweep.resolved() | typed, source)


def check_space(sweep: DAFSweepConfig) -> None:
    """Find out now whether every name is a hyperparameter, and its values can be its.

    Raises:
        ConfigError: naming the first that is not; one line.
    """
    places = {name: belongs(name) for name in sweep.search_space}
    for name, found in places.items():
        twin = next(n for n, other in places.items() if other == found)
        if twin != name:
            raise ConfigError(f"key 'search_space': '{twin}' and '{name}' are the same")
        if found[0] == SHAPING and (TRAINING, SHAPING) in places.values():
            raise ConfigError(f"key 'search_space': '{name}' is part of 'shaping'; leave one out")
    fields = set(TrainingConfig.model_fields) - {"missions", "initial_weights"}
    for name, (part, key) in places.items():
        if part == CLASS or (part == TRAINING and key not in fields):
            continue
        for value in probe_values(sweep.search_space[name]):
            given = {key: value} if part == TRAINING else {SHAPING: {key: value}}
            _check_value(sweep, name, value, given)
    unknown = [(name, key) for name, (part, key) in places.items() if part == CLASS]
    unknown += [(n, k) for n, (part, k) in places.items() if part == TRAINING and k not in fields]
    if not unknown:
        return
    of_class = _accepted(sweep.policy_class_path)
    for name, key in unknown:
        if places[name][0] == CLASS and (of_class is None or key in of_class):
            continue  # None: the class takes whatever it is given
        known = sorted(fields | set(of_class or ()))
        raise ConfigError(
            f"key 'search_space': unknown hyperparameter '{name}'; {suggest(key, known)}"
        )


def _accepted(class_path: str) -> list[str] | None:
    if is_foreign(class_path):
        return checker().facts(class_path).accepted
    from daf.policies.factory import accepted_init_kwargs  # torch, only for arguments of classes

    return accepted_init_kwargs(class_path)


def _check_value(sweep: DAFSweepConfig, name: str, value: Any, given: dict[str, Any]) -> None:
    """One value of a hyperparameter of the training, beside what all trials share."""
    try:
        TrainingConfig.parse(given, f"key 'search_space.{name}'")
    except ConfigError as error:
        parameter = sweep.search_space[name]
        if parameter.values is None and not parameter.int and "whole number" in str(error):
            raise ConfigError(
                f"key 'search_space.{name}': only whole numbers are possible; add 'int: true'"
            ) from None
        raise
