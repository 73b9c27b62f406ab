"""The sum of a token embedding as Warp kernels. A bundle, which runs without Warp, has
`plain_token_sums.py` in the place of this file."""

import functools
from typing import NamedTuple

import torch
import warp as wp
from torch import nn

from daf.sim.simulation import torch_stream

wp.set_module_options({"enable_backward": False})


class Vocabulary(NamedTuple):
    """Row and factor of a token (location, feature, value):
    places[location] + slots[feature * 256 + value], and weights[feature * 256 + value]."""

    places: torch.Tensor  # int32 [256]
    slots: torch.Tensor  # int32 [256 * 256]
    weights: torch.Tensor  # float32 [256 * 256]


def token_sums(
    table: torch.Tensor, observations: torch.Tensor, vocabulary: Vocabulary
) -> torch.Tensor:
    """For each observation the sum of its tokens' rows, each times its factor.

    Args:
        table: float32 [V, D], the rows.
        observations: uint8 [N, U, 3]; tokens with location 255 are empty, and all behind are, too.
        vocabulary: which row each token has.

    Returns:
        float32 [N, D], differentiable in the table.
    """
    if observations.device.type == "cpu":
        return _SumOnCPU.apply(table, observations, _tables(vocabulary))
    index, factor = looked_up(observations, vocabulary)
    return nn.functional.embedding_bag(index, table, mode="sum", per_sample_weights=factor)


def looked_up(
    observations: torch.Tensor, vocabulary: Vocabulary
) -> tuple[torch.Tensor, torch.Tensor]:
    """Row of the table, int32 [N, U], and factor, float32 [N, U], of every token."""
    shape = observations.shape[:2]
    index = torch.empty(shape, dtype=torch.int32, device=observations.device)
    factor = torch.empty(shape, device=observations.device)
    wp.launch(
        look_up,
        dim=tuple(shape),
        inputs=[
            _tables(vocabulary),
            wp.from_torch(observations, dtype=wp.vec3ub),
            wp.from_torch(index),
            wp.from_torch(factor),
        ],
        device=str(observations.device),
        stream=torch_stream(observations.device),
    )
    return index, factor


@wp.struct
class Tables:
    """A `Vocabulary` as kernels take it."""

    places: wp.array(dtype=wp.int32)
    slots: wp.array(dtype=wp.int32)
    weights: wp.array(dtype=wp.float32)


@wp.func
def said(token: wp.vec3ub) -> int:
    return int(token[1]) * 256 + int(token[2])


@wp.kernel
def look_up(
    v: Tables,
    observations: wp.array2d(dtype=wp.vec3ub),
    row: wp.array2d(dtype=wp.int32),
    factor: wp.array2d(dtype=wp.float32),
):
    """Row and factor of every token [N, U]; empty tokens get factor 0."""
    n, i = wp.tid()
    token = observations[n, i]
    row[n, i] = 0
    factor[n, i] = 0.0
    if token[0] != wp.uint8(255):
        row[n, i] = v.places[int(token[0])] + v.slots[said(token)]
        factor[n, i] = v.weights[said(token)]


@functools.cache
def cpu_kernels(size: int):
    """Sum of rows and its gradient for embeddings of one size D, one thread per observation.

    On the CPU threads run one after the other, so the plain sums of `spread` have one order.
    """
    vector = wp.types.vector(length=size, dtype=wp.float32)

    @wp.kernel(module="unique", enable_backward=False)
    def gather(
        v: Tables,
        observations: wp.array2d(dtype=wp.vec3ub),
        table: wp.array(dtype=vector),
        out: wp.array(dtype=vector),
    ):
        n = wp.tid()
        total = vector()
        for i in range(observations.shape[1]):
            token = observations[n, i]
            if token[0] == wp.uint8(255):
                break
            factor = v.weights[said(token)]
            if factor != 0.0:
                total += factor * table[v.places[int(token[0])] + v.slots[said(token)]]
        out[n] = total

    @wp.kernel(module="unique", enable_backward=False)
    def spread(
        v: Tables,
        observations: wp.array2d(dtype=wp.vec3ub),
        gradient: wp.array(dtype=vector),
        table: wp.array(dtype=vector),
    ):
        n = wp.tid()
        change = gradient[n]
        for i in range(observations.shape[1]):
            token = observations[n, i]
            if token[0] == wp.uint8(255):
                break
            factor = v.weights[said(token)]
            if factor != 0.0:
                row = v.places[int(token[0])] + v.slots[said(token)]
                table[row] = table[row] + factor * change

    return gather, spread, vector


class _SumOnCPU(torch.autograd.Function):
    """The embedding sum by Warp: torch's own backward sorts all tokens and is 10 times slower."""

    @staticmethod
    def forward(context, table, observations, tables):
        gather, _, vector = cpu_kernels(table.shape[1])
        context.save_for_backward(table, observations)
        context.tables = tables
        out = torch.empty(len(observations), table.shape[1])
        wp.launch(
            gather,
            dim=len(observations),
            inputs=[
                tables,
                wp.from_torch(observations, dtype=wp.vec3ub),
                wp.from_torch(table.detach(), dtype=vector),
                wp.from_torch(out, dtype=vector),
            ],
        )
        return out

    @staticmethod
    def backward(context, gradient):
        table, observations = context.saved_tensors
        _, spread, vector = cpu_kernels(table.shape[1])
        total = torch.zeros_like(table)
        wp.launch(
            spread,
            dim=len(observations),
            inputs=[
                context.tables,
                wp.from_torch(observations, dtype=wp.vec3ub),
                wp.from_torch(gradient.contiguous(), dtype=vector),
                wp.from_torch(total, dtype=vector),
            ],
        )
        return total, None, None


def _tables(vocabulary: Vocabulary) -> Tables:
    tables = Tables()
    for name, tensor in vocabulary._asdict().items():
        setattr(tables, name, wp.from_torch(tensor))
    return tables
