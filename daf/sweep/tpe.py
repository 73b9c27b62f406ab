"""Model-based proposals: the tree-structured Parzen estimator of Optuna."""

import warnings
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from daf.config import DAFSweepConfig, Parameter
from daf.sweep.points import (
    Point,
    build_point,
    clamp_and_round_digits,
    count_parameter_values,
    discrete_value_at,
    find_value_index,
    has_values_or_step,
)
from daf.sweep.trials import Outcome

optuna.logging.set_verbosity(optuna.logging.ERROR)


def propose_points(
    sweep: DAFSweepConfig, outcomes: Sequence[Outcome], seed: int
) -> Iterator[Point]:
    """Yield proposed points without end. Each counts as running for the next ones.

    The model is a tree-structured Parzen estimator (Bergstra et al. 2011), fitted to all outcomes.
    A failed trial gets the worst objective of the successful ones, so that the model avoids it.

    Args:
        sweep: configuration of the sweep.
        outcomes: outcomes of all earlier trials.
        seed: seed of the sampler.
    """
    with warnings.catch_warnings():  # `group`, for conditional hyperparameters, is experimental
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=0, group=True)
    study = optuna.create_study(sampler=sampler, direction=sweep.optimize_direction)
    objectives = [outcome.objective for outcome in outcomes if outcome.objective is not None]
    worst = (min if sweep.optimize_direction == "maximize" else max)(objectives, default=0.0)
    for outcome in outcomes:
        parameters = {name: sweep.search_space[name] for name in outcome.trial.values}
        study.add_trial(
            optuna.trial.create_trial(
                params={
                    n: _encode_for_optuna(p, outcome.trial.values[n]) for n, p in parameters.items()
                },
                distributions={n: _optuna_distribution(p) for n, p in parameters.items()},
                value=worst if outcome.objective is None else outcome.objective,
            )
        )
    while True:
        yield build_point(sweep, partial(_suggest_value, study.ask()))


def _optuna_distribution(
    parameter: Parameter,
) -> IntDistribution | FloatDistribution | CategoricalDistribution:
    """Return Optuna's distribution of a parameter.

    Discrete values are indices: integers if the values are ascending, categories otherwise.
    """
    if not has_values_or_step(parameter):
        low, high = parameter.bounds
        if parameter.int:
            return IntDistribution(int(low), int(high), log=parameter.log)
        return FloatDistribution(low, high, log=parameter.log)
    size = int(count_parameter_values(parameter))
    if parameter.values is None or _are_ascending_numbers(parameter.values):
        return IntDistribution(0, size - 1)
    return CategoricalDistribution(tuple(range(size)))


def _are_ascending_numbers(values: Sequence[Any]) -> bool:
    are_numbers = all(type(value) in (int, float) for value in values)
    return are_numbers and list(values) == sorted(values)


def _encode_for_optuna(parameter: Parameter, value: Any) -> Any:
    return find_value_index(parameter, value) if has_values_or_step(parameter) else value


def _suggest_value(trial: optuna.Trial, name: str, parameter: Parameter) -> Any:
    distribution = _optuna_distribution(parameter)
    if isinstance(distribution, FloatDistribution):
        low, high = distribution.low, distribution.high
        return clamp_and_round_digits(
            parameter, trial.suggest_float(name, low, high, log=distribution.log)
        )
    if isinstance(distribution, CategoricalDistribution):
        number = trial.suggest_categorical(name, distribution.choices)
        assert isinstance(number, int)  # the choices are indices
    else:
        low, high = distribution.low, distribution.high
        number = trial.suggest_int(name, low, high, log=distribution.log)
    return (
        discrete_value_at(parameter, number)
        if has_values_or_step(parameter)
        else clamp_and_round_digits(parameter, number)
    )
