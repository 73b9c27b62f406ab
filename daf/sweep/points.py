"""Points of a search space: from numbers between 0 and 1, or every one of a grid."""

import itertools
import math
from collections.abc import Mapping
from typing import Any

from daf.config import DAFSweepConfig, Parameter


def num_values(parameter: Parameter) -> float:
    """How many values there are; infinite for a continuum."""
    if parameter.values is not None:
        return len(parameter.values)
    if parameter.log and not parameter.int:
        return math.inf
    step = parameter.step or (1 if parameter.int else None)
    return math.inf if step is None else _steps(parameter, step)


def is_discrete(parameter: Parameter) -> bool:
    """Whether a parameter has a list of values or steps, no continuum."""
    return parameter.values is not None or parameter.step is not None


def value_at(parameter: Parameter, number: int) -> Any:
    """One of finitely many values, in their order."""
    if parameter.values is not None:
        return parameter.values[number]
    return rounded(parameter, parameter.min + number * (parameter.step or 1))


def index_of(parameter: Parameter, value: Any) -> int:
    """The number of a value among finitely many."""
    if parameter.values is not None:
        return parameter.values.index(value)
    return round((value - parameter.min) / (parameter.step or 1))


def value_at_quantile(parameter: Parameter, unit: float) -> Any:
    """The value that lies at a share of the way from the first to the last, 0 <= unit < 1."""
    if is_discrete(parameter):
        return value_at(parameter, int(unit * num_values(parameter)))
    low, high = parameter.min, parameter.max
    if parameter.int:  # each whole number gets its share of the scale
        low, high = low - 0.5, high + 0.5
    if parameter.log:
        value = math.exp(math.log(low) + unit * (math.log(high) - math.log(low)))
    else:
        value = low + unit * (high - low)
    return rounded(parameter, value)


def _steps(parameter: Parameter, step: float) -> int:
    # A hair more, for 0.1 + 0.2 is not 0.3.
    return math.floor((parameter.max - parameter.min) / step + 1e-9) + 1


def rounded(parameter: Parameter, value: float) -> Any:
    """The value of a range nearest to a number: whole, or with four digits.

    So names stay readable, and a last bit that another processor rounds otherwise makes no other
    trial.
    """
    inside = min(max(value, parameter.min), parameter.max)
    if parameter.int:
        return round(inside)
    return min(max(float(f"{inside:.4g}"), parameter.min), parameter.max)


def active(parameter: Parameter, chosen: Mapping[str, Any]) -> bool:
    """Whether a parameter's condition holds for what has been chosen before it."""
    return all(
        other in chosen and chosen[other] in values for other, values in parameter.when.items()
    )


def point(sweep: DAFSweepConfig, units: Mapping[str, float]) -> dict[str, Any]:
    """The point of the search space at a number for each parameter; what is not active is left
    out."""
    return build_point(sweep, lambda name, parameter: value_at_quantile(parameter, units[name]))


def build_point(sweep: DAFSweepConfig, choose) -> dict[str, Any]:
    """A point whose values are chosen one after the other, `choose(name, parameter)`, in the order
    of the search space at the end."""
    chosen: dict[str, Any] = {}
    for name in sweep.ordered_parameters():
        if active(sweep.search_space[name], chosen):
            chosen[name] = choose(name, sweep.search_space[name])
    return {name: chosen[name] for name in sweep.search_space if name in chosen}


def num_points(sweep: DAFSweepConfig) -> float:
    """How many points there are at most; infinite for a continuum."""
    return math.prod(map(num_values, sweep.search_space.values()))


def grid(sweep: DAFSweepConfig) -> list[dict[str, Any]]:
    """Every point of a space of finitely many, the last parameter running fastest."""
    points: list[dict[str, Any]] = [{}]
    for name in sweep.ordered_parameters():
        parameter = sweep.search_space[name]
        values = [value_at(parameter, number) for number in range(int(num_values(parameter)))]
        points = list(
            itertools.chain.from_iterable(
                [{**p, name: v} for v in values] if active(parameter, p) else [p] for p in points
            )
        )
    return [{name: p[name] for name in sweep.search_space if name in p} for p in points]


def probe_values(parameter: Parameter) -> list[Any]:
    """Values that show whether all are acceptable: those of a list, those around a range."""
    if parameter.values is not None:
        return list(parameter.values)
    return [
        value_at_quantile(parameter, 0.0),
        value_at_quantile(parameter, 1 - 1e-12),
        value_at_quantile(parameter, 0.4321),
    ]
