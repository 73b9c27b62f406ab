"""Names of game statistics and of the metric columns of the episode table."""

from daf.missions.mission import Mission
from daf.missions.stations import RESOURCES

COUNTER_NAMES = (
    "hearts_stored",  # hearts in all chests minus those at the start: the score
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


def station_types_on_map(mission: Mission) -> tuple[str, ...]:
    """Return the names of the station types on the map of a mission, sorted."""
    return tuple(sorted({name for _, _, name in mission.find_cells_with(*mission.stations)}))


def metric_columns(mission: Mission) -> list[str]:
    """Return the metric columns of the episode table: score, rewards, length, game statistics."""
    rewards = [f"reward_agent_{agent}" for agent in range(mission.num_agents)]
    return ["score", "reward_mean", *rewards, "steps", *statistic_names(mission)]


def statistic_names(mission: Mission) -> list[str]:
    """Return the names of the C game statistics of a mission.

    They are COUNTER_NAMES, then `made_RESOURCE` (output of stations that agents could carry), then
    `uses_STATION` for each station type on the map.
    """
    production = [f"made_{resource}" for resource in RESOURCES]
    return [
        *COUNTER_NAMES,
        *production,
        *(f"uses_{name}" for name in station_types_on_map(mission)),
    ]
