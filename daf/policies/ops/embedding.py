"""Rectified sum of token embeddings as Warp kernels; bundles use `embedding_bundled.py` instead."""

import functools
from typing import Any, NamedTuple

import torch
import warp as wp
from torch import nn

from daf.sim.simulation import current_torch_stream

wp.set_module_options({"enable_backward": False})


@wp.struct
class VocabularyArrays:
    """Warp struct of a `Vocabulary`; see its arguments."""

    cell_offsets: wp.array(dtype=wp.int32)
    slots: wp.array(dtype=wp.int32)
    weights: wp.array(dtype=wp.float32)


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
        self._arrays_on_device: dict[str, VocabularyArrays] = {}

    def __deepcopy__(self, memo: Any) -> "Vocabulary":
        return self  # immutable

    def to_warp_struct(self, device: torch.device) -> VocabularyArrays:
        """Return the arrays on a device, as a Warp struct."""
        device_name = str(device)
        if device_name not in self._arrays_on_device:
            struct = VocabularyArrays()
            for name, tensor in self.arrays.items():
                setattr(struct, name, wp.from_torch(tensor.to(device)))
            self._arrays_on_device[device_name] = struct
        return self._arrays_on_device[device_name]


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
        observations: uint8 [N, T, 3]; tokens with location 255 are empty, as are all after them.
        vocabulary: row and weight of each token.

    Returns:
        float32 [N, D], differentiable in token_table and bias.
    """
    if observations.device.type == "cpu":
        return _CPUEmbeddingInPlaceGrad.apply(
            token_table, bias, observations, vocabulary.to_warp_struct(observations.device)
        )
    index, factor = lookup_rows_and_factors(observations, vocabulary, len(token_table))
    summed = nn.functional.embedding_bag(index, token_table, mode="sum", per_sample_weights=factor)
    return torch.relu(summed + bias)


def lookup_rows_and_factors(
    observations: torch.Tensor, vocabulary: Vocabulary, num_table_rows: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Look up the table row and the weight of every token.

    Args:
        observations: uint8 [N, T, 3].
        vocabulary: row and weight of each token.
        num_table_rows: V, length of the table.

    Returns:
        table_rows: int32 [N, T], table rows;
        weights: float32 [N, T], weights.
    """
    shape = observations.shape[:2]
    table_rows = torch.empty(shape, dtype=torch.int32, device=observations.device)
    weights = torch.empty(shape, device=observations.device)
    wp.launch(
        lookup_rows_and_factors_kernel,
        dim=tuple(shape),
        inputs=[
            vocabulary.to_warp_struct(observations.device),
            num_table_rows,
            wp.from_torch(observations, dtype=wp.vec3ub),
            wp.from_torch(table_rows),
            wp.from_torch(weights),
        ],
        device=str(observations.device),
        stream=current_torch_stream(observations.device),
    )
    return table_rows, weights


@wp.func
def feature_value_index(token: wp.vec3ub) -> int:
    """Return the index of the (feature, value) pair of a token in `slots` and `weights`."""
    return int(token[1]) * 256 + int(token[2])


@wp.kernel
def lookup_rows_and_factors_kernel(
    vocabulary: VocabularyArrays,
    num_table_rows: int,
    observations: wp.array2d(dtype=wp.vec3ub),
    table_rows_out: wp.array2d(dtype=wp.int32),
    row_factors_out: wp.array2d(dtype=wp.float32),
):
    """Write table row and weight of one token; dim = (N, T).

    Empty tokens get weight 0 and are spread over all rows: the backward pass of torch sums the
    gradient of each row serially.
    """
    n, i = wp.tid()
    token = observations[n, i]
    table_rows_out[n, i] = (n * observations.shape[1] + i) % num_table_rows
    row_factors_out[n, i] = 0.0
    if token[0] != wp.uint8(255):
        table_rows_out[n, i] = (
            vocabulary.cell_offsets[int(token[0])] + vocabulary.slots[feature_value_index(token)]
        )
        row_factors_out[n, i] = vocabulary.weights[feature_value_index(token)]


class CPUKernels(NamedTuple):
    """CPU kernels of the embedding and its gradient."""

    forward: wp.Kernel
    backward: wp.Kernel


@functools.cache
def build_cpu_embedding_kernels(embedding_size: int) -> CPUKernels:
    """Build the CPU kernels of the embedding and its gradient, one thread per observation.

    Warp runs the threads of a CPU kernel serially, so the plain sums of the gradient have a fixed
    order. The inner loops are C++: LLVM keeps D numbers in vector registers only for plain loops
    over arrays.

    Args:
        embedding_size: D, width of the embedding.
    """

    def make_cpp_loop_over_tokens(cpp_statement: str) -> str:
        return f"""
            for (int i = 0; i < observations.shape[1]; ++i) {{
                const auto& token = wp::index(observations, n, i);
                if (token[0] == 255) break;
                const int index = token[1] * 256 + token[2];
                const float factor = vocabulary.weights.data[index];
                if (factor == 0.0f) continue;
                const int table_row =
                    vocabulary.cell_offsets.data[token[0]] + vocabulary.slots.data[index];
                float* row = table.data + table_row * {embedding_size}l;
                for (int d = 0; d < {embedding_size}; ++d) {cpp_statement}
            }}
        """

    def make_cpp_copy_loop(cpp_target_array: str, cpp_source_expression: str) -> str:
        loop = f"for (int d = 0; d < {embedding_size}; ++d)"
        return f"{loop} {cpp_target_array}[d] = {cpp_source_expression};"

    @wp.func_native(
        f"float total[{embedding_size}];"
        + make_cpp_copy_loop("total", "bias.data[d]")
        + make_cpp_loop_over_tokens("total[d] += factor * row[d];")
        + make_cpp_copy_loop("(&wp::index(out, n, 0))", "total[d] <= 0.0f ? 0.0f : total[d]")
    )
    def write_rectified_sum_of_rows(
        n: int,
        vocabulary: VocabularyArrays,
        observations: wp.array2d(dtype=wp.vec3ub),
        table: wp.array2d(dtype=wp.float32),
        bias: wp.array(dtype=wp.float32),
        out: wp.array2d(dtype=wp.float32),
    ): ...

    @wp.func_native(
        f"float sum_grad[{embedding_size}];"
        "const float* sum = &wp::index(out, n, 0);"
        "const float* out_grad = &wp::index(out_grads, n, 0);"
        + make_cpp_copy_loop("sum_grad", "sum[d] <= 0.0f ? 0.0f : out_grad[d]")
        + f"for (int d = 0; d < {embedding_size}; ++d) bias.data[d] += sum_grad[d];"
        + make_cpp_loop_over_tokens("row[d] += factor * sum_grad[d];")
    )
    def add_gradients_of_observation(
        n: int,
        vocabulary: VocabularyArrays,
        observations: wp.array2d(dtype=wp.vec3ub),
        out: wp.array2d(dtype=wp.float32),
        out_grads: wp.array2d(dtype=wp.float32),
        table: wp.array2d(dtype=wp.float32),
        bias: wp.array(dtype=wp.float32),
    ): ...

    @wp.kernel(module="unique", enable_backward=False)
    def embed_and_rectify_kernel(
        vocabulary: VocabularyArrays,
        observations: wp.array2d(dtype=wp.vec3ub),
        table: wp.array2d(dtype=wp.float32),
        bias: wp.array(dtype=wp.float32),
        out: wp.array2d(dtype=wp.float32),
    ):
        write_rectified_sum_of_rows(wp.tid(), vocabulary, observations, table, bias, out)

    @wp.kernel(module="unique", enable_backward=False)
    def add_embedding_gradients_kernel(
        vocabulary: VocabularyArrays,
        observations: wp.array2d(dtype=wp.vec3ub),
        out: wp.array2d(dtype=wp.float32),
        out_grads: wp.array2d(dtype=wp.float32),
        table_grad_in_out: wp.array2d(dtype=wp.float32),
        bias_grad_in_out: wp.array(dtype=wp.float32),
    ):
        add_gradients_of_observation(
            wp.tid(), vocabulary, observations, out, out_grads, table_grad_in_out, bias_grad_in_out
        )

    # Loaded here, because several threads may launch a kernel at the same time.
    for kernel in (embed_and_rectify_kernel, add_embedding_gradients_kernel):
        kernel.module.load("cpu")
    return CPUKernels(embed_and_rectify_kernel, add_embedding_gradients_kernel)


class _CPUEmbeddingInPlaceGrad(torch.autograd.Function):
    """Embedding by Warp on the CPU; the backward pass of torch sorts all tokens (10 times slower).

    The backward pass adds to `table.grad` in place: most rows occur in no observation, and a
    separate gradient tensor would have to be cleared and added in full.
    """

    @staticmethod
    def forward(
        context: Any,
        table: torch.Tensor,
        bias: torch.Tensor,
        observations: torch.Tensor,
        vocabulary: VocabularyArrays,
    ) -> torch.Tensor:
        out = torch.empty(len(observations), table.shape[1])
        context.save_for_backward(observations, out)
        context.table, context.vocabulary = table, vocabulary
        kernels = build_cpu_embedding_kernels(table.shape[1])
        _launch_cpu_kernel(
            kernels.forward, vocabulary, observations, table.detach(), bias.detach(), out
        )
        return out

    @staticmethod
    def backward(context: Any, out_grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        observations, out = context.saved_tensors
        table = context.table
        if table.grad is None:
            table.grad = torch.zeros_like(table)
        bias_grad = out_grads.new_zeros(table.shape[1])
        tensors = (out.detach(), out_grads.contiguous(), table.grad, bias_grad)
        kernel = build_cpu_embedding_kernels(table.shape[1]).backward
        _launch_cpu_kernel(kernel, context.vocabulary, observations, *tensors)
        return None, bias_grad, None, None


def _launch_cpu_kernel(
    kernel: wp.Kernel,
    vocabulary: VocabularyArrays,
    observations: torch.Tensor,
    *tensors: torch.Tensor,
) -> None:
    arrays = [wp.from_torch(tensor, return_ctype=True) for tensor in tensors]
    tokens = wp.from_torch(observations, dtype=wp.vec3ub, return_ctype=True)
    # The default device of Warp would be a GPU, where there is one.
    wp.launch(kernel, dim=len(observations), inputs=[vocabulary, tokens, *arrays], device="cpu")
