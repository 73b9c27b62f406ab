"""LSTM over a sequence of steps as Warp kernels for GPUs; bundles use `lstm_bundled.py` instead.

A step takes one matrix product and one kernel, and so does its backward pass. Single torch
operations would take 18 launches, and on a GPU the launches determine the time.
"""

from typing import Any

import torch
import warp as wp

from daf.sim.simulation import current_torch_stream

wp.set_module_options({"enable_backward": False})

HiddenStatesAndLastCell = tuple[torch.Tensor, torch.Tensor]
"""Hidden state after every step, and cell state after the last step."""


def lstm_sequence(
    input_gates: torch.Tensor,
    recurrent_weights: torch.Tensor,
    initial_hidden: torch.Tensor,
    initial_cell_state: torch.Tensor,
    episode_starts: torch.Tensor,
) -> HiddenStatesAndLastCell:
    """Compute the equations of `torch.nn.LSTM` with resets at episode starts.

    The result is differentiable in all arguments except `episode_starts`.

    Args:
        input_gates: float32 [L, N, 4 D], contribution of the inputs to the gates i, f, g, o,
            including both biases.
        recurrent_weights: float32 [4 D, D], weights from the hidden state to the gates.
        initial_hidden: float32 [N, D], hidden state before the first step.
        initial_cell_state: float32 [N, D], cell state before the first step.
        episode_starts: bool [L, N]; where True, both states are reset to 0 before the step.

    Returns:
        hidden states: float32 [L, N, D];
        cell state: float32 [N, D], after the last step.
    """
    return _LSTMFunction.apply(
        input_gates, recurrent_weights, initial_hidden, initial_cell_state, episode_starts
    )


class _LSTMFunction(torch.autograd.Function):
    """Forward and backward pass of `lstm_sequence`."""

    @staticmethod
    def forward(
        context: Any,
        input_gates: torch.Tensor,
        recurrent_weights: torch.Tensor,
        initial_hidden: torch.Tensor,
        initial_cell_state: torch.Tensor,
        episode_starts: torch.Tensor,
    ) -> HiddenStatesAndLastCell:
        steps, rows, size = *input_gates.shape[:2], initial_hidden.shape[1]
        gates = torch.empty_like(input_gates)
        # Index 0 holds the initial states, index t + 1 the states after step t.
        hiddens, cells = input_gates.new_empty(2, steps + 1, rows, size)
        hiddens[0], cells[0] = initial_hidden, initial_cell_state
        hidden_gates = input_gates.new_empty(rows, 4 * size)
        arrays = _as_warp_arrays(input_gates, hidden_gates, episode_starts, gates, hiddens, cells)
        for t in range(steps):
            torch.mm(hiddens[t], recurrent_weights.T, out=hidden_gates)
            _launch_step(lstm_step, (rows, size), t, arrays, input_gates.device)
        context.save_for_backward(recurrent_weights, episode_starts, gates, hiddens, cells)
        return hiddens[1:], cells[-1].clone()

    @staticmethod
    def backward(
        context: Any, hidden_grads: torch.Tensor, cell_grad: torch.Tensor
    ) -> tuple[torch.Tensor | None, ...]:
        recurrent_weights, episode_starts, gates, hiddens, cells = context.saved_tensors
        steps, rows, size = hidden_grads.shape
        gate_grads = torch.empty_like(gates)
        hidden_grad_from_next = torch.zeros_like(hiddens[0])
        cell_grad = cell_grad.clone()
        arrays = _as_warp_arrays(
            hidden_grads.contiguous(),
            episode_starts,
            gates,
            cells,
            hidden_grad_from_next,
            cell_grad,
            gate_grads,
        )
        for t in reversed(range(steps)):
            _launch_step(lstm_step_backward, (rows, size), t, arrays, gate_grads.device)
            torch.mm(gate_grads[t], recurrent_weights, out=hidden_grad_from_next)
        not_start = ~episode_starts[..., None]
        hidden_inputs = hiddens[:-1] * not_start
        weight_grads = torch.mm(gate_grads.flatten(0, 1).T, hidden_inputs.flatten(0, 1))
        return gate_grads, weight_grads, hidden_grad_from_next * not_start[0], cell_grad, None


def _as_warp_arrays(*tensors: torch.Tensor) -> list:
    return [wp.from_torch(tensor.detach(), return_ctype=True) for tensor in tensors]


def _launch_step(
    kernel: wp.Kernel, dim: tuple[int, int], t: int, arrays: list, device: torch.device
) -> None:
    stream = current_torch_stream(device)
    wp.launch(kernel, dim=dim, inputs=[t, *arrays], device=str(device), stream=stream)


@wp.func
def sigmoid(x: float) -> float:
    """Return the logistic function of x."""
    return 1.0 / (1.0 + wp.exp(-x))


@wp.kernel
def lstm_step(
    t: int,
    # inputs
    input_gates: wp.array3d(dtype=wp.float32),
    hidden_gates: wp.array2d(dtype=wp.float32),
    episode_starts: wp.array2d(dtype=wp.bool),
    # outputs
    gates_out: wp.array3d(dtype=wp.float32),
    hiddens_out: wp.array3d(dtype=wp.float32),
    cells_in_out: wp.array3d(dtype=wp.float32),
):
    """Compute one unit of one row at step t; dim = (N, D).

    Args:
        t: step.
        input_gates: [L, N, 4 D], contribution of the inputs to the gates.
        hidden_gates: [N, 4 D], contribution of the previous hidden state to the gates.
        episode_starts: [L, N].
        gates_out: [L, N, 4 D], gate activations i, f, g, o.
        hiddens_out: [L + 1, N, D], hidden states; index t + 1 is written.
        cells_in_out: [L + 1, N, D], cell states; index t is read and index t + 1 written.
    """
    n, d = wp.tid()
    size = cells_in_out.shape[2]
    not_start = wp.where(episode_starts[t, n], 0.0, 1.0)
    i = sigmoid(input_gates[t, n, d] + not_start * hidden_gates[n, d])
    f = sigmoid(input_gates[t, n, size + d] + not_start * hidden_gates[n, size + d])
    g = wp.tanh(input_gates[t, n, 2 * size + d] + not_start * hidden_gates[n, 2 * size + d])
    o = sigmoid(input_gates[t, n, 3 * size + d] + not_start * hidden_gates[n, 3 * size + d])
    cell = f * not_start * cells_in_out[t, n, d] + i * g
    gates_out[t, n, d] = i
    gates_out[t, n, size + d] = f
    gates_out[t, n, 2 * size + d] = g
    gates_out[t, n, 3 * size + d] = o
    cells_in_out[t + 1, n, d] = cell
    hiddens_out[t + 1, n, d] = o * wp.tanh(cell)


@wp.kernel
def lstm_step_backward(
    t: int,
    # inputs
    hidden_grads: wp.array3d(dtype=wp.float32),
    episode_starts: wp.array2d(dtype=wp.bool),
    gates: wp.array3d(dtype=wp.float32),
    cells: wp.array3d(dtype=wp.float32),
    hidden_grad_from_next: wp.array2d(dtype=wp.float32),
    # input and output
    cell_grads_in_out: wp.array2d(dtype=wp.float32),
    # output
    gate_grads_out: wp.array3d(dtype=wp.float32),
):
    """Compute the gradients of one unit of one row at step t; dim = (N, D).

    Args:
        t: step.
        hidden_grads: [L, N, D], gradients of the hidden states as outputs of the sequence.
        episode_starts: [L, N].
        gates: [L, N, 4 D], gate activations of `lstm_step`.
        cells: [L + 1, N, D], cell states of `lstm_step`.
        hidden_grad_from_next: [N, D], gradient of the hidden state through the gates of step t + 1.
        cell_grads_in_out: [N, D], gradient of the cell state after step t, replaced by that before.
        gate_grads_out: [L, N, 4 D], gradients of the gates before their activation functions.
    """
    n, d = wp.tid()
    size = cells.shape[2]
    i = gates[t, n, d]
    f = gates[t, n, size + d]
    g = gates[t, n, 2 * size + d]
    o = gates[t, n, 3 * size + d]
    hidden_grad = hidden_grads[t, n, d]
    if t + 1 < episode_starts.shape[0] and not episode_starts[t + 1, n]:
        hidden_grad += hidden_grad_from_next[n, d]
    not_start = wp.where(episode_starts[t, n], 0.0, 1.0)
    tanh_cell = wp.tanh(cells[t + 1, n, d])
    cell_grad = cell_grads_in_out[n, d] + hidden_grad * o * (1.0 - tanh_cell * tanh_cell)
    gate_grads_out[t, n, d] = cell_grad * g * i * (1.0 - i)
    gate_grads_out[t, n, size + d] = cell_grad * not_start * cells[t, n, d] * f * (1.0 - f)
    gate_grads_out[t, n, 2 * size + d] = cell_grad * i * (1.0 - g * g)
    gate_grads_out[t, n, 3 * size + d] = hidden_grad * tanh_cell * o * (1.0 - o)
    cell_grads_in_out[n, d] = cell_grad * f * not_start
