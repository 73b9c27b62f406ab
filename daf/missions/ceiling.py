"""The ceiling of a mission: an upper bound of its score that follows from its tables.

docs/ceilings.md gives the reason for each limit, under the same names.
"""

from dataclasses import dataclass
from math import floor

from daf.config import ConfigError, short_json
from daf.missions.ceiling_constraints import CeilingConstraints
from daf.missions.mission import Mission


@dataclass(frozen=True)
class Bound:
    """What no episode of a mission can exceed.

    Attributes:
        hearts: the most that the score can be; None if there is no such bound.
        because: the limits it follows from, or why there is none.
    """

    hearts: int | None
    binding_limits: tuple[str, ...]


def score_bound(mission: Mission) -> Bound:
    """An upper bound of the score of every episode, whoever plays.

    The most hearts that a linear program allows, whose variables are the uses of each recipe, the
    deposits and the steps walked in a whole episode, and whose limits every episode keeps.
    """
    if mission.max_steps == 0:
        return Bound(None, ("an episode has no end",))
    bound, binding_limits = CeilingConstraints(mission).program().maximize("hearts")
    return Bound(floor(bound), tuple(binding_limits))


def resolve_ceiling(mission: Mission) -> float | None:
    """The ceiling that a mission gives itself, or else the one that is proved here.

    Raises:
        ConfigError: it gives itself a higher one than is possible.
    """
    bound = score_bound(mission)
    if bound.hearts is None:
        return mission.ceiling
    if mission.ceiling is None:
        return float(bound.hearts)
    if mission.ceiling > bound.hearts:
        raise ConfigError(
            f"key 'ceiling': got {short_json(mission.ceiling)}; no episode can have more than "
            f"{bound.hearts} ({', '.join(bound.binding_limits)}): give at most that, or leave it out"
        )
    return mission.ceiling
