"""State of a simulation: a dataclass of tensors and a Warp struct over the same memory."""

from dataclasses import dataclass, fields

import torch
import warp as wp

from daf.missions import RESOURCES
from daf.missions.game_statistics import statistic_names
from daf.sim.tables.build import MissionTables


@wp.struct
class Worlds:
    """Fields of `State` for a slice of the worlds, as arguments of kernels.

    Attributes:
        first_world: index of the first world of the slice, which seeds its episodes.
    """

    first_world: int
    now: wp.array(dtype=wp.int32)
    world_seed: wp.array(dtype=wp.int64)
    episode: wp.array(dtype=wp.int32)
    layout: wp.array(dtype=wp.int32)
    grid: wp.array2d(dtype=wp.int16)
    cell: wp.array2d(dtype=wp.int32)
    orientation: wp.array2d(dtype=wp.uint8)
    glyph: wp.array2d(dtype=wp.uint8)
    inventory: wp.array3d(dtype=wp.uint8)
    gained: wp.array3d(dtype=wp.int32)
    rewarded: wp.array2d(dtype=wp.float32)
    order: wp.array2d(dtype=wp.int32)
    verb: wp.array2d(dtype=wp.int32)
    argument: wp.array2d(dtype=wp.int32)
    success: wp.array2d(dtype=wp.bool)
    cooldown_end: wp.array2d(dtype=wp.int32)
    cooldown_duration: wp.array2d(dtype=wp.int32)
    cooldown_multiplier: wp.array2d(dtype=wp.float32)
    uses: wp.array2d(dtype=wp.int32)
    stock: wp.array2d(dtype=wp.int32)
    repair: wp.array2d(dtype=wp.int32)
    clip_weight: wp.array2d(dtype=wp.float32)
    clip_cursor: wp.array(dtype=wp.int32)
    last_chest_amount: wp.array2d(dtype=wp.int32)
    counters: wp.array2d(dtype=wp.int32)
    finished_counters: wp.array2d(dtype=wp.int32)
    finished_world_seed: wp.array(dtype=wp.int64)
    rewards: wp.array2d(dtype=wp.float32)
    done: wp.array(dtype=wp.bool)
    token_count: wp.array2d(dtype=wp.int32)
    base_seed: wp.array(dtype=wp.int64)


@dataclass(frozen=True)
class State:
    """State tensors of a simulation; a checkpoint of a simulation consists of these tensors.

    Shapes use E (worlds), A (agents), S (stations), R (resources), C (game statistics) and G (cells
    of the padded grid). Worlds share no elements.
    """

    now: torch.Tensor  # int32 [E], steps since the reset
    world_seed: torch.Tensor  # int64 [E], seed of the running episode
    episode: torch.Tensor  # int32 [E], number of episodes started in this world
    layout: torch.Tensor  # int32 [E], index of the layout, drawn by world_seed
    grid: torch.Tensor  # int16 [E, G], content of each cell, see daf.sim.tables.codes
    cell: torch.Tensor  # int32 [E, A], cell of each agent, index into grid
    orientation: torch.Tensor  # uint8 [E, A], 0 N, 1 S, 2 W, 3 E
    glyph: torch.Tensor  # uint8 [E, A]
    inventory: torch.Tensor  # uint8 [E, A, R], carried amounts
    gained: torch.Tensor  # int32 [E, A, R], sum of all increases of an amount
    rewarded: torch.Tensor  # float32 [E, A], value of the statistics paid as reward so far
    order: torch.Tensor  # int32 [E, A], agents in the order of their actions
    verb: torch.Tensor  # int32 [E, A], 0 noop, 1 move, 2 change_glyph, 3 invalid
    argument: torch.Tensor  # int32 [E, A], argument of the verb
    success: torch.Tensor  # bool [E, A], success of the last action
    cooldown_end: torch.Tensor  # int32 [E, S], bits of a uint32, step at which the cooldown ends
    cooldown_duration: torch.Tensor  # int32 [E, S], bits of a uint32, steps
    cooldown_multiplier: torch.Tensor  # float32 [E, S], growth of the cooldown by exhaustion
    uses: torch.Tensor  # int32 [E, S], number of uses
    stock: torch.Tensor  # int32 [E, S], amount in a chest
    repair: torch.Tensor  # int32 [E, S], index of the repair recipe, -1 if not clipped
    clip_weight: torch.Tensor  # float32 [E, S], weight in the draw of the next clipped station
    clip_cursor: torch.Tensor  # int32 [E], number of random words used for clipping
    last_chest_amount: torch.Tensor  # int32 [E, R], stock of the last chest used
    counters: torch.Tensor  # int32 [E, C], game statistics of the running episode
    finished_counters: torch.Tensor  # int32 [E, C], game statistics of the last finished episode
    finished_world_seed: torch.Tensor  # int64 [E], seed of the last finished episode
    rewards: torch.Tensor  # float32 [E, A], rewards of the last step
    done: torch.Tensor  # bool [E], step limit reached
    token_count: torch.Tensor  # int32 [E, A], number of tokens in the observation
    base_seed: torch.Tensor  # int64 [E], seed from which the seeds of the episodes derive

    @classmethod
    def allocate(cls, tables: MissionTables, num_worlds: int, device: str) -> "State":
        """Allocate the tensors, filled with 0; `Simulation.reset` initializes them."""
        sizes = {
            "A": tables.data["num_agents"],
            "S": tables.data["num_stations"],
            "R": len(RESOURCES),
            "C": len(statistic_names(tables.mission)),
            "G": tables.data["grid"].shape[1],
        }
        shapes = {"grid": "G", "inventory": "AR", "gained": "AR", "last_chest_amount": "R"}
        shapes |= dict.fromkeys(("counters", "finished_counters"), "C")
        shapes |= dict.fromkeys(_PER_AGENT, "A") | dict.fromkeys(_PER_STATION, "S")
        tensors = {}
        for field in fields(cls):
            shape = [num_worlds, *(sizes[axis] for axis in shapes.get(field.name, ""))]
            dtype = _TORCH_TYPE[Worlds.vars[field.name].type.dtype]
            tensors[field.name] = torch.zeros(shape, dtype=dtype, device=device)
        return cls(**tensors)

    def to_warp_struct(self, world_slice: slice, global_index_of_first_world: int = 0) -> Worlds:
        """Return a Warp struct over the memory of a slice of the worlds.

        Args:
            world_slice: worlds of this state.
            global_index_of_first_world: index of the first world of this state among all worlds
                of the seed.
        """
        struct = Worlds()
        struct.first_world = global_index_of_first_world + world_slice.start
        for field in fields(self):
            setattr(struct, field.name, wp.from_torch(getattr(self, field.name)[world_slice]))
        return struct


_PER_AGENT = (
    "cell",
    "orientation",
    "glyph",
    "rewarded",
    "order",
    "verb",
    "argument",
    "success",
    "rewards",
    "token_count",
)
_PER_STATION = (
    "cooldown_end",
    "cooldown_duration",
    "cooldown_multiplier",
    "uses",
    "stock",
    "repair",
    "clip_weight",
)
_TORCH_TYPE = {
    wp.bool: torch.bool,
    wp.uint8: torch.uint8,
    wp.int16: torch.int16,
    wp.int32: torch.int32,
    wp.int64: torch.int64,
    wp.float32: torch.float32,
}
