"""minGRU over a sequence of steps as Warp kernels; bundles use `mingru_bundled.py` instead.

The gates depend on the inputs alone, so one matrix product computes them for all steps. All other
operations are elementwise: a kernel reads each number once, where torch takes a pass per operation.
"""

from typing import Any

import torch
import warp as wp

from daf.sim.simulation import current_torch_stream

wp.set_module_options({"enable_backward": False})

OutputsAndLastState = tuple[torch.Tensor, torch.Tensor]
"""Output of every step, and state after the last step."""


def mingru_sequence(
    gates: torch.Tensor,
    inputs: torch.Tensor,
    initial_state: torch.Tensor,
    episode_starts: torch.Tensor,
) -> OutputsAndLastState:
    """Compute a minGRU (Feng et al. 2024, arXiv:2410.01201) with a highway connection.

    With update gate z, highway gate o and candidate c, the state is h_t = (1 - z) h_{t-1} + z c and
    the output is y_t = (1 - o) x_t + o h_t. An episode start replaces h_{t-1} by 0. The result is
    differentiable in all arguments except `episode_starts`.

    Args:
        gates: float32 [L, N, 3 D], z, o and c before their activation functions, which are the
            logistic function for z and o and tanh for c.
        inputs: float32 [L, N, D], x.
        initial_state: float32 [N, D], state before the first step.
        episode_starts: bool [L, N]; where True, the state is reset to 0 before the step.

    Returns:
        outputs: float32 [L, N, D];
        state: float32 [N, D], after the last step.
    """
    return _MinGRUFunction.apply(gates, inputs, initial_state, episode_starts)


class _MinGRUFunction(torch.autograd.Function):
    """Forward and backward pass of `mingru_sequence`."""

    @staticmethod
    def forward(
        context: Any,
        gates: torch.Tensor,
        inputs: torch.Tensor,
        initial_state: torch.Tensor,
        episode_starts: torch.Tensor,
    ) -> OutputsAndLastState:
        steps, rows, size = inputs.shape
        # torch has a vectorized logistic function for the CPU, Warp has not.
        activations = gates.sigmoid()
        inputs = inputs.contiguous()
        outputs = torch.empty_like(inputs)
        # Index 0 holds the initial state, index t + 1 the state after step t.
        states = inputs.new_empty(steps + 1, rows, size)
        states[0] = initial_state
        _launch(mingru_forward, activations, inputs, episode_starts, states, outputs)
        context.save_for_backward(activations, inputs, episode_starts, states)
        return outputs, states[-1].clone()

    @staticmethod
    def backward(
        context: Any, output_grads: torch.Tensor, state_grad: torch.Tensor
    ) -> tuple[torch.Tensor | None, ...]:
        activations, inputs, episode_starts, states = context.saved_tensors
        gate_grads, input_grads = torch.empty_like(activations), torch.empty_like(inputs)
        state_grad = state_grad.clone()
        _launch(
            mingru_backward,
            activations,
            inputs,
            episode_starts,
            states,
            output_grads.contiguous(),
            state_grad,
            gate_grads,
            input_grads,
        )
        return gate_grads, input_grads, state_grad, None


def _launch(kernel: wp.Kernel, activations: torch.Tensor, *tensors: torch.Tensor) -> None:
    """Launch a kernel: one thread per row on the CPU, one per unit of a row on a GPU."""
    arrays = [wp.from_torch(t.detach(), return_ctype=True) for t in (activations, *tensors)]
    rows, size = activations.shape[1], activations.shape[2] // 3
    width = 1 if activations.is_cuda else size
    wp.launch(
        kernel,
        dim=(rows, size // width),
        inputs=[width, *arrays],
        device=str(activations.device),
        stream=current_torch_stream(activations.device),
    )


@wp.func_native("""
    const int steps = inputs.shape[0];
    const int size = inputs.shape[2];
    for (int t = 0; t < steps; ++t) {
        const float kept = wp::index(episode_starts, t, n) ? 0.0f : 1.0f;
        const float* z = &wp::index(activations, t, n, first);
        const float* o = z + size;
        const float* c = o + size;
        const float* x = &wp::index(inputs, t, n, first);
        const float* previous = &wp::index(states, t, n, first);
        float* state = &wp::index(states, t + 1, n, first);
        float* output = &wp::index(outputs, t, n, first);
        #pragma clang loop vectorize(assume_safety)
        for (int d = 0; d < width; ++d) {
            state[d] = (1.0f - z[d]) * (kept * previous[d]) + z[d] * (2.0f * c[d] - 1.0f);
            output[d] = (1.0f - o[d]) * x[d] + o[d] * state[d];
        }
    }
""")
def run_steps(
    n: int,
    first: int,
    width: int,
    activations: wp.array3d(dtype=wp.float32),
    inputs: wp.array3d(dtype=wp.float32),
    episode_starts: wp.array2d(dtype=wp.bool),
    states: wp.array3d(dtype=wp.float32),
    outputs: wp.array3d(dtype=wp.float32),
):
    """Compute units `first` to `first + width` of row n; see `mingru_forward`."""


@wp.func_native("""
    const int steps = inputs.shape[0];
    const int size = inputs.shape[2];
    float* state_grad = &wp::index(state_grads, n, first);
    for (int t = steps - 1; t >= 0; --t) {
        const float kept = wp::index(episode_starts, t, n) ? 0.0f : 1.0f;
        const float* z = &wp::index(activations, t, n, first);
        const float* o = z + size;
        const float* c = o + size;
        const float* x = &wp::index(inputs, t, n, first);
        const float* previous = &wp::index(states, t, n, first);
        const float* state = &wp::index(states, t + 1, n, first);
        const float* output_grad = &wp::index(output_grads, t, n, first);
        float* z_grad = &wp::index(gate_grads, t, n, first);
        float* o_grad = z_grad + size;
        float* c_grad = o_grad + size;
        float* x_grad = &wp::index(input_grads, t, n, first);
        #pragma clang loop vectorize(assume_safety)
        for (int d = 0; d < width; ++d) {
            const float grad = state_grad[d] + o[d] * output_grad[d];
            z_grad[d] = grad * (2.0f * c[d] - 1.0f - kept * previous[d]) * z[d] * (1.0f - z[d]);
            o_grad[d] = output_grad[d] * (state[d] - x[d]) * o[d] * (1.0f - o[d]);
            c_grad[d] = grad * z[d] * 2.0f * c[d] * (1.0f - c[d]);
            x_grad[d] = output_grad[d] * (1.0f - o[d]);
            state_grad[d] = grad * (1.0f - z[d]) * kept;
        }
    }
""")
def run_steps_backward(
    n: int,
    first: int,
    width: int,
    activations: wp.array3d(dtype=wp.float32),
    inputs: wp.array3d(dtype=wp.float32),
    episode_starts: wp.array2d(dtype=wp.bool),
    states: wp.array3d(dtype=wp.float32),
    output_grads: wp.array3d(dtype=wp.float32),
    state_grads: wp.array2d(dtype=wp.float32),
    gate_grads: wp.array3d(dtype=wp.float32),
    input_grads: wp.array3d(dtype=wp.float32),
):
    """Compute units `first` to `first + width` of row n; see `mingru_backward`."""


@wp.kernel
def mingru_forward(
    width: int,
    # inputs
    activations: wp.array3d(dtype=wp.float32),
    inputs: wp.array3d(dtype=wp.float32),
    episode_starts: wp.array2d(dtype=wp.bool),
    # input and output
    states_in_out: wp.array3d(dtype=wp.float32),
    # output
    outputs: wp.array3d(dtype=wp.float32),
):
    """Compute all steps of some units of one row; dim = (N, D / width).

    The loop over the units is C++: LLVM uses vector registers only for plain loops over arrays.

    Args:
        width: units per thread.
        activations: [L, N, 3 D], activations z, o and c.
        inputs: [L, N, D].
        episode_starts: [L, N].
        states_in_out: [L + 1, N, D], states; index 0 is read and the others are written.
        outputs: [L, N, D].
    """
    n, block = wp.tid()
    run_steps(n, block * width, width, activations, inputs, episode_starts, states_in_out, outputs)


@wp.kernel
def mingru_backward(
    width: int,
    # inputs
    activations: wp.array3d(dtype=wp.float32),
    inputs: wp.array3d(dtype=wp.float32),
    episode_starts: wp.array2d(dtype=wp.bool),
    states: wp.array3d(dtype=wp.float32),
    output_grads: wp.array3d(dtype=wp.float32),
    # input and output
    state_grads_in_out: wp.array2d(dtype=wp.float32),
    # outputs
    gate_grads: wp.array3d(dtype=wp.float32),
    input_grads: wp.array3d(dtype=wp.float32),
):
    """Compute the gradients of all steps of some units of one row; dim = (N, D / width).

    Args:
        width: units per thread.
        activations: [L, N, 3 D], activations of `mingru_sequence`.
        inputs: [L, N, D].
        episode_starts: [L, N].
        states: [L + 1, N, D], states of `mingru_forward`.
        output_grads: [L, N, D].
        state_grads_in_out: [N, D], gradient of the last state, replaced by that of the initial one.
        gate_grads: [L, N, 3 D], gradients of the gates before their activation functions.
        input_grads: [L, N, D].
    """
    n, block = wp.tid()
    run_steps_backward(
        n,
        block * width,
        width,
        activations,
        inputs,
        episode_starts,
        states,
        output_grads,
        state_grads_in_out,
        gate_grads,
        input_grads,
    )
