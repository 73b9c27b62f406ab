"""Window encoder: observation tokens as a dense window, for networks that do not know tokens."""

import torch
from torch import nn

from daf.policies.game import Game
from daf.policies.tokens import assign_feature_value_slots


class TokensToWindow(nn.Module):
    """Dense window [C, H, W] around an agent, with one channel per slot of the token embedding.

    A linear layer over this window equals `TokenEmbedding` before its rectifier.

    Args:
        game: observation interface.

    Attributes:
        shape: (C, H, W), channels, rows and columns.
    """

    def __init__(self, game: Game):
        super().__init__()
        slots, weights, num_channels = assign_feature_value_slots(game)
        height, width = game.window
        self.shape = (num_channels, height, width)
        self._used_tokens = game.used_tokens
        location = torch.arange(256)
        row, column = location >> 4, location & 15
        is_inside = (row < height) & (column < width)
        self.slots: torch.Tensor
        self.weights: torch.Tensor
        self.cells: torch.Tensor
        self.register_buffer("slots", slots.long() * (height * width), persistent=False)
        self.register_buffer("weights", weights, persistent=False)
        self.register_buffer(
            "cells", torch.where(is_inside, row * width + column, 0), persistent=False
        )

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """Encode tokens uint8 [N, T, 3] as windows float32 [N, C, H, W]."""
        location, feature, value = observations[:, : self._used_tokens].long().unbind(-1)
        token = feature * 256 + value
        # The location 255 marks an empty token.
        weights = torch.where(location == 255, 0.0, self.weights[token])
        windows = weights.new_zeros(len(observations), self.shape[0] * self.cells_per_channel)
        windows.scatter_add_(1, self.slots[token] + self.cells[location], weights)
        return windows.view(-1, *self.shape)

    @property
    def cells_per_channel(self) -> int:
        """Number of cells of a channel, H W."""
        return self.shape[1] * self.shape[2]
