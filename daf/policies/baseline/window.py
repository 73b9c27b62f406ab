"""The window of an agent: its observation tokens as planes, one number per feature and cell."""

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
)
"""The planes that there are in every game; those of further resources follow."""

TYPE, COOLDOWN, CLIPPED, USES = (wp.constant(plane) for plane in range(4))
ENERGY, HEART, VERB, ARGUMENT = (wp.constant(plane) for plane in range(4, 8))
AGENT_TYPE, WALL_TYPE = wp.constant(1), wp.constant(2)  # raised, as `fill_planes` says
NO_PLANE = wp.constant(-1)


@wp.struct
class Window:
    """The shape of the window, and what is looked at in it.

    Axes: P planes, C = height * width cells.

    Attributes:
        tokens: no observation has more than these.
        centre: the cell of the agent itself.
        plane: int32 [256], of each feature.
    """

    height: int
    width: int
    tokens: int
    centre: int
    plane: wp.array(dtype=wp.int32)


def window_of(game: Game, features: tuple[str, ...], device: str) -> Window:
    """The window of a game, with a plane for each of these features."""
    window = Window()
    window.height, window.width = game.window
    window.centre = window.height * window.width // 2
    window.tokens = game.used_tokens
    plane = torch.full((256,), NO_PLANE, dtype=torch.int32)
    for number, name in enumerate(features):
        plane[game.features.index(name)] = number
    window.plane = wp.from_torch(plane.to(device))
    return window


@wp.func
def fill_planes(window: Window, tokens: Tokens, view: Planes):
    """Write an observation, [T] tokens, into planes of zeros, uint8 [P, C].

    In some features 0 says something; their numbers are raised by one.
    """
    for i in range(wp.min(window.tokens, tokens.shape[0])):
        token = tokens[i]
        if token[0] == wp.uint8(255):
            break
        row, column = row_of(token), column_of(token)
        plane = window.plane[int(token[1])]
        if row < window.height and column < window.width and plane != NO_PLANE:
            raised = wp.uint8(int(plane == TYPE) + int(plane == USES))
            view[plane, row * window.width + column] = token[2] + raised


@wp.func
def row_of(token: wp.vec3ub) -> int:
    return int(token[0]) >> 4


@wp.func
def column_of(token: wp.vec3ub) -> int:
    return int(token[0]) & 15


@wp.func
def self_value(window: Window, view: Planes, plane: int) -> int:
    """What a plane says of the agent itself."""
    return int(view[plane, window.centre])


@wp.func
def rank(window: Window, row: int, column: int, from_row: int, from_column: int) -> int:
    """The place of a cell in the order by distance from another, then in reading order."""
    distance = wp.abs(row - from_row) + wp.abs(column - from_column)
    return (distance * window.height + row) * window.width + column


@wp.func
def last_token_rank(window: Window, tokens: Tokens) -> int:
    """The place of the last cell that is told of, in the order from the centre; a place behind
    all if no token was cut off."""
    last = tokens[tokens.shape[0] - 1]
    row, column = row_of(last), column_of(last)
    place = int(1 << 30)
    if row < window.height and column < window.width:
        place = rank(window, row, column, window.height // 2, window.width // 2)
    return place
