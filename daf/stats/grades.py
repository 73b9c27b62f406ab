"""Two grades of certainty of a comparison: model-based and distribution-free.

The outcome of a comparison is that of the model-based test: "if seeds vary like those seen". The
distribution-free test has its own p-value, its own Holm correction and its own outcome. The grade
of a decided comparison is `DECIDED_FREE` if both outcomes agree, else `DECIDED`. The rule is fixed
before the scores are known.

Where no unit varies and no permutation test exists, the model has no test. The distribution-free
outcome is then the outcome of the comparison. A comparison with too few training seeds for a model
stays untested, unless the distribution-free test decides it.
"""

from collections.abc import Sequence
from typing import Any

from daf.stats.holm import holm_adjust

DECIDED, DECIDED_FREE = "decided", "decided, distribution-free"

BETTER, WORSE, EQUIVALENT, UNDECIDED = "better", "worse", "equivalent", "undecided"
NOT_TESTED = "not tested"


def correct_distribution_free_p_values(
    results: Sequence[dict[str, Any]], significance_level: float
) -> list[dict[str, Any]]:
    """Correct the distribution-free p-values of one family, and classify the outcomes.

    Args:
        results: output of `compare_distribution_free` for all pairs of the family.
        significance_level: family-wise level.

    Returns:
        results with `p_holm` (None: not tested) and `outcome` ("better" or "worse" (a than b),
        "undecided" or "not tested").
    """
    p_values = [result["p_value"] for result in results if result["p_value"] is not None]
    corrected = iter(holm_adjust(p_values))
    completed = []
    for result in results:
        p_holm = None if result["p_value"] is None else next(corrected)
        outcome = NOT_TESTED if p_holm is None else UNDECIDED
        if p_holm is not None and p_holm < significance_level:
            outcome = BETTER if result["low"] + result["high"] > 0 else WORSE
        completed.append(result | {"p_holm": p_holm, "outcome": outcome})
    return completed


def grade_outcome(outcome: str, distribution_free_outcome: str) -> str | None:
    """Return the grade of a comparison: `DECIDED_FREE`, `DECIDED`, or None if undecided.

    Args:
        outcome: outcome of the comparison.
        distribution_free_outcome: outcome of its distribution-free test.
    """
    if outcome not in (BETTER, WORSE):
        return None
    return DECIDED_FREE if distribution_free_outcome == outcome else DECIDED
