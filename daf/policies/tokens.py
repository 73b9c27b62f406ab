"""Token embedding: observation tokens to a feature vector, at the cost of the tokens present.

Each token adds one learned row, selected by its cell and its (feature, value), times a weight. The
rectified sum over the tokens equals a dense first layer over the whole window, without building
the window.
"""

import math
from typing import NamedTuple

import torch
from torch import nn

from daf.policies.game import Game
from daf.policies.ops.embedding import Vocabulary, embed_and_rectify_observations

# A categorical feature has one row per value; the last row also represents all greater values. The
# feature `type_id` has one row per type of the game and one for all other types. Every other
# feature, such as a resource, is an amount with one row and a logarithmic weight.
CATEGORICAL_FEATURES = {"orientation": 4, "last_action": 4, "last_argument": 5}
LINEAR_FEATURES = {"episode_completion": 255, "last_reward": 100, "glyph": 255}
IGNORED_FEATURES = ("group", "frozen", "reserved", "converting", "swappable", "visitation", "tag")


class FeatureValueSlots(NamedTuple):
    """Slot and weight of each (feature, value), at index feature * 256 + value.

    Attributes:
        slots: int32 [256 * 256], slot.
        row_factors: float32 [256 * 256], factor of the row, 0 for ignored features.
        num_slots: number of slots.
    """

    slots: torch.Tensor
    row_factors: torch.Tensor
    num_slots: int


def assign_feature_value_slots(game: Game) -> FeatureValueSlots:
    """Assign a slot and a weight to each (feature, value)."""
    slot = torch.zeros(256, 256, dtype=torch.int32)
    weight = torch.zeros(256, 256)
    values = torch.arange(256)
    num_slots = 0
    for feature, name in enumerate(game.features):
        if name == "type_id":
            slot[feature] = num_slots + len(game.type_ids)
            for index, type_id in enumerate(game.type_ids):
                slot[feature, type_id] = num_slots + index
            weight[feature] = 1.0
            num_slots += len(game.type_ids) + 1
        elif name in CATEGORICAL_FEATURES:
            slot[feature] = num_slots + values.clamp(max=CATEGORICAL_FEATURES[name] - 1)
            weight[feature] = 1.0
            num_slots += CATEGORICAL_FEATURES[name]
        elif name not in IGNORED_FEATURES:
            slot[feature] = num_slots
            # Amounts range from 1 to 255; the difference between 0 and 1 matters most.
            logarithm = torch.log1p(values.float()) / math.log(11.0)
            weight[feature] = (
                values / LINEAR_FEATURES[name] if name in LINEAR_FEATURES else logarithm
            )
            num_slots += 1
    return FeatureValueSlots(slot.reshape(-1), weight.reshape(-1), num_slots)


class TokenEmbedding(nn.Module):
    """Embedding of tokens uint8 [N, T, 3] as float32 [N, D], non-negative.

    Args:
        game: observation interface.
        size: D, width of the output.

    Attributes:
        table: float32 [P * slots, D], one row per (cell of the window, slot).
        bias: float32 [D].
        num_slots: number of slots per cell.
        used_tokens: number of leading tokens that are not always empty.
    """

    def __init__(self, game: Game, size: int):
        super().__init__()
        slots, weights, self.num_slots = assign_feature_value_slots(game)
        height, width = game.window
        location = torch.arange(256)
        row, column = location >> 4, location & 15
        is_inside = (row < height) & (column < width)
        cell_offsets = torch.where(is_inside, (row * width + column) * self.num_slots, 0)
        self.used_tokens = game.used_tokens
        self.vocabulary = Vocabulary(cell_offsets.to(torch.int32), slots, weights)
        self.table = nn.Parameter(torch.empty(height * width * self.num_slots, size))
        self.bias = nn.Parameter(torch.zeros(size))
        # About 50 tokens are present per observation; their sum starts with unit variance.
        nn.init.normal_(self.table, std=1 / math.sqrt(50))

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """Embed observations uint8 [N, T, 3] as float32 [N, D]."""
        tokens = observations[:, : self.used_tokens]
        return embed_and_rectify_observations(self.table, self.bias, tokens, self.vocabulary)
