"""The rectified sum of a token embedding as Warp kernels. A bundle, which runs without Warp, has
`embedding_torch.py` in the place of this file."""

import functools
from typing import Any

import torch
import warp as wp
from torch import nn

from daf.sim.simulation import torch_stream

wp.set_module_options({"enable_backward": False})


@wp.struct
class VocabularyArrays:
    """A `Vocabulary` as kernels take it."""

    places: wp.array(dtype=wp.int32)
    slots: wp.array(dtype=wp.int32)
    weights: wp.array(dtype=wp.float32)


class Vocabulary:
    """Row and factor of a token (location, feature, value):
    places[location] + slots[feature * 256 + value], and weights[feature * 256 + value].

    Attributes:
        words: places int32 [256], slots int32 [256 * 256] and weights float32 [256 * 256].
    """

    def __init__(self, places: torch.Tensor, slots: torch.Tensor, weights: torch.Tensor):
        self.arrays = {"places": places, "slots": slots, "weights": weights}
        self._tables: dict[str, VocabularyArrays] = {}

    def __deepcopy__(self, memo: Any) -> "Vocabulary":
        return self  # nothing in it changes

    def to(self, device: torch.device) -> VocabularyArrays:
        """The same in the memory of a device."""
        name = str(device)
        if name not in self._tables:
            tables = VocabularyArrays()
            for word, tensor in self.arrays.items():
                setattr(tables, word, wp.from_torch(tensor.to(device)))
            self._tables[name] = tables
        return self._tables[name]


def embed_tokens(
    table: torch.Tensor, bias: torch.Tensor, observations: torch.Tensor, vocabulary: Vocabulary
) -> torch.Tensor:
    """For each observation the sum of its tokens' rows, each times its factor, and the bias, or 0
    where that is negative.

    Args:
        table: float32 [V, D], the rows.
        bias: float32 [D].
        observations: uint8 [N, U, 3]; tokens with location 255 are empty, and all behind are, too.
        vocabulary: which row each token has.

    Returns:
        float32 [N, D], differentiable in table and bias.
    """
    if observations.device.type == "cpu":
        return _CPUEmbedding.apply(table, bias, observations, vocabulary.to(observations.device))
    index, factor = lookup_rows(observations, vocabulary, len(table))
    summed = nn.functional.embedding_bag(index, table, mode="sum", per_sample_weights=factor)
    return torch.relu(summed + bias)


def lookup_rows(
    observations: torch.Tensor, vocabulary: Vocabulary, rows: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Row of a table with so many, int32 [N, U], and factor, float32 [N, U], of every token."""
    shape = observations.shape[:2]
    index = torch.empty(shape, dtype=torch.int32, device=observations.device)
    factor = torch.empty(shape, device=observations.device)
    wp.launch(
        lookup_kernel,
        dim=tuple(shape),
        inputs=[
            vocabulary.to(observations.device),
            rows,
            wp.from_torch(observations, dtype=wp.vec3ub),
            wp.from_torch(index),
            wp.from_torch(factor),
        ],
        device=str(observations.device),
        stream=torch_stream(observations.device),
    )
    return index, factor


@wp.func
def feature_value_index(token: wp.vec3ub) -> int:
    return int(token[1]) * 256 + int(token[2])


@wp.kernel
def lookup_kernel(
    v: VocabularyArrays,
    rows: int,
    observations: wp.array2d(dtype=wp.vec3ub),
    row: wp.array2d(dtype=wp.int32),
    factor: wp.array2d(dtype=wp.float32),
):
    """Row and factor of every token [N, U]; empty tokens get factor 0, and all rows in turn: torch
    adds up the gradient of a row one after the other."""
    n, i = wp.tid()
    token = observations[n, i]
    row[n, i] = (n * observations.shape[1] + i) % rows
    factor[n, i] = 0.0
    if token[0] != wp.uint8(255):
        row[n, i] = v.places[int(token[0])] + v.slots[feature_value_index(token)]
        factor[n, i] = v.weights[feature_value_index(token)]


@functools.cache
def cpu_kernels(size: int):
    """Rectified sum of rows and bias, and its gradient, for embeddings of one size D; one thread
    per observation.

    On the CPU threads run one after the other, so the plain sums of `spread` have one order. The
    loops are C++: LLVM keeps D numbers in vector registers if it sees plain loops over arrays.
    """

    def over_tokens(each: str) -> str:
        return f"""
            for (int i = 0; i < observations.shape[1]; ++i) {{
                const auto& token = wp::index(observations, n, i);
                if (token[0] == 255) break;
                const int said = token[1] * 256 + token[2];
                const float factor = v.weights.data[said];
                if (factor == 0.0f) continue;
                float* row = table.data + (v.places.data[token[0]] + v.slots.data[said]) * {size}l;
                for (int d = 0; d < {size}; ++d) {each}
            }}
        """

    def copy(target: str, source: str) -> str:
        return f"for (int d = 0; d < {size}; ++d) {target}[d] = {source};"

    @wp.func_native(
        f"float total[{size}];"
        + copy("total", "bias.data[d]")
        + over_tokens("total[d] += factor * row[d];")
        + copy("(&wp::index(out, n, 0))", "total[d] <= 0.0f ? 0.0f : total[d]")
    )
    def sum_rows(
        n: int,
        v: VocabularyArrays,
        observations: wp.array2d(dtype=wp.vec3ub),
        table: wp.array2d(dtype=wp.float32),
        bias: wp.array(dtype=wp.float32),
        out: wp.array2d(dtype=wp.float32),
    ): ...

    @wp.func_native(
        f"float change[{size}];"
        "const float* sum = &wp::index(out, n, 0);"
        "const float* slope = &wp::index(gradient, n, 0);"
        + copy("change", "sum[d] <= 0.0f ? 0.0f : slope[d]")
        + f"for (int d = 0; d < {size}; ++d) bias.data[d] += change[d];"
        + over_tokens("row[d] += factor * change[d];")
    )
    def add_to_rows(
        n: int,
        v: VocabularyArrays,
        observations: wp.array2d(dtype=wp.vec3ub),
        out: wp.array2d(dtype=wp.float32),
        gradient: wp.array2d(dtype=wp.float32),
        table: wp.array2d(dtype=wp.float32),
        bias: wp.array(dtype=wp.float32),
    ): ...

    @wp.kernel(module="unique", enable_backward=False)
    def gather(
        v: VocabularyArrays,
        observations: wp.array2d(dtype=wp.vec3ub),
        table: wp.array2d(dtype=wp.float32),
        bias: wp.array(dtype=wp.float32),
        out: wp.array2d(dtype=wp.float32),
    ):
        sum_rows(wp.tid(), v, observations, table, bias, out)

    @wp.kernel(module="unique", enable_backward=False)
    def spread(
        v: VocabularyArrays,
        observations: wp.array2d(dtype=wp.vec3ub),
        out: wp.array2d(dtype=wp.float32),
        gradient: wp.array2d(dtype=wp.float32),
        table: wp.array2d(dtype=wp.float32),
        bias: wp.array(dtype=wp.float32),
    ):
        add_to_rows(wp.tid(), v, observations, out, gradient, table, bias)

    # Threads that launch a kernel at the same time should find it loaded.
    for kernel in (gather, spread):
        kernel.module.load("cpu")
    return gather, spread


class _CPUEmbedding(torch.autograd.Function):
    """The embedding by Warp: torch's own backward sorts all tokens and is 10 times slower.

    The gradient of the table is added to `table.grad` at once: as a tensor of its own it would have
    to be cleared and added, and most rows are in no observation.
    """

    @staticmethod
    def forward(context, table, bias, observations, tables):
        out = torch.empty(len(observations), table.shape[1])
        context.save_for_backward(observations, out)
        context.table, context.tables = table, tables
        gather, _ = cpu_kernels(table.shape[1])
        _launch(gather, tables, observations, table.detach(), bias.detach(), out)
        return out

    @staticmethod
    def backward(context, gradient):
        observations, out = context.saved_tensors
        table = context.table
        if table.grad is None:
            table.grad = torch.zeros_like(table)
        bias = gradient.new_zeros(table.shape[1])
        _, spread = cpu_kernels(table.shape[1])
        slopes = (out.detach(), gradient.contiguous(), table.grad, bias)
        _launch(spread, context.tables, observations, *slopes)
        return None, bias, None, None


def _launch(kernel, tables: VocabularyArrays, observations: torch.Tensor, *tensors: torch.Tensor):
    arrays = [wp.from_torch(tensor, return_ctype=True) for tensor in tensors]
    tokens = wp.from_torch(observations, dtype=wp.vec3ub, return_ctype=True)
    # Warp's own choice would be a GPU, where there is one.
    wp.launch(kernel, dim=len(observations), inputs=[tables, tokens, *arrays], device="cpu")
