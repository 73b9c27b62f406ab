"""Points of a search space: by quantiles, by a function, or all points of a grid."""

import itertools
import math
from collections.abc import Callable, Mapping
from typing import Any

from daf.config import DAFSweepConfig, Parameter

Point = dict[str, Any]
"""Value of each active hyperparameter, by its name."""


def count_parameter_values(parameter: Parameter) -> float:
    """Return the number of values; infinity for a continuous range."""
    if parameter.values is not None:
        return len(parameter.values)
    if parameter.log and not parameter.int:
        return math.inf
    step = parameter.step or (1 if parameter.int else None)
    return math.inf if step is None else _num_stepped_values(parameter, step)


def has_values_or_step(parameter: Parameter) -> bool:
    """Return True if a parameter has a list of values or a step."""
    return parameter.values is not None or parameter.step is not None


def discrete_value_at(parameter: Parameter, index: int) -> Any:
    """Return the value at an index of finitely many values."""
    if parameter.values is not None:
        return parameter.values[index]
    return clamp_and_round_digits(parameter, parameter.bounds[0] + index * (parameter.step or 1))


def find_value_index(parameter: Parameter, value: Any) -> int:
    """Return the index of a value among finitely many values."""
    if parameter.values is not None:
        return parameter.values.index(value)
    return round((value - parameter.bounds[0]) / (parameter.step or 1))


def value_at_quantile(parameter: Parameter, quantile: float) -> Any:
    """Return the value at a quantile of a parameter's scale.

    Args:
        parameter: values or range.
        quantile: 0 <= quantile < 1.
    """
    if has_values_or_step(parameter):
        return discrete_value_at(parameter, int(quantile * count_parameter_values(parameter)))
    low, high = parameter.bounds
    if parameter.int:  # each integer gets an equal part of the scale
        low, high = low - 0.5, high + 0.5
    if parameter.log:
        value = math.exp(math.log(low) + quantile * (math.log(high) - math.log(low)))
    else:
        value = low + quantile * (high - low)
    return clamp_and_round_digits(parameter, value)


def _num_stepped_values(parameter: Parameter, step: float) -> int:
    # The tolerance absorbs rounding errors such as 0.1 + 0.2 != 0.3.
    low, high = parameter.bounds
    return math.floor((high - low) / step + 1e-9) + 1


def clamp_and_round_digits(parameter: Parameter, value: float) -> Any:
    """Round a value of a range to an integer or to 4 digits, within the range.

    Names of trials stay readable, and rounding errors of different processors give equal trials.
    """
    low, high = parameter.bounds
    clamped = min(max(value, low), high)
    if parameter.int:
        return round(clamped)
    return min(max(float(f"{clamped:.4g}"), low), high)


def is_parameter_active(parameter: Parameter, point: Mapping[str, Any]) -> bool:
    """Return True if the condition of a parameter holds at a point."""
    return all(
        name in point and point[name] in accepted for name, accepted in parameter.when.items()
    )


def point_at_quantiles(sweep: DAFSweepConfig, quantiles: Mapping[str, float]) -> Point:
    """Return the point of the search space at a quantile of each parameter.

    Inactive parameters are absent.
    """
    return build_point(sweep, lambda name, parameter: value_at_quantile(parameter, quantiles[name]))


def build_point(sweep: DAFSweepConfig, choose_value: Callable[[str, Parameter], Any]) -> Point:
    """Build a point from the values of its active parameters.

    Args:
        sweep: configuration of the sweep.
        choose_value: returns the value of one parameter, from its name and the parameter. It is
            called for conditions first.

    Returns:
        Values by name, in the order of the search space.
    """
    values: Point = {}
    for name in sweep.parameters_in_dependency_order():
        if is_parameter_active(sweep.search_space[name], values):
            values[name] = choose_value(name, sweep.search_space[name])
    return {name: values[name] for name in sweep.search_space if name in values}


def max_num_points(sweep: DAFSweepConfig) -> float:
    """Return an upper bound of the number of points; infinity for a continuous range."""
    return math.prod(map(count_parameter_values, sweep.search_space.values()))


def build_grid(sweep: DAFSweepConfig) -> list[Point]:
    """Return every point of a finite search space; the last parameter varies fastest."""
    points: list[Point] = [{}]
    for name in sweep.parameters_in_dependency_order():
        parameter = sweep.search_space[name]
        values = [
            discrete_value_at(parameter, index)
            for index in range(int(count_parameter_values(parameter)))
        ]
        points = list(
            itertools.chain.from_iterable(
                [{**p, name: v} for v in values] if is_parameter_active(parameter, p) else [p]
                for p in points
            )
        )
    return [{name: p[name] for name in sweep.search_space if name in p} for p in points]


def select_validation_values(parameter: Parameter) -> list[Any]:
    """Return values that test a parameter: all of a list, or the ends and the inside of a range."""
    if parameter.values is not None:
        return list(parameter.values)
    return [
        value_at_quantile(parameter, 0.0),
        value_at_quantile(parameter, 1 - 1e-12),
        value_at_quantile(parameter, 0.4321),
    ]
