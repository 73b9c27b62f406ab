"""Linear programs with bounds that are proven in exact fractions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

import numpy as np


class ProvenBound(NamedTuple):
    """Upper bound of a variable, and the names of the limits that prove it."""

    value: Fraction
    binding_limits: list[str]


@dataclass
class LinearProgram:
    """Maximization of one variable under linear limits; all variables are nonnegative.

    Attributes:
        variable_upper_bound: upper bound of every variable.
        limits: (name, coefficients by variable, limit); the weighted sum is at most the limit,
            which is nonnegative.
    """

    variable_upper_bound: int
    limits: list[tuple[str, dict[str, Fraction], Fraction]] = field(default_factory=list)

    def add_limit(
        self, name: str, coefficients: Mapping[str, Fraction | int], upper_bound: Fraction | int
    ) -> None:
        """Add one limit.

        Args:
            name: name of the limit.
            coefficients: coefficient of each variable.
            upper_bound: upper bound of the weighted sum.
        """
        terms = {v: Fraction(c) for v, c in coefficients.items() if c}
        self.limits.append((name, terms, Fraction(upper_bound)))

    def prove_upper_bound(self, variable: str) -> ProvenBound:
        """Prove an upper bound of a variable.

        By weak duality, any nonnegative multipliers of the limits give a bound. A floating-point
        solver proposes the multipliers. The bound is the sum of multiplier times limit in exact
        fractions, plus the maximum effect of the solver's rounding error. It is therefore valid
        for any output of the solver, and minimal up to that error.
        """
        from scipy.optimize import linprog  # slow import, needed here only

        variables = sorted({v for _, terms, _ in self.limits for v in terms} | {variable})
        column = {name: index for index, name in enumerate(variables)}
        matrix = np.zeros((len(self.limits), len(variables)))
        for row, (_, terms, _) in enumerate(self.limits):
            for name, coefficient in terms.items():
                matrix[row, column[name]] = float(coefficient)
        objective = np.zeros(len(variables))
        objective[column[variable]] = -1
        limits = [float(limit) for _, _, limit in self.limits]
        solution = linprog(
            objective,
            A_ub=matrix,
            b_ub=limits,
            bounds=(0, self.variable_upper_bound),
            method="highs",
        )
        marginals = solution.ineqlin.marginals if solution.success else np.zeros(len(limits))
        weights = [max(Fraction(0), Fraction(-m).limit_denominator(10**6)) for m in marginals]

        residuals = dict.fromkeys(variables, Fraction(0)) | {variable: Fraction(1)}
        for weight, (_, terms, _) in zip(weights, self.limits):
            for name, coefficient in terms.items():
                residuals[name] -= weight * coefficient
        bound = sum(weight * limit for weight, (_, _, limit) in zip(weights, self.limits))
        bound += (
            sum(max(value, Fraction(0)) for value in residuals.values()) * self.variable_upper_bound
        )
        names = [name for weight, (name, _, limit) in zip(weights, self.limits) if weight]
        return ProvenBound(Fraction(bound), names)
