"""Memory of an agent besides its map."""

import warp as wp

from daf.policies.baseline.bitboard import in_mask
from daf.policies.baseline.strategy import Strategy
from daf.policies.baseline.team import Team, can_make_heart

# Steps in which agents wait for the next heart, while one of them recharges nearby.
MEETING_STEPS = wp.constant(40)
MAX_TRIP_STEPS = wp.constant(10000)


@wp.struct
class AgentMemory:
    """State of an agent besides its map.

    Attributes:
        carrier: row of the loads.
        team_stock: team resources of all agents, as last seen.
        meeting_steps: steps in which the agent waits for the next heart of a meeting.
        trip_steps: steps since the last meeting.
        last_activity: activity of the last step.
        steps_left: steps until the end of the episode.
        fully_explored: no unseen cell is reachable.
        stays_away: an agent that gave way does so for one more step.
    """

    carrier: int
    team_stock: int
    meeting_steps: int
    trip_steps: int
    last_activity: int
    steps_left: int
    fully_explored: bool
    stays_away: bool


@wp.func
def update_memory_from_visible_team(
    strategy: Strategy, team: Team, memory: AgentMemory
) -> AgentMemory:
    """Return the memory after the observation of the agents in view."""
    # team resources: exact with all agents in view, else a lower bound
    visible_stock = int(0)
    for r in range(strategy.resource.shape[0]):
        if in_mask(strategy.team_resources, r):
            visible_stock += team.stock[r]
    memory.team_stock = wp.max(memory.team_stock, visible_stock)
    if team.num_visible >= strategy.num_agents:
        memory.team_stock = visible_stock
    # a meeting ends a trip, successful or not
    memory.trip_steps = wp.min(memory.trip_steps + 1, MAX_TRIP_STEPS)
    memory.meeting_steps = wp.max(memory.meeting_steps - 1, 0)
    if can_make_heart(strategy, team):
        memory.meeting_steps = MEETING_STEPS
        memory.trip_steps = 0
    elif team.is_present and team.num_present >= strategy.num_agents:
        memory.meeting_steps = 0
        memory.trip_steps = 0
    return memory
