"""Giving way at the assembler."""

import warp as wp

from daf.policies.baseline.bitboard import NOTHING, SIDE, Board, in_mask, is_set
from daf.policies.baseline.strategy import Strategy
from daf.policies.baseline.window import (
    AGENT_TYPE,
    ENERGY,
    HEART,
    TYPE,
    Planes,
    Window,
    rank_by_distance,
    read_plane_at_agent_cell,
)


@wp.func
def should_yield_assembler(
    strategy: Strategy,
    window: Window,
    view: Planes,
    cells_around_assemblers: Board,
    other_agent_cells: Board,
) -> bool:
    """Check whether the agent leaves the assembler in view to other agents.

    The agent that can make a heart and has the lowest distance rank may enter, once no other agent
    is at the assembler. All agents that see each other agree on this agent.
    """
    # first assembler in view
    assembler_cell = int(-1)
    for cell in range(view.shape[1]):
        for kind in range(strategy.type_id.shape[0]):
            if (
                assembler_cell < 0
                and in_mask(strategy.assemblers, kind)
                and int(view[TYPE, cell]) == strategy.type_id[kind] + 1
            ):
                assembler_cell = cell
    if assembler_cell < 0:
        return False

    # distance ranks of all agents that can make a heart
    row, column = assembler_cell // window.width, assembler_cell % window.width
    self_rank = rank_by_distance(window, window.height // 2, window.width // 2, row, column)
    is_first = bool(True)
    for r in range(window.height):
        for c in range(window.width):
            cell = r * window.width + c
            is_agent = int(view[TYPE, cell]) == AGENT_TYPE
            is_rival = (
                is_agent
                and int(view[HEART, cell]) == 0
                and int(view[ENERGY, cell]) >= strategy.low_energy
            )
            if is_rival and rank_by_distance(window, r, c, row, column) < self_rank:
                is_first = False

    # other agents at the assembler
    agents_at_assembler = wp.int64(0)
    for board_row in range(SIDE):
        agents_at_assembler |= cells_around_assemblers[board_row] & other_agent_cells[board_row]
    return not is_first or (
        agents_at_assembler != NOTHING and not is_set(cells_around_assemblers, 0, 0)
    )


@wp.func
def blocks_assembler(
    strategy: Strategy,
    window: Window,
    view: Planes,
    cells_around_assemblers: Board,
    other_agent_cells: Board,
) -> bool:
    """Check whether the agent blocks the assembler for a useful agent.

    It does if enough agents are around the assembler, they lack a resource together, and this agent
    carries nothing of it.
    """
    if not is_set(cells_around_assemblers, 0, 0):
        return False
    blocks = bool(False)
    for r in range(strategy.resource.shape[0]):
        num_agents, amount = int(1), read_plane_at_agent_cell(window, view, strategy.resource[r])
        if amount == 0:
            for window_row in range(window.height):
                for window_column in range(window.width):
                    row = window_row - window.height // 2
                    column = window_column - window.width // 2
                    if is_set(other_agent_cells, row, column) and is_set(
                        cells_around_assemblers, row, column
                    ):
                        num_agents += 1
                        cell = window_row * window.width + window_column
                        amount += int(view[strategy.resource[r], cell])
            blocks = blocks or (num_agents >= strategy.team and amount < strategy.recipe_amount[r])
    return blocks
