"""Token embedding: from observation tokens to a feature vector, at the cost of the tokens present.

Each token adds one learned row, chosen by its place in the window and by what it says, times a
weight. Summed over the tokens and rectified this is a dense first layer over the whole window,
without ever building the window.
"""

import math

import torch
from torch import nn

from daf.policies.game import Game
from daf.policies.ops.embedding import Vocabulary, embed_tokens

# A feature whose value is a name, not an amount, has one row for each value (the last also stands
# for all greater ones); type ids have one for each kind of the game, and one for all others. What
# stands in none of these, such as resources, is an amount of which the first counts most.
CATEGORICAL_FEATURES = {"orientation": 4, "last_action": 4, "last_argument": 5}
LINEAR_FEATURES = {"episode_completion": 255, "last_reward": 100, "glyph": 255}
IGNORED_FEATURES = ("group", "frozen", "reserved", "converting", "swappable", "visitation", "tag")


def feature_slots(game: Game) -> tuple[torch.Tensor, torch.Tensor, int]:
    """What each (feature, value) says.

    Returns:
        slot: int32 [256 * 256], index feature * 256 + value, which row;
        weight: float32 [256 * 256], its factor, 0 for what is constant or empty;
        the number of slots.
    """
    slot = torch.zeros(256, 256, dtype=torch.int32)
    weight = torch.zeros(256, 256)
    values = torch.arange(256)
    used = 0
    for feature, name in enumerate(game.features):
        if name == "type_id":
            slot[feature] = used + len(game.type_ids)
            for index, type_id in enumerate(game.type_ids):
                slot[feature, type_id] = used + index
            weight[feature] = 1.0
            used += len(game.type_ids) + 1
        elif name in CATEGORICAL_FEATURES:
            slot[feature] = used + values.clamp(max=CATEGORICAL_FEATURES[name] - 1)
            weight[feature] = 1.0
            used += CATEGORICAL_FEATURES[name]
        elif name not in IGNORED_FEATURES:
            slot[feature] = used
            # Amounts run from 1 to 255 and the step from none to one matters most.
            logarithm = torch.log1p(values.float()) / math.log(11.0)
            weight[feature] = (
                values / LINEAR_FEATURES[name] if name in LINEAR_FEATURES else logarithm
            )
            used += 1
    return slot.reshape(-1), weight.reshape(-1), used


class TokenEmbedding(nn.Module):
    """uint8 [N, T, 3] -> float32 [N, D], nothing of it negative."""

    def __init__(self, game: Game, size: int):
        super().__init__()
        slots, weights, self.num_slots = feature_slots(game)
        height, width = game.window
        packed = torch.arange(256)
        row, column = packed >> 4, packed & 15
        inside = (row < height) & (column < width)
        places = torch.where(inside, (row * width + column) * self.num_slots, 0)
        self.used_tokens = game.used_tokens
        self.vocabulary = Vocabulary(places.to(torch.int32), slots, weights)
        self.table = nn.Parameter(torch.empty(height * width * self.num_slots, size))
        self.bias = nn.Parameter(torch.zeros(size))
        # About 50 tokens are present at a time; the sum should start with unit variance.
        nn.init.normal_(self.table, std=1 / math.sqrt(50))

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        seen = observations[:, : self.used_tokens]
        return embed_tokens(self.table, self.bias, seen, self.vocabulary)
