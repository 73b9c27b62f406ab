"""Token embedding: from observation tokens to a feature vector, at the cost of the tokens present.

Each token adds one learned row, chosen by its place in the window and by what it says, times a
weight. Summed over the tokens this is a dense first layer over the whole window, without ever
building the window.
"""

import functools
import math

import torch
import warp as wp
from torch import nn

from daf.missions import RESOURCES
from daf.missions.loader import CATALOG
from daf.policies.game import Game
from daf.sim.simulation import torch_stream

wp.set_module_options({"enable_backward": False})

# A feature whose value is a name, not an amount, has one row for each value (the last also stands
# for all greater ones); type ids have one for each kind of the game, and one for all others.
CATEGORIES = {"orientation": 4, "last_action": 4, "last_argument": 5}
TYPE_IDS = (0, 1, *sorted(station["type_id"] for station in CATALOG.values()))
LINEAR = {"episode_completion": 255, "last_reward": 100, "glyph": 255}
LOGARITHMIC = ("cooldown", "clipped", "remaining_uses", *RESOURCES)


@functools.cache
def vocabulary(features: tuple[str, ...]) -> tuple[torch.Tensor, torch.Tensor, int]:
    """What each (feature, value) says.

    Returns:
        slot: int32 [256 * 256], index feature * 256 + value, which row;
        weight: float32 [256 * 256], its factor, 0 for what is constant or empty;
        the number of slots.
    """
    slot = torch.zeros(256, 256, dtype=torch.int32)
    weight = torch.zeros(256, 256)
    values = torch.arange(256)
    used = 0
    for feature, name in enumerate(features):
        if name == "type_id":
            slot[feature] = used + len(TYPE_IDS)
            for index, type_id in enumerate(TYPE_IDS):
                slot[feature, type_id] = used + index
            weight[feature] = 1.0
            used += len(TYPE_IDS) + 1
        elif name in CATEGORIES:
            slot[feature] = used + values.clamp(max=CATEGORIES[name] - 1)
            weight[feature] = 1.0
            used += CATEGORIES[name]
        elif name in LINEAR or name in LOGARITHMIC:
            slot[feature] = used
            # Amounts run from 1 to 255 and the step from none to one matters most.
            logarithm = torch.log1p(values.float()) / math.log(11.0)
            weight[feature] = values / LINEAR[name] if name in LINEAR else logarithm
            used += 1
    return slot.reshape(-1), weight.reshape(-1), used


@wp.struct
class Vocabulary:
    """Row and factor of a token: row = places[location] + slots[feature * 256 + value]."""

    places: wp.array(dtype=wp.int32)
    slots: wp.array(dtype=wp.int32)
    weights: wp.array(dtype=wp.float32)


@functools.cache
def vocabulary_on(
    device: str, features: tuple[str, ...], height: int, width: int
) -> tuple[Vocabulary, int]:
    """The vocabulary for a window, in the memory of a device, and the number of rows R it names."""
    slots, weights, num_slots = vocabulary(features)
    packed = torch.arange(256)
    row, column = packed >> 4, packed & 15
    inside = (row < height) & (column < width)
    places = torch.where(inside, (row * width + column) * num_slots, 0)
    struct = Vocabulary()
    struct.places = wp.array(places.numpy(), dtype=wp.int32, device=device)
    struct.slots = wp.array(slots.numpy(), dtype=wp.int32, device=device)
    struct.weights = wp.array(weights.numpy(), dtype=wp.float32, device=device)
    return struct, height * width * num_slots


@wp.func
def said(token: wp.vec3ub) -> int:
    return int(token[1]) * 256 + int(token[2])


@wp.kernel
def look_up(
    v: Vocabulary,
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
    """Sum of rows and bias, and its gradient, for embeddings of one size D; one thread per
    observation.

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
        + copy("(&wp::index(out, n, 0))", "total[d]")
    )
    def sum_rows(
        n: int,
        v: Vocabulary,
        observations: wp.array2d(dtype=wp.vec3ub),
        table: wp.array2d(dtype=wp.float32),
        bias: wp.array(dtype=wp.float32),
        out: wp.array2d(dtype=wp.float32),
    ): ...

    @wp.func_native(
        f"float change[{size}];"
        + copy("change", "wp::index(gradient, n, d)")
        + over_tokens("row[d] += factor * change[d];")
    )
    def add_to_rows(
        n: int,
        v: Vocabulary,
        observations: wp.array2d(dtype=wp.vec3ub),
        gradient: wp.array2d(dtype=wp.float32),
        table: wp.array2d(dtype=wp.float32),
    ): ...

    @wp.kernel(module="unique", enable_backward=False)
    def gather(
        v: Vocabulary,
        observations: wp.array2d(dtype=wp.vec3ub),
        table: wp.array2d(dtype=wp.float32),
        bias: wp.array(dtype=wp.float32),
        out: wp.array2d(dtype=wp.float32),
    ):
        sum_rows(wp.tid(), v, observations, table, bias, out)

    @wp.kernel(module="unique", enable_backward=False)
    def spread(
        v: Vocabulary,
        observations: wp.array2d(dtype=wp.vec3ub),
        gradient: wp.array2d(dtype=wp.float32),
        table: wp.array2d(dtype=wp.float32),
    ):
        add_to_rows(wp.tid(), v, observations, gradient, table)

    # Threads that launch a kernel at the same time should find it loaded.
    for kernel in (gather, spread):
        kernel.module.load("cpu")
    return gather, spread


class _SumOnCPU(torch.autograd.Function):
    """The embedding by Warp: torch's own backward sorts all tokens and is 10 times slower.

    The gradient of the table is added to `table.grad` at once: as a tensor of its own it would have
    to be cleared and added, and most rows are in no observation.
    """

    @staticmethod
    def forward(context, table, bias, observations, vocabulary):
        context.save_for_backward(observations)
        context.table, context.vocabulary = table, vocabulary
        out = torch.empty(len(observations), table.shape[1])
        gather, _ = cpu_kernels(table.shape[1])
        _launch(gather, vocabulary, observations, table.detach(), bias.detach(), out)
        return out

    @staticmethod
    def backward(context, gradient):
        (observations,) = context.saved_tensors
        table = context.table
        if table.grad is None:
            table.grad = torch.zeros_like(table)
        _, spread = cpu_kernels(table.shape[1])
        _launch(spread, context.vocabulary, observations, gradient.contiguous(), table.grad)
        return None, gradient.sum(0), None, None


def _launch(kernel, vocabulary: Vocabulary, observations: torch.Tensor, *tensors: torch.Tensor):
    arrays = [wp.from_torch(tensor, return_ctype=True) for tensor in tensors]
    tokens = wp.from_torch(observations, dtype=wp.vec3ub, return_ctype=True)
    wp.launch(kernel, dim=len(observations), inputs=[vocabulary, tokens, *arrays])


class TokenEmbedding(nn.Module):
    """uint8 [N, T, 3] -> float32 [N, D]."""

    def __init__(self, game: Game, size: int):
        super().__init__()
        self.words = (game.features, *game.window)
        self.used_tokens = game.used_tokens
        _, rows = vocabulary_on("cpu", *self.words)
        self.table = nn.Parameter(torch.empty(rows, size))
        self.bias = nn.Parameter(torch.zeros(size))
        # About 50 tokens are present at a time; the sum should start with unit variance.
        nn.init.normal_(self.table, std=1 / math.sqrt(50))

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        if observations.device.type == "cpu":
            known, _ = vocabulary_on("cpu", *self.words)
            return _SumOnCPU.apply(self.table, self.bias, observations, known)
        index, factor = self.look_up(observations)
        summed = nn.functional.embedding_bag(
            index, self.table, mode="sum", per_sample_weights=factor
        )
        return summed + self.bias

    def look_up(self, observations: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Row of the table, int32 [N, U], and factor, float32 [N, U], of the first U tokens."""
        shape = (len(observations), self.used_tokens)
        device = observations.device
        index = torch.empty(shape, dtype=torch.int32, device=device)
        factor = torch.empty(shape, device=device)
        known, _ = vocabulary_on(str(device), *self.words)
        wp.launch(
            look_up,
            dim=shape,
            inputs=[
                known,
                wp.from_torch(observations, dtype=wp.vec3ub),
                wp.from_torch(index),
                wp.from_torch(factor),
            ],
            device=str(device),
            stream=torch_stream(device),
        )
        return index, factor
