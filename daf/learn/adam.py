"""Adam with gradient clipping; on the CPU it skips weights that never had a gradient.

Most rows of a token table belong to tokens that never occur. Their gradients and moments are 0, so
Adam leaves them as they are.
"""

import math
from collections.abc import Iterable
from typing import Any

import torch
import warp as wp
from torch import nn

import daf.sim  # noqa: F401  (initializes Warp)

wp.set_module_options({"enable_backward": False})

EPSILON = 1e-5
CHUNK_SIZE = 128
"""Maximum number of weights of a chunk, a multiple of 16. A step updates or skips whole chunks."""


def make_adam(parameters: Iterable[nn.Parameter], device: str) -> "ClippingAdam":
    """Return the optimizer for the weights of a network; `param_groups` holds the learning rate."""
    parameters = list(parameters)
    if device != "cpu":
        # A captured update reads the learning rate from device memory.
        rate = torch.zeros((), device=device)
        return ClippingAdam(parameters, rate, eps=EPSILON, fused=True, capturable=True)
    is_dense = all(p.dtype == torch.float32 and p.is_contiguous() for p in parameters)
    return (SkippingAdam if is_dense else ClippingAdam)(parameters, 0.0, eps=EPSILON, fused=True)


class ClippingAdam(torch.optim.Adam):
    """Adam of torch with a method for gradient clipping."""

    def clip_gradient_norm(self, max_norm: float) -> torch.Tensor:
        """Clip the norm of all gradients for a step; return the norm before, float32 []."""
        return nn.utils.clip_grad_norm_(self.param_groups[0]["params"], max_norm)


class SkippingAdam(ClippingAdam):
    """Adam of contiguous float32 weights on the CPU, equal to that of torch up to rounding.

    `clip_gradient_norm` comes before each step. It leaves the gradients as they are; the step
    scales them.
    """

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self._addresses: list[list[int]] = []

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore a state of `state_dict`."""
        super().load_state_dict(state_dict)
        self._addresses = []

    def clip_gradient_norm(self, max_norm: float) -> torch.Tensor:
        """Clip the norm of all gradients for the next step; return the norm before, float32 []."""
        self._find_tensors()
        self._measure.launch()
        norm = self._square_sums.sum().sqrt()
        # as in `nn.utils.clip_grad_norm_`
        self._gradient_factor = torch.clamp(max_norm / (norm + 1e-6), max=1.0).item()
        return norm

    def step(self, closure: None = None) -> None:
        """Make one step (Kingma and Ba 2015, arXiv:1412.6980, alg. 1)."""
        (group,) = self.param_groups
        beta1, beta2 = group["betas"]
        for state, coefficients in zip(self._states, self._coefficients.numpy()):
            state["step"] += 1
            step = state["step"].item()
            coefficients[0] = group["lr"] / (1 - beta1**step)
            coefficients[1] = 1 / math.sqrt(1 - beta2**step)
        self._update.set_param_by_name("gradient_factor", self._gradient_factor)
        self._update.launch()

    def _find_tensors(self) -> None:
        """Find weights, gradients and moments; divide them into chunks where any has moved."""
        parameters = [p for p in self.param_groups[0]["params"] if p.grad is not None]
        self._states = [self.state[p] for p in parameters]
        tensors = []
        for parameter, state in zip(parameters, self._states):
            if not state:
                state["step"] = torch.zeros(())
                state["exp_avg"] = torch.zeros_like(parameter)
                state["exp_avg_sq"] = torch.zeros_like(parameter)
            tensors.append((parameter, parameter.grad, state["exp_avg"], state["exp_avg_sq"]))
        addresses = [[tensor.data_ptr() for tensor in group] for group in tensors]
        if addresses != self._addresses:
            self._addresses = addresses
            self._divide_into_chunks(parameters)

    def _divide_into_chunks(self, parameters: list[nn.Parameter]) -> None:
        """Describe the chunks of all tensors, and record the launches of the kernels."""
        sizes = [parameter.numel() for parameter in parameters]
        chunks = torch.tensor(
            [
                [number, min(CHUNK_SIZE, size - start), *(base + 4 * start for base in addresses)]
                for number, (size, addresses) in enumerate(zip(sizes, self._addresses))
                for start in range(0, size, CHUNK_SIZE)
            ]
        )
        is_active = torch.cat([_chunks_with_moments(state) for state in self._states])
        self._square_sums = torch.zeros(len(chunks))
        self._coefficients = torch.zeros(len(sizes), 2)
        (group,) = self.param_groups
        constants = [*group["betas"], group["eps"], 1.0]
        arrays = [chunks, is_active, self._square_sums, self._coefficients]
        chunks, is_active, square_sums, coefficients = map(wp.from_torch, arrays)
        options = {"dim": len(chunks), "device": "cpu", "record_cmd": True}
        self._measure = wp.launch(
            measure_gradients, inputs=[chunks, is_active, square_sums], **options
        )
        self._update = wp.launch(
            update_weights, inputs=[chunks, is_active, coefficients, *constants], **options
        )


def _chunks_with_moments(state: dict[str, torch.Tensor]) -> torch.Tensor:
    """Return for each chunk of a parameter whether any of its moments differs from 0, bool [C]."""
    is_nonzero = ((state["exp_avg"] != 0) | (state["exp_avg_sq"] != 0)).flatten()
    padded = nn.functional.pad(is_nonzero, (0, -len(is_nonzero) % CHUNK_SIZE))
    return padded.view(-1, CHUNK_SIZE).any(1)


# Each chunk is a row of int64: number of the parameter, number of weights, and the addresses of
# weights, gradients, and first and second moments. The loops are C++, because LLVM vectorizes them;
# a sum needs explicit vectors, since its order is fixed.


@wp.func_native("""
    const auto* chunk = &wp::index(chunks, c, 0);
    const float* gradient = reinterpret_cast<const float*>(chunk[3]);
    const int size = chunk[1], tail = size - size % 16;
    typedef float floats __attribute__((vector_size(64), aligned(4)));
    typedef int bits __attribute__((vector_size(64), aligned(4)));
    floats sums = {};
    bits magnitudes = {};
    for (int d = 0; d < tail; d += 16) {
        const floats g = *reinterpret_cast<const floats*>(gradient + d);
        sums += g * g;
        magnitudes |= (bits)g & 0x7fffffff;
    }
    float total = 0.0f;
    bool is_nonzero = false;
    for (int lane = 0; lane < 16; ++lane) {
        total += sums[lane];
        is_nonzero |= magnitudes[lane] != 0;
    }
    for (int d = tail; d < size; ++d) {
        total += gradient[d] * gradient[d];
        is_nonzero |= gradient[d] != 0.0f;
    }
    wp::index(square_sums, c) = total;
    if (is_nonzero) wp::index(is_active, c) = true;
""")
def _measure_chunk(
    c: int,
    chunks: wp.array2d(dtype=wp.int64),
    is_active: wp.array(dtype=wp.bool),
    square_sums: wp.array(dtype=wp.float32),
): ...


@wp.kernel
def measure_gradients(
    chunks: wp.array2d(dtype=wp.int64),
    is_active: wp.array(dtype=wp.bool),
    square_sums: wp.array(dtype=wp.float32),
):
    """Sum the squared gradients of each chunk; activate it where a gradient is not 0."""
    _measure_chunk(wp.tid(), chunks, is_active, square_sums)


@wp.func_native("""
    if (!wp::index(is_active, c)) return;
    const auto* chunk = &wp::index(chunks, c, 0);
    const int number = chunk[0], size = chunk[1];
    float* __restrict weight = reinterpret_cast<float*>(chunk[2]);
    const float* __restrict gradient = reinterpret_cast<const float*>(chunk[3]);
    float* __restrict mean = reinterpret_cast<float*>(chunk[4]);
    float* __restrict square = reinterpret_cast<float*>(chunk[5]);
    const float step_size = wp::index(coefficients, number, 0);
    const float square_scale = wp::index(coefficients, number, 1);
    for (int d = 0; d < size; ++d) {
        const float g = gradient_factor * gradient[d];
        mean[d] = beta1 * mean[d] + (1.0f - beta1) * g;
        square[d] = beta2 * square[d] + (1.0f - beta2) * g * g;
        weight[d] -= step_size * mean[d] / (square_scale * __builtin_sqrtf(square[d]) + epsilon);
    }
""")
def _update_chunk(
    c: int,
    chunks: wp.array2d(dtype=wp.int64),
    is_active: wp.array(dtype=wp.bool),
    coefficients: wp.array2d(dtype=wp.float32),
    beta1: float,
    beta2: float,
    epsilon: float,
    gradient_factor: float,
): ...


@wp.kernel
def update_weights(
    chunks: wp.array2d(dtype=wp.int64),
    is_active: wp.array(dtype=wp.bool),
    coefficients: wp.array2d(dtype=wp.float32),
    beta1: float,
    beta2: float,
    epsilon: float,
    gradient_factor: float,
):
    """Update the weights and moments of each active chunk."""
    _update_chunk(wp.tid(), chunks, is_active, coefficients, beta1, beta2, epsilon, gradient_factor)
