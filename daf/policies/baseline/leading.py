"""Leaders and followers: agents go together to sources that give more to more agents.

A leader shows a glyph. The agent with the smallest glyph in view leads all others.
"""

import warp as wp

from daf.policies.baseline.bitboard import in_mask
from daf.policies.baseline.memory import AgentMemory
from daf.policies.baseline.strategy import Strategy
from daf.policies.baseline.team import Team
from daf.policies.baseline.window import GLYPH, Planes, Window, read_plane_at_agent_cell


@wp.func
def own_glyph_as_leader(strategy: Strategy, memory: AgentMemory) -> int:
    """Return the glyph that the agent shows as leader; the last carrier has the smallest."""
    return strategy.load.shape[0] - memory.carrier


@wp.func
def lacks_team_resource(
    strategy: Strategy, window: Window, view: Planes, team: Team, memory: AgentMemory
) -> bool:
    """Check whether the team carries too little of the resources of team sources.

    With a leader in view, the agents stay together until they have enough for a full trip.
    """
    stock_needed = strategy.low_team_stock
    if team.leader_glyph > 0 or read_plane_at_agent_cell(window, view, GLYPH) > 0:
        stock_needed = strategy.full_team_stock
    return strategy.team_sources != 0 and memory.team_stock < stock_needed


@wp.func
def may_go_to_team_source(strategy: Strategy, memory: AgentMemory, missing_mask: int) -> bool:
    """Check whether the agent may go to a team source.

    Agents with a complete load come to the assembler first, if a heart can be made.
    """
    can_wait = missing_mask != 0 or memory.team_stock < strategy.team_stock_of_heart
    return can_wait and not in_mask(strategy.staying_carriers, memory.carrier)


@wp.func
def sees_leader(strategy: Strategy, team: Team, memory: AgentMemory) -> bool:
    """Check whether an agent in view leads this agent."""
    return team.leader_glyph > 0 and team.leader_glyph < own_glyph_as_leader(strategy, memory)


@wp.func
def should_lead_to_team_source(strategy: Strategy, team: Team, memory: AgentMemory) -> bool:
    """Check whether the agent would reach a team source with all others, or is to go alone."""
    return (
        team.num_visible >= strategy.num_agents
        or memory.team_stock < strategy.team_stock_of_heart
        or in_mask(strategy.team_collectors, memory.carrier)
    )
