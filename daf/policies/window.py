"""The window of an agent: from observation tokens to planes, and from planes to bit boards."""

import torch

from daf.policies.game import Game
from daf.policies.memory_map import RADIUS, SIDE

AGENT_TYPE, WALL_TYPE = 1, 2  # type ids in the planes are one higher than in the tokens


class Window:
    """Tables that say where in the planes a token belongs, and where in a board a cell.

    Axes: N rows (agents), P planes (one per chosen feature), C = H * W cells of the window.

    Attributes:
        planes: the plane of each chosen feature, by name.
        centre: the cell of the agent itself.
        order: int16 [C, C], cells by distance from a cell, then in reading order.
        lines: the rows of a board that the window covers.
    """

    def __init__(self, game: Game, features: tuple[str, ...], device: str):
        self.used_tokens = game.used_tokens
        height, self.width = game.window
        self.cells = height * self.width
        self.centre = self.cells // 2
        self.planes = {name: plane for plane, name in enumerate(features)}
        self.size = len(features) * self.cells
        self.plane_start = torch.full((256,), self.size, device=device)
        self.cell_of = torch.full((256,), self.size, device=device)
        # In these features 0 says something; in the planes it stands for no token.
        self.raised = torch.zeros(256, dtype=torch.uint8, device=device)
        for name, plane in self.planes.items():
            feature = game.features.index(name)
            self.plane_start[feature] = plane * self.cells
            self.raised[feature] = name in ("type_id", "remaining_uses")
        cells = torch.arange(self.cells, device=device)
        rows, columns = cells // self.width, cells % self.width
        self.cell_of[rows << 4 | columns] = cells
        distance = (rows[:, None] - rows).abs() + (columns[:, None] - columns).abs()
        self.order = (distance * self.cells + cells).to(torch.int16)
        self.bits = 2.0 ** torch.arange(self.width, device=device)
        self.lines = slice(RADIUS - height // 2, RADIUS + height // 2 + 1)

    def look(self, observations: torch.Tensor) -> torch.Tensor:
        """Observations uint8 [N, T, 3] as planes uint8 [N, P, C]; 0 where there is no token."""
        location, feature, value = observations[:, : self.used_tokens].unbind(2)
        feature = feature.int()
        place = self.plane_start[feature] + self.cell_of[location.int()]
        planes = observations.new_zeros(len(observations), self.size + 1)
        planes.scatter_(1, place.clamp_(max=self.size), value + self.raised[feature])
        return planes[:, :-1].view(-1, len(self.planes), self.cells)

    def seen(self, observations: torch.Tensor) -> torch.Tensor:
        """Which cells the tokens describe, bool [N, C]: all, unless the tokens were cut off."""
        order = self.order[self.centre]
        last = self.cell_of[observations[:, -1, 0].int()]
        cut = order[last.clamp(max=self.cells - 1)]
        return order < torch.where(last < self.cells, cut, order.max() + 1)[:, None]

    def lines_of(self, cells: torch.Tensor) -> torch.Tensor:
        """Boards bool [N, B, C] of the window as bits, int64 [N, B, H]: the `lines` of a map."""
        # Sums of powers of two below 2^15 are exact in float32, and matrix products are fast.
        rows = (cells.view(-1, self.width).float() @ self.bits).to(torch.int64)
        return (rows << (RADIUS - self.width // 2)).view(*cells.shape[:2], -1)

    def whole(self, lines: torch.Tensor) -> torch.Tensor:
        """The `lines` int64 [N, H] within an otherwise empty board [N, SIDE]."""
        board = lines.new_zeros(len(lines), SIDE)
        board[:, self.lines] = lines
        return board
