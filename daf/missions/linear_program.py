"""Linear programs with bounds that are proven in exact fractions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np


@dataclass
class LinearProgram:
    """Maximization of one variable under linear limits; all variables are nonnegative.

    Attributes:
        max_value: upper bound of every variable.
        limits: (name, coefficients by variable, limit); the weighted sum is at most the limit,
            which is nonnegative.
    """

    max_value: int
    limits: list[tuple[str, dict[str, Fraction], Fraction]] = field(default_factory=list)

    def limit(self, name: str, terms: Mapping[str, Fraction | int], limit: Fraction | int) -> None:
        """Add one limit.

        Args:
            name: name of the limit.
            terms: coefficient of each variable.
            limit: upper bound of the weighted sum.
        """
        self.limits.append((name, {v: Fraction(c) for v, c in terms.items() if c}, Fraction(limit)))

    def maximize(self, variable: str) -> tuple[Fraction, list[str]]:
        """Return an upper bound of a variable, and the names of the limits that prove it.

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
            objective, A_ub=matrix, b_ub=limits, bounds=(0, self.max_value), method="highs"
        )
        marginals = solution.ineqlin.marginals if solution.success else np.zeros(len(limits))
        weights = [max(Fraction(0), Fraction(-m).limit_denominator(10**6)) for m in marginals]

        residuals = dict.fromkeys(variables, Fraction(0)) | {variable: Fraction(1)}
        for weight, (_, terms, _) in zip(weights, self.limits):
            for name, coefficient in terms.items():
                residuals[name] -= weight * coefficient
        bound = sum(weight * limit for weight, (_, _, limit) in zip(weights, self.limits))
        bound += sum(max(value, Fraction(0)) for value in residuals.values()) * self.max_value
        names = [name for weight, (name, _, limit) in zip(weights, self.limits) if weight]
        return Fraction(bound), names
