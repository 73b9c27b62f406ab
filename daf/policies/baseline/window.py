"""Observation tokens of an agent as planes: one number per feature and cell of the window."""

import torch
import warp as wp

from daf.policies.game import Game

Tokens = wp.array(dtype=wp.vec3ub)
Planes = wp.array2d(dtype=wp.uint8)

FEATURES = (
    "type_id",
    "cooldown",
    "clipped",
    "remaining_uses",
    "energy",
    "heart",
    "last_action",
    "last_argument",
    "glyph",
)
"""Planes of every game, in order; the planes of further resources follow."""

TYPE, COOLDOWN, CLIPPED, USES = (wp.constant(plane) for plane in range(4))
ENERGY, HEART, VERB, ARGUMENT, GLYPH = (wp.constant(plane) for plane in range(4, 9))
AGENT_TYPE, WALL_TYPE = wp.constant(1), wp.constant(2)  # type id + 1, see `add_tokens_to_planes`
NO_PLANE = wp.constant(-1)


@wp.struct
class Window:
    """Shape of the window, and the plane of each feature.

    P = height * width is the number of cells.

    Attributes:
        height: rows of the window.
        width: columns of the window.
        tokens: upper bound of tokens per observation.
        center: index of the cell of the agent itself.
        plane: int32 [256], plane of each feature; NO_PLANE for ignored features.
    """

    height: int
    width: int
    tokens: int
    center: int
    plane: wp.array(dtype=wp.int32)


def build_window(game: Game, plane_features: tuple[str, ...], device: str) -> Window:
    """Build the window of a game.

    Args:
        game: observation interface.
        plane_features: names of the features, one plane each.
        device: torch device of the arrays.
    """
    window = Window()
    window.height, window.width = game.window
    window.center = window.height * window.width // 2
    window.tokens = game.used_tokens
    plane = torch.full((256,), NO_PLANE, dtype=torch.int32)
    for index, name in enumerate(plane_features):
        plane[game.features.index(name)] = index
    window.plane = wp.from_torch(plane.to(device))
    return window


@wp.func
def add_tokens_to_planes(window: Window, tokens: Tokens, zeroed_planes: Planes):
    """Write the tokens of one observation into planes of zeros.

    For type ids and remaining uses the plane holds the value + 1, since their value 0 differs from
    a missing token.

    Args:
        window: shape and planes.
        tokens: [T], observation.
        zeroed_planes: uint8 [planes, P], filled with zeros.
    """
    for i in range(wp.min(window.tokens, tokens.shape[0])):
        token = tokens[i]
        if token[0] == wp.uint8(255):
            break
        row, column = token_row(token), token_column(token)
        plane = window.plane[int(token[1])]
        if row < window.height and column < window.width and plane != NO_PLANE:
            offset = wp.uint8(int(plane == TYPE) + int(plane == USES))
            zeroed_planes[plane, row * window.width + column] = token[2] + offset


@wp.func
def token_row(token: wp.vec3ub) -> int:
    """Return the window row of a token, the high half of its location byte."""
    return int(token[0]) >> 4


@wp.func
def token_column(token: wp.vec3ub) -> int:
    """Return the window column of a token, the low half of its location byte."""
    return int(token[0]) & 15


@wp.func
def read_plane_at_agent_cell(window: Window, view: Planes, plane: int) -> int:
    """Return the value of a plane at the cell of the agent itself."""
    return int(view[plane, window.center])


@wp.func
def rank_by_distance(window: Window, row: int, column: int, from_row: int, from_column: int) -> int:
    """Return the rank of a cell by Manhattan distance from another cell, then in reading order."""
    distance = wp.abs(row - from_row) + wp.abs(column - from_column)
    return (distance * window.height + row) * window.width + column


@wp.func
def find_distance_rank_of_last_token(window: Window, tokens: Tokens) -> int:
    """Return the rank of the cell of the last token, by distance from the center.

    The rank is 2^30 if no token was cut off.
    """
    last = tokens[tokens.shape[0] - 1]
    row, column = token_row(last), token_column(last)
    last_rank = int(1 << 30)
    if row < window.height and column < window.width:
        last_rank = rank_by_distance(window, row, column, window.height // 2, window.width // 2)
    return last_rank
