"""Differences between two policies, with intervals, p-values and Holm's correction.

Which test a pair gets follows from what was drawn at random on each side:

- two fixed policies: the episodes of a mission are paired by world, and the paired t test is taken
  over worlds. Over several missions the variances of the missions' mean differences add, for
  their worlds are separate draws.
- two trained policies: Welch's t on the means of the training seeds (Welch 1947).
- one of each: two sources of error, the training seeds, and the worlds that all seeds share with
  the fixed policy. A one-sample t over the seeds' paired differences would know only the first:
  the fixed policy's own luck on these worlds moves all seeds alike and never shows between them
  (the tests simulate it: that test rejects a true null five times too often). So the variance of
  the mean difference per world, over worlds, is added. This counts the episodes' noise within a
  seed in both terms, which errs to the side of caution (two-way clustering without the
  subtracted third term; Cameron, Gelbach and Miller 2011).

Where the worlds of two policies differ, nothing can be paired; the two are then compared as
independent samples, and `method` says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from daf.stats.estimate import (
    EPISODE,
    ROUNDING,
    SEED,
    ErrorTerm,
    Samples,
    error_term,
    join_notes,
    t_interval,
)

MIXED = "mixed"
"""The unit of a trained method against a fixed policy."""


@dataclass(frozen=True)
class Contrast:
    """Policy a minus policy b on the same missions: the difference and where its error comes from.

    difference: in score units. terms: the independent sources of error. unit: `SEED`, `EPISODE` or
    `MIXED`. pairs: per mission the differences on each world, where two fixed policies were given
    the same; else empty. method: the t test in words.
    """

    difference: float
    terms: list[ErrorTerm]
    unit: str
    pairs: list[pd.Series]
    method: str
    note: str | None


def holm_adjust(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjusted p-values, in the order given (Holm 1979).

    The i-th smallest of m (from 0) becomes the largest of (m - j) p_j over j <= i, at most 1.
    """
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p, kind="stable")
    scaled = p[order] * np.arange(len(p), 0, -1)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return adjusted.tolist()


def compare(a: Samples, b: Samples, confidence: float) -> dict:
    """Policy `a` minus policy `b` on the same missions, by t tests.

    Args:
        a, b: their unit values, made for the same missions.
        confidence: coverage of the interval.

    Returns:
        difference, low, high (score units), p (two-sided, uncorrected), df, unit (of both, or
        "mixed"), method (in words), note.
    """
    found = contrast(a, b)
    result = t_interval(found.difference, found.terms, confidence)
    return {
        "difference": found.difference,
        "low": result["low"],
        "high": result["high"],
        "p": result["p"],
        "df": result["df"],
        "unit": found.unit,
        "method": found.method,
        "note": join_notes(found.note, result["note"]),
    }


def contrast(a: Samples, b: Samples) -> Contrast:
    """The difference between two policies on the same missions, with its sources of error."""
    pairs: list[pd.Series] = []
    if a.unit == b.unit == SEED:
        terms, method = a.terms + b.terms, "Welch's t on the means of the training seeds"
        unit = SEED
    elif a.unit == b.unit:
        terms, pairs, method = _fixed_vs_fixed(a, b)
        unit = EPISODE
    else:
        terms, method = _trained_vs_fixed(a, b) if a.unit == SEED else _trained_vs_fixed(b, a)
        unit = MIXED
    difference = a.mean - b.mean
    if abs(difference) <= ROUNDING * max(abs(a.mean), abs(b.mean)):
        difference = 0.0
    return Contrast(difference, terms, unit, pairs, method, join_notes(a.note, b.note))


def _fixed_vs_fixed(a: Samples, b: Samples) -> tuple[list[ErrorTerm], list[pd.Series], str]:
    """Two fixed policies: paired by world in each mission where the worlds are the same."""
    weight = 1 / len(a.scores)
    terms, pairs = [], []
    for mission, cell in a.scores.items():
        left, right = cell.iloc[:, 0], b.scores[mission].iloc[:, 0]
        if left.index.equals(right.index):
            pairs.append(left - right)
            terms.append(error_term(pairs[-1], weight))
        else:
            terms += [error_term(left, weight), error_term(right, weight)]
    if len(pairs) == len(a.scores):
        return terms, pairs, "paired t over worlds"
    where = f" in {len(a.scores) - len(pairs)} of {len(a.scores)} missions" if pairs else ""
    method = f"Welch's t on episodes{where}: the policies were not given the same worlds"
    return terms, [], method


def _trained_vs_fixed(trained: Samples, fixed: Samples) -> tuple[list[ErrorTerm], str]:
    """A trained policy against a fixed one: an error from the seeds, one from the worlds."""
    weight = 1 / len(trained.scores)
    terms, paired = [*trained.terms], True
    for mission, cell in trained.scores.items():
        scores = fixed.scores[mission].iloc[:, 0]
        if cell.index.equals(scores.index) and not cell.isna().any(axis=None):
            scores = cell.mean(axis=1) - scores
        else:
            paired = False
        terms.append(error_term(scores, weight))
    if paired:
        return terms, "t over training seeds and over the worlds that both were given"
    return terms, "Welch's t, seed means against episodes: the two were not given the same worlds"
