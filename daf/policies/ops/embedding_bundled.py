"""Rectified sum of token embeddings in plain torch; replaces `ops/embedding.py` in bundles.

The results are equal up to rounding. It needs only torch and supports `torch.export`.
"""

import torch
from torch import nn


class Vocabulary:
    """Table row and weight of every token (location, feature, value).

    The row is cell_offsets[location] + slots[feature * 256 + value], the weight
    weights[feature * 256 + value].

    Args:
        cell_offsets: int32 [256], first row of the cell of each location.
        slots: int32 [256 * 256], slot of each (feature, value).
        weights: float32 [256 * 256], weight of each (feature, value).

    Attributes:
        arrays: the 3 arguments by name.
    """

    def __init__(self, cell_offsets: torch.Tensor, slots: torch.Tensor, weights: torch.Tensor):
        self.arrays = {"cell_offsets": cell_offsets, "slots": slots, "weights": weights}


def embed_and_rectify_observations(
    token_table: torch.Tensor,
    bias: torch.Tensor,
    observations: torch.Tensor,
    vocabulary: Vocabulary,
) -> torch.Tensor:
    """Compute relu(bias + weighted sum of the token rows) of each observation.

    Args:
        token_table: float32 [V, D], token rows.
        bias: float32 [D].
        observations: uint8 [N, T, 3]; tokens with location 255 are empty.
        vocabulary: row and weight of each token.

    Returns:
        float32 [N, D].
    """
    cell_offsets, slots, weights = (
        array.to(token_table.device) for array in vocabulary.arrays.values()
    )
    location, feature, value = observations.long().unbind(-1)
    index = feature * 256 + value
    is_token = location != 255
    row = torch.where(is_token, cell_offsets[location] + slots[index], 0).long()
    factor = torch.where(is_token, weights[index], 0.0)
    summed = nn.functional.embedding_bag(row, token_table, mode="sum", per_sample_weights=factor)
    return torch.relu(summed + bias)
