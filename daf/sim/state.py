"""What moves in a simulation: one dataclass of tensors, and the same memory as a Warp struct."""

from dataclasses import dataclass, fields

import torch
import warp as wp

from daf.missions import RESOURCES
from daf.missions.game_statistics import statistic_names
from daf.sim.tables.build import MissionTables


@wp.struct
class Worlds:
    """The moving state of some worlds as kernels see it: the number of the first, and the fields of
    `State`."""

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


@dataclass(frozen=True)
class State:
    """Everything that changes, for E worlds, A agents, S stations, R resources, K counters.

    A checkpoint of a simulation is these tensors. Rows of worlds never touch each other.
    """

    now: torch.Tensor  # int32 [E] steps since reset
    world_seed: torch.Tensor  # int64 [E] seed of the running episode
    episode: torch.Tensor  # int32 [E] episodes begun in this world
    layout: torch.Tensor  # int32 [E] number of the layout that is played, drawn by world_seed
    grid: torch.Tensor  # int16 [E, Hp*Wp] what each cell holds, see tables
    cell: torch.Tensor  # int32 [E, A] where each agent stands, index into grid
    orientation: torch.Tensor  # uint8 [E, A] 0 N, 1 S, 2 W, 3 E
    glyph: torch.Tensor  # uint8 [E, A]
    inventory: torch.Tensor  # uint8 [E, A, R]
    gained: torch.Tensor  # int32 [E, A, R] sum of all increases
    rewarded: torch.Tensor  # float32 [E, A] statistics already paid as reward
    order: torch.Tensor  # int32 [E, A] agent ids in the order they act
    verb: torch.Tensor  # int32 [E, A] 0 noop, 1 move, 2 change_glyph
    argument: torch.Tensor  # int32 [E, A]
    success: torch.Tensor  # bool [E, A] of the last action
    cooldown_end: torch.Tensor  # int32 [E, S] bits of a uint32: step at which the cooldown is over
    cooldown_duration: torch.Tensor  # int32 [E, S] bits of a uint32
    cooldown_multiplier: torch.Tensor  # float32 [E, S] grows with exhaustion
    uses: torch.Tensor  # int32 [E, S]
    stock: torch.Tensor  # int32 [E, S] of chests
    repair: torch.Tensor  # int32 [E, S] index of the repair recipe, -1 if not clipped
    clip_weight: torch.Tensor  # float32 [E, S]
    clip_cursor: torch.Tensor  # int32 [E] random words used for clipping
    last_chest_amount: torch.Tensor  # int32 [E, R] stock of the chest touched last
    counters: torch.Tensor  # int32 [E, K] game statistics of the running episode
    finished_counters: torch.Tensor  # int32 [E, K] game statistics of the last finished episode
    finished_world_seed: torch.Tensor  # int64 [E] its world seed
    rewards: torch.Tensor  # float32 [E, A] of the last step
    done: torch.Tensor  # bool [E] the step limit is reached
    token_count: torch.Tensor  # int32 [E, A] tokens in the observation as it stands

    @classmethod
    def allocate(cls, tables: MissionTables, num_worlds: int, device: str) -> "State":
        """All zeros; `reset` brings the worlds to their start."""
        sizes = {
            "A": tables.data["num_agents"],
            "S": tables.data["num_stations"],
            "R": len(RESOURCES),
            "K": len(statistic_names(tables.mission)),
            "G": tables.data["grid"].shape[1],
        }
        shapes = {"grid": "G", "inventory": "AR", "gained": "AR", "last_chest_amount": "R"}
        shapes |= dict.fromkeys(("counters", "finished_counters"), "K")
        shapes |= dict.fromkeys(_PER_AGENT, "A") | dict.fromkeys(_PER_STATION, "S")
        tensors = {}
        for field in fields(cls):
            shape = [num_worlds, *(sizes[axis] for axis in shapes.get(field.name, ""))]
            dtype = _TORCH_TYPE[Worlds.vars[field.name].type.dtype]
            tensors[field.name] = torch.zeros(shape, dtype=dtype, device=device)
        return cls(**tensors)

    def struct(self, worlds: slice, first_world: int = 0) -> Worlds:
        """The same memory of some worlds as a Warp struct; `first_world` is the number of the
        state's first world."""
        struct = Worlds()
        struct.first_world = first_world + worlds.start
        for field in fields(self):
            setattr(struct, field.name, wp.from_torch(getattr(self, field.name)[worlds]))
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
