"""Linear programs whose answer is proved in exact fractions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np


@dataclass
class LinearProgram:
    """What is the largest value of one variable, none being negative, under some limits?

    Attributes:
        most: no variable can be larger.
        limits: (name, coefficient of each variable, limit): their sum of products is at most the
            limit, which is not negative.
    """

    most: int
    limits: list[tuple[str, dict[str, Fraction], Fraction]] = field(default_factory=list)

    def limit(self, name: str, terms: Mapping[str, Fraction | int], limit: Fraction | int) -> None:
        """Add one limit."""
        self.limits.append((name, {v: Fraction(c) for v, c in terms.items() if c}, Fraction(limit)))

    def maximize(self, variable: str) -> tuple[Fraction, list[str]]:
        """An upper bound of a variable, and the names of the limits that it follows from.

        A solver finds multipliers of the limits; the bound is then the sum of multiplier times
        limit, computed in fractions, plus the largest that the solver's rounding can hide. So it
        holds whatever the solver answers, and is the least possible up to its rounding.
        """
        from scipy.optimize import linprog  # takes longer to import than all else here

        variables = sorted({v for _, terms, _ in self.limits for v in terms} | {variable})
        column = {name: number for number, name in enumerate(variables)}
        matrix = np.zeros((len(self.limits), len(variables)))
        for row, (_, terms, _) in enumerate(self.limits):
            for name, coefficient in terms.items():
                matrix[row, column[name]] = float(coefficient)
        objective = np.zeros(len(variables))
        objective[column[variable]] = -1
        limits = [float(limit) for _, _, limit in self.limits]
        found = linprog(objective, A_ub=matrix, b_ub=limits, bounds=(0, self.most), method="highs")
        marginals = found.ineqlin.marginals if found.success else np.zeros(len(limits))
        weights = [max(Fraction(0), Fraction(-m).limit_denominator(10**6)) for m in marginals]

        left = dict.fromkeys(variables, Fraction(0)) | {variable: Fraction(1)}
        for weight, (_, terms, _) in zip(weights, self.limits):
            for name, coefficient in terms.items():
                left[name] -= weight * coefficient
        bound = sum(weight * limit for weight, (_, _, limit) in zip(weights, self.limits))
        bound += sum(max(rest, Fraction(0)) for rest in left.values()) * self.most
        names = [name for weight, (name, _, limit) in zip(weights, self.limits) if weight]
        return Fraction(bound), names
