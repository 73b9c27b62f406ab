"""Ceiling of a mission: an upper bound of its score, proven from its rules and map.

docs/explanation/ceilings.md gives the reason for each limit, under the same names.
"""

from dataclasses import dataclass
from math import floor

from daf.config import ConfigError, short_json
from daf.missions.ceiling_constraints import CeilingConstraints
from daf.missions.mission import Mission


@dataclass(frozen=True)
class ScoreBound:
    """Upper bound of the score of every episode of a mission.

    Attributes:
        hearts: maximum score; None without a bound.
        binding_limits: names of the limits that prove the bound, or the reason for its absence.
    """

    hearts: int | None
    binding_limits: tuple[str, ...]


def compute_score_bound(mission: Mission) -> ScoreBound:
    """Compute an upper bound of the score of every episode, for any policy.

    The bound is the maximum number of hearts in a linear program. Its variables are the uses of
    each recipe, the deposits and the steps walked in an episode; every episode meets its limits.
    """
    if mission.max_steps == 0:
        return ScoreBound(None, ("an episode has no end",))
    bound, binding_limits = CeilingConstraints(mission).build_program().prove_upper_bound("hearts")
    return ScoreBound(floor(bound), tuple(binding_limits))


def choose_declared_or_proven_ceiling(mission: Mission) -> float | None:
    """Return the ceiling in the mission file, or else the proven bound.

    Raises:
        ConfigError: the ceiling in the file is above the proven bound.
    """
    bound = compute_score_bound(mission)
    if bound.hearts is None:
        return mission.ceiling
    if mission.ceiling is None:
        return float(bound.hearts)
    if mission.ceiling > bound.hearts:
        raise ConfigError(
            f"key 'ceiling': got {short_json(mission.ceiling)}; expected at most the proven bound "
            f"{bound.hearts} ({', '.join(bound.binding_limits)}), or no ceiling"
        )
    return mission.ceiling
