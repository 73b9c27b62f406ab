"""Normalization of scores: a common scale of missions with different ceilings.

The ceiling of a mission is a proven upper bound of its score. A share of the ceiling has the same
range on every mission, so a mean over missions weights them equally.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from daf.stats.estimate import HEARTS, SHARE


@dataclass(frozen=True)
class OverallScale:
    """Missions of all overall results, and the unit of their scores.

    Attributes:
        missions: names of the missions, in their order.
        left_out: missions without a ceiling, if others have one; overall results omit them.
        score_unit: `SHARE`, or `HEARTS` if no mission has a ceiling.
        divisors: ceiling of each mission; 1 for `HEARTS`.
    """

    missions: list[str]
    left_out: list[str]
    score_unit: str
    divisors: dict[str, float]

    @property
    def ceiling(self) -> float | None:
        """Upper bound of an overall score; None if unknown."""
        return 1.0 if self.score_unit == SHARE else None

    def select_missions_and_normalize_scores(self, episodes: pd.DataFrame) -> pd.DataFrame:
        """Return the episodes of `missions`, with scores in `score_unit`."""
        rows = episodes[episodes["mission"].isin(self.missions)]
        if self.score_unit == HEARTS:
            return rows
        return rows.assign(score=rows["score"] / rows["mission"].map(self.divisors))


def choose_overall_scale(
    mission_names: Sequence[str], ceilings: Mapping[str, float | None]
) -> OverallScale:
    """Choose the scale of overall results: shares of the ceiling if any mission has one.

    Args:
        mission_names: candidates.
        ceilings: proven upper bounds of the score by mission; None, 0 or absent if unknown.
    """
    divisors = {name: float(bound) for name in mission_names if (bound := ceilings.get(name))}
    if not divisors:
        return OverallScale([*mission_names], [], HEARTS, dict.fromkeys(mission_names, 1.0))
    left_out = [name for name in mission_names if name not in divisors]
    return OverallScale([*divisors], left_out, SHARE, divisors)
