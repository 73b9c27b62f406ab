"""Rectified sum of token embeddings in plain torch: the `ops/embedding.py` of a bundle.

It gives the same numbers up to rounding, needs nothing but torch, and can be exported.
"""

import torch
from torch import nn


class Vocabulary:
    """Row and factor of a token (location, feature, value):
    places[location] + slots[feature * 256 + value], and weights[feature * 256 + value]."""

    def __init__(self, places: torch.Tensor, slots: torch.Tensor, weights: torch.Tensor):
        self.arrays = {"places": places, "slots": slots, "weights": weights}


def embed_tokens(
    table: torch.Tensor, bias: torch.Tensor, observations: torch.Tensor, vocabulary: Vocabulary
) -> torch.Tensor:
    """For each observation, uint8 [N, U, 3], the sum of its tokens' rows of the table,
    float32 [V, D], each times its factor, and the bias, and 0 for what is negative; tokens with
    location 255 are empty. float32 [N, D]."""
    places, slots, weights = (array.to(table.device) for array in vocabulary.arrays.values())
    location, feature, value = observations.int().unbind(-1)
    index = feature * 256 + value
    there = location != 255
    row = torch.where(there, places[location] + slots[index], 0)
    factor = torch.where(there, weights[index], 0.0)
    summed = nn.functional.embedding_bag(row, table, mode="sum", per_sample_weights=factor)
    return torch.relu(summed + bias)
