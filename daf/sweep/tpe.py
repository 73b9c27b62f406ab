"""What a model of the objective proposes to try next: Optuna, asked without a database."""

import warnings
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from daf.config import DAFSweepConfig, Parameter
from daf.sweep.points import build_point, index_of, is_discrete, num_values, rounded, value_at
from daf.sweep.trials import Outcome

optuna.logging.set_verbosity(optuna.logging.ERROR)


def propose_points(
    sweep: DAFSweepConfig, outcomes: Sequence[Outcome], seed: int
) -> Iterator[dict[str, Any]]:
    """Points without end, each proposed in the knowledge that those before it are under way.

    The model is a tree-structured Parzen estimator (Bergstra et al. 2011), made anew from all
    outcomes. A trial that failed counts as the worst that did not, so that the search keeps away.
    """
    with warnings.catch_warnings():  # what hyperparameters under conditions need is experimental
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=0, group=True)
    study = optuna.create_study(sampler=sampler, direction=sweep.optimize_direction)
    found = [outcome.objective for outcome in outcomes if outcome.objective is not None]
    worst = (min if sweep.optimize_direction == "maximize" else max)(found, default=0.0)
    for outcome in outcomes:
        parameters = {name: sweep.search_space[name] for name in outcome.trial.values}
        study.add_trial(
            optuna.trial.create_trial(
                params={n: _encode(p, outcome.trial.values[n]) for n, p in parameters.items()},
                distributions={n: _distribution(p) for n, p in parameters.items()},
                value=worst if outcome.objective is None else outcome.objective,
            )
        )
    while True:
        yield build_point(sweep, partial(_suggest, study.ask()))


def _distribution(parameter: Parameter) -> BaseDistribution:
    """How Optuna knows a parameter: what has steps by the number of the step, and a list whose
    values do not rise as categories without order."""
    if not is_discrete(parameter):
        if parameter.int:
            return IntDistribution(int(parameter.min), int(parameter.max), log=parameter.log)
        return FloatDistribution(parameter.min, parameter.max, log=parameter.log)
    places = int(num_values(parameter))
    if parameter.values is None or _is_ascending(parameter.values):
        return IntDistribution(0, places - 1)
    return CategoricalDistribution(tuple(range(places)))


def _is_ascending(values: Sequence[Any]) -> bool:
    numbers = all(type(value) in (int, float) for value in values)
    return numbers and list(values) == sorted(values)


def _encode(parameter: Parameter, value: Any) -> Any:
    return index_of(parameter, value) if is_discrete(parameter) else value


def _suggest(trial: optuna.Trial, name: str, parameter: Parameter) -> Any:
    known = _distribution(parameter)
    if isinstance(known, CategoricalDistribution):
        found = trial.suggest_categorical(name, known.choices)
    elif isinstance(known, IntDistribution):
        found = trial.suggest_int(name, known.low, known.high, log=known.log)
    else:
        found = trial.suggest_float(name, known.low, known.high, log=known.log)
    return value_at(parameter, found) if is_discrete(parameter) else rounded(parameter, found)
