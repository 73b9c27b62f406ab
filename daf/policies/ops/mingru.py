"""minGRU over a sequence of steps as Warp kernels; bundles use `mingru_bundled.py` instead.

The gates depend on the inputs alone, so one matrix product computes them for all steps. All other
operations are elementwise: a kernel reads each number once, where torch takes a pass per operation.
"""

from typing import Any

import torch
import warp as wp

from daf.sim.simulation import current_torch_stream

wp.set_module_options({"enable_backward": False})

StatesAndLastState = tuple[torch.Tensor, torch.Tensor]
"""State after every step, and after the last step."""


def mingru_sequence(
    gates: torch.Tensor,
    initial_state: torch.Tensor,
    episode_starts: torch.Tensor,
) -> StatesAndLastState:
    """Compute the states of a minGRU (Feng et al. 2024, arXiv:2410.01201).

    With update gate z and candidate c, the state is h_t = (1 - z_t) h_{t-1} + z_t c_t. An episode
    start replaces h_{t-1} by 0. The result is differentiable in all arguments except
    `episode_starts`.

    Args:
        gates: float32 [L, N, 2 D], a of z = sigmoid(a), then b of c = tanh(b / 2).
        initial_state: float32 [N, D], state before the first step.
        episode_starts: bool [L, N]; where True, the state is reset to 0 before the step.

    Returns:
        states: float32 [L, N, D];
        last state: float32 [N, D].
    """
    return _MinGRUFunction.apply(gates, initial_state, episode_starts)


class _MinGRUFunction(torch.autograd.Function):
    """Forward and backward pass of `mingru_sequence`."""

    @staticmethod
    def forward(
        context: Any,
        gates: torch.Tensor,
        initial_state: torch.Tensor,
        episode_starts: torch.Tensor,
    ) -> StatesAndLastState:
        steps, (rows, size) = len(gates), initial_state.shape
        # tanh(b / 2) = 2 sigmoid(b) - 1. torch has a vectorized logistic function for the CPU, and
        # its tanh takes 6 times as long; Warp has no vectorized function.
        activations = gates.contiguous().sigmoid()
        # Index 0 holds the initial state, index t + 1 the state after step t.
        states = gates.new_empty(steps + 1, rows, size)
        states[0] = initial_state
        _launch_mingru_kernel(mingru_forward, activations, episode_starts, states)
        context.save_for_backward(activations, episode_starts, states)
        return states[1:], states[-1].clone()

    @staticmethod
    def backward(
        context: Any, state_grads: torch.Tensor, last_state_grad: torch.Tensor
    ) -> tuple[torch.Tensor | None, ...]:
        activations, episode_starts, states = context.saved_tensors
        gate_grads = torch.empty_like(activations)
        state_grad = last_state_grad.clone()
        _launch_mingru_kernel(
            mingru_backward,
            activations,
            episode_starts,
            states,
            state_grads.contiguous(),
            state_grad,
            gate_grads,
        )
        return gate_grads, state_grad, None


def _launch_mingru_kernel(
    kernel: wp.Kernel, activations: torch.Tensor, *tensors: torch.Tensor
) -> None:
    """Launch a kernel: one thread per row on the CPU, one per unit of a row on a GPU."""
    arrays = [wp.from_torch(t.detach(), return_ctype=True) for t in (activations, *tensors)]
    rows, size = activations.shape[1], activations.shape[2] // 2
    width = 1 if activations.is_cuda else size
    wp.launch(
        kernel,
        dim=(rows, size // width),
        inputs=[width, *arrays],
        device=str(activations.device),
        stream=current_torch_stream(activations.device),
    )


@wp.func_native("""
    const int size = states.shape[2];
    for (int t = 0; t < episode_starts.shape[0]; ++t) {
        const float kept = wp::index(episode_starts, t, n) ? 0.0f : 1.0f;
        const float* z = &wp::index(activations, t, n, first);
        const float* s = z + size;
        const float* previous = &wp::index(states, t, n, first);
        float* state = &wp::index(states, t + 1, n, first);
        #pragma clang loop vectorize(assume_safety)
        for (int d = 0; d < width; ++d)
            state[d] = (1.0f - z[d]) * (kept * previous[d]) + z[d] * (2.0f * s[d] - 1.0f);
    }
""")
def compute_states_of_unit_block(
    n: int,
    first: int,
    width: int,
    activations: wp.array3d(dtype=wp.float32),
    episode_starts: wp.array2d(dtype=wp.bool),
    states: wp.array3d(dtype=wp.float32),
):
    """Compute units `first` to `first + width` of row n; see `mingru_forward`."""


@wp.func_native("""
    const int size = states.shape[2];
    float* grad = &wp::index(grads, n, first);
    for (int t = episode_starts.shape[0] - 1; t >= 0; --t) {
        const float kept = wp::index(episode_starts, t, n) ? 0.0f : 1.0f;
        const float* z = &wp::index(activations, t, n, first);
        const float* s = z + size;
        const float* previous = &wp::index(states, t, n, first);
        const float* state_grad = &wp::index(state_grads, t, n, first);
        float* z_grad = &wp::index(gate_grads, t, n, first);
        float* s_grad = z_grad + size;
        #pragma clang loop vectorize(assume_safety)
        for (int d = 0; d < width; ++d) {
            const float total = grad[d] + state_grad[d];
            const float change = 2.0f * s[d] - 1.0f - kept * previous[d];
            z_grad[d] = total * change * z[d] * (1.0f - z[d]);
            s_grad[d] = total * z[d] * 2.0f * s[d] * (1.0f - s[d]);
            grad[d] = total * (1.0f - z[d]) * kept;
        }
    }
""")
def compute_gradients_of_unit_block(
    n: int,
    first: int,
    width: int,
    activations: wp.array3d(dtype=wp.float32),
    episode_starts: wp.array2d(dtype=wp.bool),
    states: wp.array3d(dtype=wp.float32),
    state_grads: wp.array3d(dtype=wp.float32),
    grads: wp.array2d(dtype=wp.float32),
    gate_grads: wp.array3d(dtype=wp.float32),
):
    """Compute units `first` to `first + width` of row n; see `mingru_backward`."""


@wp.kernel
def mingru_forward(
    units_per_thread: int,
    # inputs
    activations: wp.array3d(dtype=wp.float32),
    episode_starts: wp.array2d(dtype=wp.bool),
    # input and output
    states_in_out: wp.array3d(dtype=wp.float32),
):
    """Compute all steps of some units of one row; dim = (N, D / width).

    The loop over the units is C++: LLVM uses vector registers only for plain loops over arrays.

    Args:
        units_per_thread: units per thread.
        activations: [L, N, 2 D], update gates z and logistic functions s; a candidate is 2 s - 1.
        episode_starts: [L, N].
        states_in_out: [L + 1, N, D], states; index 0 is read and the others are written.
    """
    n, block = wp.tid()
    compute_states_of_unit_block(
        n, block * units_per_thread, units_per_thread, activations, episode_starts, states_in_out
    )


@wp.kernel
def mingru_backward(
    units_per_thread: int,
    # inputs
    activations: wp.array3d(dtype=wp.float32),
    episode_starts: wp.array2d(dtype=wp.bool),
    states: wp.array3d(dtype=wp.float32),
    state_grads: wp.array3d(dtype=wp.float32),
    # input and output
    carried_state_grads_in_out: wp.array2d(dtype=wp.float32),
    # output
    gate_grads_out: wp.array3d(dtype=wp.float32),
):
    """Compute the gradients of all steps of some units of one row; dim = (N, D / width).

    Args:
        units_per_thread: units per thread.
        activations: [L, N, 2 D], activations of `mingru_forward`.
        episode_starts: [L, N].
        states: [L + 1, N, D], states of `mingru_forward`.
        state_grads: [L, N, D], gradients of the states as outputs of the sequence.
        carried_state_grads_in_out: [N, D], gradient of the last state, then of the initial one.
        gate_grads_out: [L, N, 2 D], gradients of the arguments `gates` of `mingru_sequence`.
    """
    n, block = wp.tid()
    compute_gradients_of_unit_block(
        n,
        block * units_per_thread,
        units_per_thread,
        activations,
        episode_starts,
        states,
        state_grads,
        carried_state_grads_in_out,
        gate_grads_out,
    )
