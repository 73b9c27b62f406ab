"""A long short-term memory over many steps as Warp kernels, for GPUs. A bundle, which runs without
Warp, has `lstm_torch.py` in the place of this file.

A step is one product of matrices and one kernel, and so is its way back, where single operations of
torch would be eighteen; on a GPU the number of launches is what takes the time.
"""

import torch
import warp as wp

from daf.sim.simulation import torch_stream

wp.set_module_options({"enable_backward": False})


def lstm_sequence(
    inputs: torch.Tensor,
    weights: torch.Tensor,
    hidden: torch.Tensor,
    cell: torch.Tensor,
    starts: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The equations of `torch.nn.LSTM` (without projections), but for what the inputs add.

    Args:
        inputs: float32 [L, N, 4 H], what the inputs add to the gates i, f, g, o, both biases too.
        weights: float32 [4 H, H], what a hidden state adds to the gates.
        hidden, cell: float32 [N, H] before the first step.
        starts: bool [L, N], the memory is set back to zeros before the step.

    Returns:
        float32 [L, N, H], the hidden states, and [N, H], the last cell state; differentiable in
        all but `starts`.
    """
    return _LSTMFunction.apply(inputs, weights, hidden, cell, starts)


class _LSTMFunction(torch.autograd.Function):
    @staticmethod
    def forward(context, inputs, weights, hidden, cell, starts):
        steps, rows, size = *inputs.shape[:2], hidden.shape[1]
        gates = torch.empty_like(inputs)
        # What was before the first step stands before what is after each.
        hiddens, cells = inputs.new_empty(2, steps + 1, rows, size)
        hiddens[0], cells[0] = hidden, cell
        added = inputs.new_empty(rows, 4 * size)
        arrays = _arrays(inputs, added, starts, gates, hiddens, cells)
        for t in range(steps):
            torch.mm(hiddens[t], weights.T, out=added)
            _launch(lstm_step, (rows, size), t, arrays, inputs.device)
        context.save_for_backward(weights, starts, gates, hiddens, cells)
        return hiddens[1:], cells[-1].clone()

    @staticmethod
    def backward(context, hidden_grads, cell_slope):
        weights, starts, gates, hiddens, cells = context.saved_tensors
        steps, rows, size = hidden_grads.shape
        slopes = torch.empty_like(gates)
        carried = torch.zeros_like(hiddens[0])
        cell_slope = cell_slope.clone()
        arrays = _arrays(
            hidden_grads.contiguous(), starts, gates, cells, carried, cell_slope, slopes
        )
        for t in reversed(range(steps)):
            _launch(lstm_step_backward, (rows, size), t, arrays, slopes.device)
            torch.mm(slopes[t], weights, out=carried)
        kept = ~starts[..., None]
        before = hiddens[:-1] * kept
        own = torch.mm(slopes.flatten(0, 1).T, before.flatten(0, 1))
        return slopes, own, carried * kept[0], cell_slope, None


def _arrays(*tensors: torch.Tensor) -> list:
    return [wp.from_torch(tensor.detach(), return_ctype=True) for tensor in tensors]


def _launch(kernel: wp.Kernel, dim: tuple[int, int], t: int, arrays: list, device: torch.device):
    stream = torch_stream(device)
    wp.launch(kernel, dim=dim, inputs=[t, *arrays], device=str(device), stream=stream)


@wp.func
def sigmoid(x: float) -> float:
    return 1.0 / (1.0 + wp.exp(-x))


@wp.kernel
def lstm_step(
    t: int,
    inputs: wp.array3d(dtype=wp.float32),
    added: wp.array2d(dtype=wp.float32),
    starts: wp.array2d(dtype=wp.bool),
    gates: wp.array3d(dtype=wp.float32),
    hiddens: wp.array3d(dtype=wp.float32),
    cells: wp.array3d(dtype=wp.float32),
):
    """Step t: one thread is one number of a row's memory. `added` is what the hidden state before
    adds to the gates."""
    n, h = wp.tid()
    size = cells.shape[2]
    kept = wp.where(starts[t, n], 0.0, 1.0)
    i = sigmoid(inputs[t, n, h] + kept * added[n, h])
    f = sigmoid(inputs[t, n, size + h] + kept * added[n, size + h])
    g = wp.tanh(inputs[t, n, 2 * size + h] + kept * added[n, 2 * size + h])
    o = sigmoid(inputs[t, n, 3 * size + h] + kept * added[n, 3 * size + h])
    cell = f * kept * cells[t, n, h] + i * g
    gates[t, n, h] = i
    gates[t, n, size + h] = f
    gates[t, n, 2 * size + h] = g
    gates[t, n, 3 * size + h] = o
    cells[t + 1, n, h] = cell
    hiddens[t + 1, n, h] = o * wp.tanh(cell)


@wp.kernel
def lstm_step_backward(
    t: int,
    hidden_grads: wp.array3d(dtype=wp.float32),
    starts: wp.array2d(dtype=wp.bool),
    gates: wp.array3d(dtype=wp.float32),
    cells: wp.array3d(dtype=wp.float32),
    carried: wp.array2d(dtype=wp.float32),
    cell_slope: wp.array2d(dtype=wp.float32),
    slopes: wp.array3d(dtype=wp.float32),
):
    """The way back through step t: from the slope of its hidden state, as the outputs and the next
    step (`carried`, through the gates) have it, and of its cell state, to those of the gates before
    their functions and of the cell state before."""
    n, h = wp.tid()
    size = cells.shape[2]
    i = gates[t, n, h]
    f = gates[t, n, size + h]
    g = gates[t, n, 2 * size + h]
    o = gates[t, n, 3 * size + h]
    hidden_slope = hidden_grads[t, n, h]
    if t + 1 < starts.shape[0] and not starts[t + 1, n]:
        hidden_slope += carried[n, h]
    kept = wp.where(starts[t, n], 0.0, 1.0)
    squashed = wp.tanh(cells[t + 1, n, h])
    slope = cell_slope[n, h] + hidden_slope * o * (1.0 - squashed * squashed)
    slopes[t, n, h] = slope * g * i * (1.0 - i)
    slopes[t, n, size + h] = slope * kept * cells[t, n, h] * f * (1.0 - f)
    slopes[t, n, 2 * size + h] = slope * i * (1.0 - g * g)
    slopes[t, n, 3 * size + h] = hidden_slope * squashed * o * (1.0 - o)
    cell_slope[n, h] = slope * f * kept
