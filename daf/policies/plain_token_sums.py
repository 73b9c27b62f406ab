"""The sum of a token embedding in plain torch: the `token_sums.py` of a bundle, with the same
numbers up to rounding. It needs nothing but torch, and can be exported."""

from typing import NamedTuple

import torch
from torch import nn


class Vocabulary(NamedTuple):
    """Row and factor of a token (location, feature, value):
    places[location] + slots[feature * 256 + value], and weights[feature * 256 + value]."""

    places: torch.Tensor  # int32 [256]
    slots: torch.Tensor  # int32 [256 * 256]
    weights: torch.Tensor  # float32 [256 * 256]


def token_sums(
    table: torch.Tensor, observations: torch.Tensor, vocabulary: Vocabulary
) -> torch.Tensor:
    """For each observation, uint8 [N, U, 3], the sum of its tokens' rows of the table,
    float32 [V, D], each times its factor; tokens with location 255 are empty. float32 [N, D]."""
    location, feature, value = observations.int().unbind(-1)
    said = feature * 256 + value
    there = location != 255
    row = torch.where(there, vocabulary.places[location] + vocabulary.slots[said], 0)
    factor = torch.where(there, vocabulary.weights[said], 0.0)
    return nn.functional.embedding_bag(row, table, mode="sum", per_sample_weights=factor)
