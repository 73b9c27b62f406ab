"""From a search space to trials, and from trials to what the workflow knows: policies to train."""

import itertools
import re
from dataclasses import dataclass
from typing import Any

from daf.config import (
    BenchmarkConfig,
    ConfigError,
    DAFSweepConfig,
    EvaluationConfig,
    PolicyConfig,
    TrainingConfig,
    nearest,
)
from daf.provenance import digest

MAX_TRIALS = 10_000


@dataclass(frozen=True)
class Trial:
    """One point of a search: a name that says its values, and the values."""

    name: str
    values: dict[str, Any]


def sweep_name(sweep: DAFSweepConfig) -> str:
    """The sweep's own name, or one that follows from its content."""
    content = sweep.model_dump(mode="json", exclude={"name", "execution", "missing"})
    return sweep.name or f"sweep-{digest(content)[:8]}"


def trials_of(sweep: DAFSweepConfig) -> list[Trial]:
    """All trials of a sweep: for a grid, every combination of the values.

    Raises:
        ConfigError: more than 10 000 of them.
    """
    space = sweep.search_space
    count = 1
    for values in space.values():
        count *= len(values)
    if count > MAX_TRIALS:
        raise ConfigError(f"key 'search_space': {count} trials; at most {MAX_TRIALS} are possible")
    points = [dict(zip(space, values)) for values in itertools.product(*space.values())]
    return [Trial(_name(point), point) for point in points]


def as_benchmark(sweep: DAFSweepConfig) -> BenchmarkConfig:
    """The sweep as a benchmark whose policies are the trials.

    Raises:
        ConfigError: a name in `search_space` that is no hyperparameter, or a value that it cannot
            have; one line.
    """
    _check_space(sweep)
    return BenchmarkConfig(
        name=sweep_name(sweep),
        policies=tuple(trial_policy(sweep, trial) for trial in trials_of(sweep)),
        missions=sweep.missions,
        training=shared_training(sweep),
        training_seeds=sweep.training_seeds,
        evaluation=EvaluationConfig(episodes=sweep.episodes_per_trial, seed=sweep.seed),
        execution=sweep.execution,
        missing=sweep.missing,
    )


def shared_training(sweep: DAFSweepConfig) -> TrainingConfig:
    """The training that every trial starts from."""
    changes: dict[str, Any] = {"initial_weights": sweep.policy_data_path}
    if sweep.num_training_steps is not None:
        changes["steps"] = sweep.num_training_steps
    return sweep.training.model_copy(update=changes)


def trial_policy(sweep: DAFSweepConfig, trial: Trial) -> PolicyConfig:
    """The policy of a trial: its values dealt out to the training and to the class."""
    of_class = {name: v for name, v in trial.values.items() if not _of_training(name)}
    return PolicyConfig(
        class_path=sweep.policy_class_path,
        name=trial.name,
        init_kwargs=sweep.init_kwargs | of_class,
        training={name: value for name, value in trial.values.items() if _of_training(name)},
    )


def _of_training(name: str) -> bool:
    return name in TrainingConfig.model_fields


def _check_space(sweep: DAFSweepConfig) -> None:
    for name, values in sweep.search_space.items():
        for value in values if _of_training(name) else ():
            TrainingConfig.parse({name: value}, "key 'search_space'")
    others = [name for name in sweep.search_space if not _of_training(name)]
    if not others:
        return
    from daf.policies.spec import accepted_init_kwargs  # torch, only for arguments of classes

    of_class = accepted_init_kwargs(sweep.policy_class_path)
    if of_class is None:  # the class takes whatever it is given
        return
    of_training = set(TrainingConfig.model_fields) - {"missions", "initial_weights"}
    for name in others:
        if name not in of_class:
            known = sorted(of_training | set(of_class))
            raise ConfigError(
                f"key 'search_space': unknown hyperparameter '{name}'; {nearest(name, known)}"
            )


def _name(values: dict[str, Any]) -> str:
    """The values in words where that makes a name, else their hash."""
    words = "_".join(f"{name}-{_word(value)}" for name, value in values.items())
    fits = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", words)
    return words if fits else f"trial-{digest(values)[:8]}"


def _word(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
