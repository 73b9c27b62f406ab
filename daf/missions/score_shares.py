"""Shares of the ceiling, whose mean over several missions weighs all missions equally."""

import math
from collections.abc import Iterable, Mapping, Sequence

from daf.missions.ceiling import choose_declared_or_proven_ceiling
from daf.missions.mission import Mission


def multi_mission_share_divisors(missions: Sequence[Mission]) -> dict[str, float] | None:
    """Return the hearts that a share of 1 means on each training mission of a run.

    A mean of hearts would depend almost only on the missions with a high ceiling. A mission without
    a ceiling above 0 has the divisor NaN and does not count: no episode can score there.

    Returns:
        hearts by name of the mission, in the order of `missions`; None for a single mission, whose
        mean score is in hearts.
    """
    if len(missions) < 2:
        return None
    return {
        mission.name: choose_declared_or_proven_ceiling(mission) or math.nan for mission in missions
    }


def select_divisors(divisors: Mapping[str, float], mission_names: Iterable[str]) -> list[float]:
    """Return the divisors of some missions; all are infinite, and all shares 0, if none counts.

    Args:
        divisors: output of `multi_mission_share_divisors`.
        mission_names: names of the missions.
    """
    selected = [divisors[name] for name in mission_names]
    return [math.inf] * len(selected) if all(map(math.isnan, selected)) else selected
