"""Sentence of the report about the best known play of a mission."""

from collections.abc import Sequence
from typing import NamedTuple

from daf.report.result_types import Estimate


class BestKnownScore(NamedTuple):
    """Score of the best known play of a mission, in hearts, and who found it."""

    score: int
    found_by: str


def describe_best_known_score(
    best: BestKnownScore, ceiling: float | None, estimates: Sequence[Estimate]
) -> str:
    """Compare the best known play with the ceiling and with the mean scores of the policies.

    Args:
        best: score of the best known play.
        ceiling: proven upper bound of the score; None if unknown.
        estimates: estimates of the policies on the mission, in hearts.
    """
    text = f"Best known play: {best.score} hearts, by {best.found_by}"
    if any(estimate["mean"] > best.score for estimate in estimates):
        return f"{text}; a policy of this report has a higher mean."
    if ceiling:
        text += f", {100 * best.score / ceiling:.0f} % of the ceiling"
        if best.score < ceiling:
            text += "; the optimum lies between"
    if not best.score:
        return f"{text}."
    shares = [
        f"{estimate['policy']} {100 * estimate['mean'] / best.score:.0f} %"
        for estimate in estimates
    ]
    return f"{text}. Mean scores as shares of it: {', '.join(shares)}."
