"""Tables of visibility: the cells, stations and wall tokens of every observation window."""

from typing import NamedTuple

import numpy as np

from daf.sim.token_copies import PADDING_TOKENS

WORD = 64
"""Bits of a mask."""

CHUNK_VIEWS = 4096
"""Views whose walls are put in order together; all of them would need much memory."""

WALL_TOKEN = (0, 1)
"""Feature and value of a wall: its type."""


class Window(NamedTuple):
    """The P cells of a window in the order of their tokens; a cell's number in it is its rank."""

    offset: np.ndarray  # int32 [P] index in the grid, from the agent's cell
    location: np.ndarray  # uint8 [P] as tokens have it: row << 4 | column


def window_cells(height: int, width: int, padded_width: int) -> Window:
    """By Manhattan distance, then row, then column: the engine's order of cells."""
    half_height, half_width = height // 2, width // 2
    cells = sorted(
        (abs(row) + abs(column), row, column)
        for row in range(-half_height, half_height + 1)
        for column in range(-half_width, half_width + 1)
    )
    return Window(
        np.asarray([row * padded_width + col for _, row, col in cells], dtype=np.int32),
        np.asarray(
            [(row + half_height) << 4 | (col + half_width) for _, row, col in cells], dtype=np.uint8
        ),
    )


def visibility_tables(
    seen: Window, walls: np.ndarray, stations: np.ndarray, standable: np.ndarray
) -> dict[str, np.ndarray]:
    """Which ranks hold walls and stations, seen from each cell an agent can stand on.

    Cells that see the same walls share a view; there are V of them, and W words of 64 ranks. What
    differs between the layouts is kept as close together as it is looked at.

    Args:
        walls, stations, standable: bool [M, G], of every cell of the padded grids.

    Returns:
        `visible_stations` int64 [M, G, W + 1], the mask of the stations and the number of the view;
        `wall_mask` int64 [V, W]; `wall_tokens` uint8 [V, P + SPARE_TOKENS, 3], the tokens of the
        walls of a view in their order; `rank` int16 [2 * D + 1], by difference of cells + D, -1
        where that is outside the window.
    """
    ranks = len(seen.offset)
    words = -(-ranks // WORD)
    sight = np.zeros((*standable.shape, words + 1), dtype=np.int64)
    wall_masks = []
    for layout, row in enumerate(standable):
        cells = np.flatnonzero(row)
        around = cells[:, None] + seen.offset
        wall_masks.append(_masks(walls[layout, around]))
        sight[layout, cells, :words] = _masks(stations[layout, around])
    views, number = np.unique(np.concatenate(wall_masks), axis=0, return_inverse=True)
    sight[standable, words] = number.reshape(-1)
    tokens = np.zeros((len(views), ranks + PADDING_TOKENS, 3), dtype=np.uint8)
    for start in range(0, len(views), CHUNK_VIEWS):
        some = slice(start, start + CHUNK_VIEWS)
        walls_in = np.unpackbits(views[some].view(np.uint8), axis=1, count=ranks, bitorder="little")
        tokens[some, :ranks, 0] = seen.location[np.argsort(1 - walls_in, axis=1, kind="stable")]
    tokens[:, :, 1:] = WALL_TOKEN
    reach = int(seen.offset.max())
    rank = np.full(2 * reach + 1, -1, dtype=np.int16)
    rank[seen.offset + reach] = np.arange(ranks)
    return {
        "visible_stations": sight,
        "wall_mask": views,
        "wall_tokens": tokens,
        "rank_by_offset": rank,
    }


def _masks(present: np.ndarray) -> np.ndarray:
    """Bit `rank % 64` of word `rank // 64` says what is present, int64 [N, W] of bool [N, P]."""
    padding = -present.shape[1] % WORD
    bits = np.pad(present, ((0, 0), (0, padding)))
    return np.packbits(bits, axis=1, bitorder="little").view("<i8")
