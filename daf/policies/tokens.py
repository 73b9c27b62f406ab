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
    """Sum of rows and its gradient for embeddings of one size D, one thread per observation.

    On the CPU threads run one after the other, so the plain sums of `spread` have one order.
    """
    vector = wp.types.vector(length=size, dtype=wp.float32)

    @wp.kernel(module="unique", enable_backward=False)
    def gather(
        v: Vocabulary,
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
        v: Vocabulary,
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
    def forward(context, table, observations, vocabulary):
        gather, _, vector = cpu_kernels(table.shape[1])
        context.save_for_backward(table, observations)
        context.vocabulary = vocabulary
        out = torch.empty(len(observations), table.shape[1])
        wp.launch(
            gather,
            dim=len(observations),
            inputs=[
                vocabulary,
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
                context.vocabulary,
                wp.from_torch(observations, dtype=wp.vec3ub),
                wp.from_torch(gradient.contiguous(), dtype=vector),
                wp.from_torch(total, dtype=vector),
            ],
        )
        return total, None, None


class TokenEmbedding(nn.Module):
    """uint8 [N, T, 3] -> float32 [N, D]."""

    def __init__(self, game: Game, size: int):
        super().__init__()
        slots, weights, self.num_slots = vocabulary(game.features)
        height, width = game.window
        packed = torch.arange(256)
        row, column = packed >> 4, packed & 15
        inside = (row < height) & (column < width)
        places = torch.where(inside, (row * width + column) * self.num_slots, 0)
        self.used_tokens = game.used_tokens
        self.register_buffer("places", places.to(torch.int32), persistent=False)
        self.register_buffer("slots", slots, persistent=False)
        self.register_buffer("weights", weights, persistent=False)
        self.table = nn.Parameter(torch.empty(height * width * self.num_slots, size))
        self.bias = nn.Parameter(torch.zeros(size))
        # About 50 tokens are present at a time; the sum should start with unit variance.
        nn.init.normal_(self.table, std=1 / math.sqrt(50))

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        if observations.device.type == "cpu":
            return _SumOnCPU.apply(self.table, observations, self._vocabulary()) + self.bias
        index, factor = self.look_up(observations)
        summed = nn.functional.embedding_bag(
            index, self.table, mode="sum", per_sample_weights=factor
        )
        return summed + self.bias

    def look_up(self, observations: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Row of the table, int32 [N, U], and factor, float32 [N, U], of the first U tokens."""
        shape = (len(observations), self.used_tokens)
        index = torch.empty(shape, dtype=torch.int32, device=observations.device)
        factor = torch.empty(shape, device=observations.device)
        wp.launch(
            look_up,
            dim=shape,
            inputs=[
                self._vocabulary(),
                wp.from_torch(observations, dtype=wp.vec3ub),
                wp.from_torch(index),
                wp.from_torch(factor),
            ],
            device=str(observations.device),
            stream=torch_stream(observations.device),
        )
        return index, factor

    def _vocabulary(self) -> Vocabulary:
        vocabulary = Vocabulary()
        vocabulary.places = wp.from_torch(self.places)
        vocabulary.slots = wp.from_torch(self.slots)
        vocabulary.weights = wp.from_torch(self.weights)
        return vocabulary
