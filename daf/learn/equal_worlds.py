"""Rows grouped by world: worlds with equal numbers of agents, and random cuts of their rows."""

from collections.abc import Sequence
from itertools import zip_longest
from typing import NamedTuple

import torch

RowBlocks = list[torch.Tensor]
"""Rows of whole worlds, int64 [E, A] per block, as indices into a rollout."""


class EqualWorlds(NamedTuple):
    """Consecutive rows of worlds with equal numbers of agents, grouped by world.

    Attributes:
        num_worlds: E.
        num_agents: A, agents per world.
    """

    num_worlds: int
    num_agents: int

    @property
    def num_rows(self) -> int:
        """Number of rows, E * A."""
        return self.num_worlds * self.num_agents


def select_rows_of_worlds(
    worlds: Sequence[EqualWorlds], selected_world_ranges: Sequence[range]
) -> torch.Tensor:
    """Return the indices of the rows of some worlds.

    Args:
        worlds: blocks of worlds.
        selected_world_ranges: indices of the selected worlds of each block.

    Returns:
        int64 [n], ascending.
    """
    rows, first_row = [], 0
    for block, indices in zip(worlds, selected_world_ranges, strict=True):
        agents = block.num_agents
        rows.append(first_row + torch.arange(indices.start * agents, indices.stop * agents))
        first_row += block.num_rows
    return torch.cat(rows)


def draw_row_order(worlds: Sequence[EqualWorlds], generator: torch.Generator) -> torch.Tensor:
    """Draw a random order of the worlds of each block; the rows of a world stay together.

    Args:
        worlds: blocks of worlds.
        generator: random generator; its state alone decides the order.

    Returns:
        int64 [N], row indices, block after block.
    """
    order, first_row = [], 0
    for num_worlds, num_agents in worlds:
        first_rows = first_row + num_agents * torch.randperm(num_worlds, generator=generator)
        order.append((first_rows[:, None] + torch.arange(num_agents)).flatten())
        first_row += num_worlds * num_agents
    return torch.cat(order)


def split_into_blocks(order: torch.Tensor, worlds: Sequence[EqualWorlds]) -> RowBlocks:
    """Split a row order of `draw_row_order` into the rows of each block."""
    parts = order.split([block.num_rows for block in worlds])
    return [part.view(-1, block.num_agents) for part, block in zip(parts, worlds)]


def cut_into_parts(blocks: RowBlocks, num_parts: int) -> list[RowBlocks]:
    """Cut the worlds of each block into equal parts; part i has part i of every block.

    A block of fewer worlds than `num_parts` is in the first parts only.
    """
    chunks = [block.chunk(num_parts) for block in blocks]
    return [[rows for rows in part if rows is not None] for part in zip_longest(*chunks)]


def flatten_blocks(blocks: RowBlocks) -> torch.Tensor:
    """Return the rows of all blocks, int64 [n]."""
    return torch.cat([rows.flatten() for rows in blocks])
