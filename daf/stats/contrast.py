"""Differences between two policies, with intervals and p-values.

The random factors of the two sides select the test:

- Two fixed policies: paired t test over worlds, with episodes paired by world in each mission. Over
  several missions, the variances of the mean differences add, because the worlds are independent.
- Two trained policies: Welch's t test on the means of the training seeds (Welch 1947).
- One trained and one fixed policy: two sources of error, the training seeds and the shared worlds.
  A one-sample t test over the paired differences of the seeds covers the first source only: the
  scores of the fixed policy on these worlds shift all seeds equally. In the simulation of the
  tests it rejects a true null 5 times too often. Therefore the variance over worlds of the mean
  difference per world is added. This counts the episode noise within a seed twice, which is
  conservative (two-way clustering without the subtracted third term; Cameron, Gelbach and
  Miller 2011).

Without common worlds the two policies are compared as independent samples, which `method` states.
"""

from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

from daf.stats.estimate import (
    EPISODE,
    ROUNDING,
    SEED,
    ErrorTerm,
    Unit,
    UnitValues,
    compute_error_term,
    join_notes,
)

MIXED: Unit = "mixed"
"""Unit of a comparison of a trained method with a fixed policy."""


@dataclass(frozen=True)
class Contrast:
    """Difference of two policies on the same missions, with its sources of error.

    Attributes:
        difference: mean of policy a minus mean of policy b, in score units.
        error_terms: independent sources of error.
        unit: `SEED`, `EPISODE` or `MIXED`.
        paired_differences: differences by world for each mission, of two fixed policies on the
            same worlds; else empty.
        method: description of the t test.
        note: restrictions of the result; None without any.
    """

    difference: float
    error_terms: list[ErrorTerm]
    unit: Unit
    paired_differences: list[pd.Series]
    method: str
    note: str | None


class _ErrorSources(NamedTuple):
    """Sources of error of a difference; see the attributes of `Contrast` with the same names."""

    error_terms: list[ErrorTerm]
    paired_differences: list[pd.Series]
    method: str


def compute_contrast(a: UnitValues, b: UnitValues) -> Contrast:
    """Compute the difference of two policies on the same missions, with its sources of error."""
    if a.unit == b.unit == SEED:
        method = "Welch's t on the means of the training seeds"
        unit, sources = SEED, _ErrorSources(a.error_terms + b.error_terms, [], method)
    elif a.unit == b.unit:
        unit, sources = EPISODE, _collect_fixed_policy_error_sources(a, b)
    else:
        trained, fixed = (a, b) if a.unit == SEED else (b, a)
        unit, sources = MIXED, _collect_mixed_error_sources(trained, fixed)
    difference = a.mean - b.mean
    if abs(difference) <= ROUNDING * max(abs(a.mean), abs(b.mean)):
        difference = 0.0
    return Contrast(
        difference,
        sources.error_terms,
        unit,
        sources.paired_differences,
        sources.method,
        join_notes(a.note, b.note),
    )


def _collect_fixed_policy_error_sources(a: UnitValues, b: UnitValues) -> _ErrorSources:
    """Return the sources of error for two fixed policies, paired by world if possible."""
    weight = 1 / len(a.scores_by_mission)
    terms, pairs = [], []
    for mission, scores in a.scores_by_mission.items():
        scores_a, scores_b = scores.iloc[:, 0], b.scores_by_mission[mission].iloc[:, 0]
        if scores_a.index.equals(scores_b.index):
            pairs.append(scores_a - scores_b)
            terms.append(compute_error_term(pairs[-1], weight))
        else:
            terms += [compute_error_term(scores_a, weight), compute_error_term(scores_b, weight)]
    if len(pairs) == len(a.scores_by_mission):
        return _ErrorSources(terms, pairs, "paired t over worlds")
    scope = (
        f" in {len(a.scores_by_mission) - len(pairs)} of {len(a.scores_by_mission)} missions"
        if pairs
        else ""
    )
    method = f"Welch's t on episodes{scope}: the policies have different worlds"
    return _ErrorSources(terms, [], method)


def _collect_mixed_error_sources(trained: UnitValues, fixed: UnitValues) -> _ErrorSources:
    """Return the sources of error (seeds and worlds) for a trained and a fixed policy."""
    weight = 1 / len(trained.scores_by_mission)
    terms, paired = [*trained.error_terms], True
    for mission, trained_scores in trained.scores_by_mission.items():
        scores = fixed.scores_by_mission[mission].iloc[:, 0]
        same_worlds = trained_scores.index.equals(scores.index)
        if same_worlds and not trained_scores.isna().any(axis=None):
            scores = trained_scores.mean(axis=1) - scores
        else:
            paired = False
        terms.append(compute_error_term(scores, weight))
    if paired:
        return _ErrorSources(terms, [], "t over training seeds and over shared worlds")
    method = "Welch's t, seed means against episodes: the policies have different worlds"
    return _ErrorSources(terms, [], method)
