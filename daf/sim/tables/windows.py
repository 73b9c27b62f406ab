"""Tables of visibility: the cells, stations and wall tokens of every observation window."""

from typing import NamedTuple

import numpy as np

from daf.sim.token_copies import PADDING_TOKENS

WORD = 64
"""Bits per mask word."""

CHUNK_VIEWS = 4096
"""Views sorted per chunk, which limits the memory."""

WALL_TOKEN = (0, 1)
"""Feature and value of a wall token (type_id 1)."""


class WindowCells(NamedTuple):
    """The P cells of an observation window in token order; the index of a cell is its rank."""

    grid_index_offset: np.ndarray  # int32 [P], padded grid index relative to the agent's cell
    location: np.ndarray  # uint8 [P], location byte of a token: row << 4 | column


def build_window_cells(height: int, width: int, padded_width: int) -> WindowCells:
    """Build the window: cells by Manhattan distance, then row, then column.

    Args:
        height: rows of the window.
        width: columns of the window.
        padded_width: columns of the padded grid.
    """
    half_height, half_width = height // 2, width // 2
    cells = sorted(
        (abs(row) + abs(column), row, column)
        for row in range(-half_height, half_height + 1)
        for column in range(-half_width, half_width + 1)
    )
    return WindowCells(
        np.asarray([row * padded_width + col for _, row, col in cells], dtype=np.int32),
        np.asarray(
            [(row + half_height) << 4 | (col + half_width) for _, row, col in cells], dtype=np.uint8
        ),
    )


class WindowContentTables(NamedTuple):
    """Visibility tables of every cell that an agent can occupy.

    D is the largest offset of the window.
    """

    visible_stations: np.ndarray
    """int64 [Y, G, words + 1], bit mask of the stations by rank, then the index of the view."""
    wall_mask: np.ndarray
    """int64 [views, words], bit mask of the walls by rank."""
    wall_tokens: np.ndarray
    """uint8 [views, P + PADDING_TOKENS, 3], wall tokens of a view by rank."""
    token_order_rank_by_offset: np.ndarray
    """int16 [2 * D + 1], rank of a cell by its offset + D, -1 outside the window."""


def window_content_tables(
    window: WindowCells, walls: np.ndarray, stations: np.ndarray, agent_cells: np.ndarray
) -> WindowContentTables:
    """Build the visibility tables of every cell that an agent can occupy.

    Cells that see the same walls share a view. Tables that differ between layouts are contiguous,
    in the order of the kernel's accesses.

    Args:
        window: cells of the observation window, P ranks.
        walls: bool [Y, G], walls of the padded grids.
        stations: bool [Y, G], stations of the padded grids.
        agent_cells: bool [Y, G], cells that an agent can occupy.
    """
    num_ranks = len(window.grid_index_offset)
    num_words = -(-num_ranks // WORD)
    visible_stations = np.zeros((*agent_cells.shape, num_words + 1), dtype=np.int64)
    wall_masks = []
    for layout, is_walkable in enumerate(agent_cells):
        cells = np.flatnonzero(is_walkable)
        neighborhood = cells[:, None] + window.grid_index_offset
        wall_masks.append(_pack_bits_to_words(walls[layout, neighborhood]))
        visible_stations[layout, cells, :num_words] = _pack_bits_to_words(
            stations[layout, neighborhood]
        )
    views, view_ids = np.unique(np.concatenate(wall_masks), axis=0, return_inverse=True)
    visible_stations[agent_cells, num_words] = view_ids.reshape(-1)
    tokens = np.zeros((len(views), num_ranks + PADDING_TOKENS, 3), dtype=np.uint8)
    for start in range(0, len(views), CHUNK_VIEWS):
        chunk = slice(start, start + CHUNK_VIEWS)
        is_wall = np.unpackbits(
            views[chunk].view(np.uint8), axis=1, count=num_ranks, bitorder="little"
        )
        tokens[chunk, :num_ranks, 0] = window.location[
            np.argsort(1 - is_wall, axis=1, kind="stable")
        ]
    tokens[:, :, 1:] = WALL_TOKEN
    max_offset = int(window.grid_index_offset.max())
    rank_by_offset = np.full(2 * max_offset + 1, -1, dtype=np.int16)
    rank_by_offset[window.grid_index_offset + max_offset] = np.arange(num_ranks)
    return WindowContentTables(visible_stations, views, tokens, rank_by_offset)


def _pack_bits_to_words(bits: np.ndarray) -> np.ndarray:
    """Pack bool [n, P] into int64 [n, words]: rank r is bit r % 64 of word r // 64."""
    padding = -bits.shape[1] % WORD
    padded = np.pad(bits, ((0, 0), (0, padding)))
    return np.packbits(padded, axis=1, bitorder="little").view("<i8")
