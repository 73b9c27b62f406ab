"""Game statistics: what is counted in every world, and its name."""

from daf.missions.mission import Mission
from daf.missions.stations import RESOURCES

COUNTER_NAMES = (
    "hearts_stored",  # hearts in the chests now, less those at the start: the score
    "hearts_deposited",
    "hearts_withdrawn",
    "hearts_destroyed",
    "hearts_made_by_1",
    "hearts_made_by_2",
    "hearts_made_by_3",
    "hearts_made_by_4_or_more",
    "moves",
    "failed_moves",
    "shares",
    "glyph_changes",
    "invalid_actions",
    "energy_spent_moving",
    "partial_uses",
    "repairs",
    "clips",
)


def station_types(mission: Mission) -> tuple[str, ...]:
    """Kinds of stations on the map of a mission, sorted by name."""
    return tuple(sorted({name for _, _, name in mission.cells_with(*mission.stations)}))


def metric_columns(mission: Mission) -> list[str]:
    """Columns of the episode table that measure something: score, rewards, length, statistics."""
    rewards = [f"reward_agent_{agent}" for agent in range(mission.num_agents)]
    return ["score", "reward_mean", *rewards, "steps", *statistic_names(mission)]


def statistic_names(mission: Mission) -> list[str]:
    """Names of the K statistics of a mission: COUNTED, then `made_RESOURCE` (output of stations
    that agents could carry), then `uses_STATION` for each kind of station on the map."""
    made = [f"made_{resource}" for resource in RESOURCES]
    return [*COUNTER_NAMES, *made, *(f"uses_{name}" for name in station_types(mission))]
