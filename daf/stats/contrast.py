"""Differences between two policies, with intervals, p-values and Holm's correction.

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
"""Unit of a comparison of a trained method with a fixed policy."""


@dataclass(frozen=True)
class Contrast:
    """Difference of two policies on the same missions, with its sources of error.

    Attributes:
        difference: mean of policy a minus mean of policy b, in score units.
        terms: independent sources of error.
        unit: `SEED`, `EPISODE` or `MIXED`.
        pairs: differences by world for each mission, for two fixed policies on the same worlds;
            else empty.
        method: description of the t test.
        note: restrictions of the result; None without any.
    """

    difference: float
    terms: list[ErrorTerm]
    unit: str
    pairs: list[pd.Series]
    method: str
    note: str | None


def holm_adjust(p_values: Sequence[float]) -> list[float]:
    """Return Holm's step-down adjusted p-values, in the order of the input (Holm 1979).

    The i-th smallest of m p-values (from 0) becomes the maximum of (m - j) p_j over j <= i, at
    most 1.
    """
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p, kind="stable")
    scaled = p[order] * np.arange(len(p), 0, -1)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return adjusted.tolist()


def compare(a: Samples, b: Samples, confidence: float) -> dict:
    """Compare two policies on the same missions by a t test.

    Args:
        a: unit values of the first policy.
        b: unit values of the second policy, on the same missions.
        confidence: coverage of the interval.

    Returns:
        difference (a - b), low, high (score units), p (two-sided, uncorrected), df, unit (common
        unit, or "mixed"), method (text), note.
    """
    difference = compute_contrast(a, b)
    result = t_interval(difference.difference, difference.terms, confidence)
    return {
        "difference": difference.difference,
        "low": result["low"],
        "high": result["high"],
        "p": result["p"],
        "df": result["df"],
        "unit": difference.unit,
        "method": difference.method,
        "note": join_notes(difference.note, result["note"]),
    }


def compute_contrast(a: Samples, b: Samples) -> Contrast:
    """Compute the difference of two policies on the same missions, with its sources of error."""
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
    """Return error terms, pairs and method for two fixed policies, paired by world if possible."""
    weight = 1 / len(a.scores)
    terms, pairs = [], []
    for mission, scores in a.scores.items():
        scores_a, scores_b = scores.iloc[:, 0], b.scores[mission].iloc[:, 0]
        if scores_a.index.equals(scores_b.index):
            pairs.append(scores_a - scores_b)
            terms.append(error_term(pairs[-1], weight))
        else:
            terms += [error_term(scores_a, weight), error_term(scores_b, weight)]
    if len(pairs) == len(a.scores):
        return terms, pairs, "paired t over worlds"
    scope = f" in {len(a.scores) - len(pairs)} of {len(a.scores)} missions" if pairs else ""
    method = f"Welch's t on episodes{scope}: the policies have different worlds"
    return terms, [], method


def _trained_vs_fixed(trained: Samples, fixed: Samples) -> tuple[list[ErrorTerm], str]:
    """Return error terms (seeds and worlds) and method for a trained and a fixed policy."""
    weight = 1 / len(trained.scores)
    terms, paired = [*trained.terms], True
    for mission, trained_scores in trained.scores.items():
        scores = fixed.scores[mission].iloc[:, 0]
        same_worlds = trained_scores.index.equals(scores.index)
        if same_worlds and not trained_scores.isna().any(axis=None):
            scores = trained_scores.mean(axis=1) - scores
        else:
            paired = False
        terms.append(error_term(scores, weight))
    if paired:
        return terms, "t over training seeds and over shared worlds"
    return terms, "Welch's t, seed means against episodes: the policies have different worlds"
