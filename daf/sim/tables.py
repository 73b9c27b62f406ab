"""What is constant in a mission, as flat tables: `Mission` -> tensors that kernels read."""

import math
from dataclasses import dataclass

import numpy as np
import torch
import warp as wp

from daf.missions import POSITIONS, RESOURCES, Assembler, Mission, Recipe
from daf.missions.formations import recipe_of_neighbours
from daf.missions.inventory import inventory_limits, starting_inventory
from daf.missions.mission import AGENT, WALL
from daf.missions.statistics import station_types
from daf.sim.views import view_tables, window

# What a cell of the grid holds. Station k is FIRST_STATION + k, agent a is first_agent + a.
OUTSIDE = wp.constant(0)
EMPTY = wp.constant(1)
WALL_CODE = wp.constant(2)
FIRST_STATION = wp.constant(3)

# What `station_at` holds: the number of the station, and above it its type.
KIND_SHIFT = wp.constant(16)
STATION_BITS = wp.constant(0xFFFF)

ENERGY = wp.constant(RESOURCES.index("energy"))
HEART = wp.constant(RESOURCES.index("heart"))
NUM_RESOURCES = wp.constant(len(RESOURCES))
NUM_POSITIONS = wp.constant(len(POSITIONS))
NO_RECIPE = wp.constant(-1)

ASSEMBLER_KIND = wp.constant(0)
CHEST_KIND = wp.constant(1)

MOVES = ("N", "S", "W", "E")
OPPOSITE = {"N": "S", "S": "N", "W": "E", "E": "W"}


@wp.struct
class Tables:
    """The constants of one mission, as kernels see them; see `build_tables` for the shapes."""

    # sizes
    num_agents: int
    num_stations: int
    first_agent: int
    # the maps
    grid: wp.array2d(dtype=wp.int16)
    agent_cell: wp.array2d(dtype=wp.int32)
    move_offset: wp.array(dtype=wp.int32)
    neighbour_offset: wp.array(dtype=wp.int32)
    # rules of agents
    move_energy: int
    num_glyphs: int
    failure_penalty: float
    limit_mates: wp.array(dtype=wp.int32)
    limit: wp.array(dtype=wp.int32)
    initial_inventory: wp.array(dtype=wp.uint8)
    regeneration_interval: int
    regeneration: wp.array(dtype=wp.int32)
    # stations
    station_type: wp.array2d(dtype=wp.int32)
    type_id: wp.array(dtype=wp.int32)
    kind: wp.array(dtype=wp.int32)
    partial: wp.array(dtype=wp.int32)
    max_uses: wp.array(dtype=wp.int32)
    exhaustion: wp.array(dtype=wp.float32)
    recipe: wp.array2d(dtype=wp.int32)
    recipe_input: wp.array2d(dtype=wp.int32)
    recipe_output: wp.array2d(dtype=wp.int32)
    recipe_cooldown: wp.array(dtype=wp.int32)
    recipe_has_output: wp.array(dtype=wp.int32)
    chest_resource: wp.array(dtype=wp.int32)
    chest_initial: wp.array(dtype=wp.int32)
    chest_capacity: wp.array(dtype=wp.int32)
    chest_delta: wp.array2d(dtype=wp.int32)
    # clipping
    clip_rate: float
    num_repairs: int
    first_repair: int
    clip_order: wp.array2d(dtype=wp.int32)
    clip_words: wp.array(dtype=wp.int32)
    starts_clipped: wp.array2d(dtype=wp.int32)
    initial_clip_weight: wp.array2d(dtype=wp.float32)
    spread: wp.array3d(dtype=wp.float32)
    # rewards
    max_steps: int
    reward_weight: wp.array(dtype=wp.float32)
    reward_cap: wp.array(dtype=wp.float32)
    reward_resource: wp.array(dtype=wp.int32)
    reward_of_chest: wp.array(dtype=wp.int32)
    # observations
    window_offset: wp.array(dtype=wp.int32)
    window_location: wp.array(dtype=wp.uint8)
    station_at: wp.array2d(dtype=wp.int32)
    sight: wp.array3d(dtype=wp.int64)
    wall_mask: wp.array2d(dtype=wp.int64)
    walls_seen: wp.array2d(dtype=wp.vec3ub)
    rank: wp.array(dtype=wp.int16)


@dataclass(frozen=True)
class _Maps:
    """What stands where on the M maps of a mission, each in reading order: A agents, S stations of
    K `types`."""

    types: tuple[str, ...]
    wall: np.ndarray  # bool [M, H, W]
    agents: np.ndarray  # int [M, A, 2] row and column
    stations: np.ndarray  # int [M, S, 2] row and column
    station_type: np.ndarray  # int [M, S]

    @classmethod
    def of(cls, mission: Mission) -> "_Maps":
        types = station_types(mission)
        wall = mission.where(WALL)
        station = np.full(wall.shape, -1)
        for number, name in enumerate(types):
            station[mission.where(name)] = number
        return cls(
            types=types,
            wall=wall,
            agents=_places(mission.where(AGENT)),
            stations=_places(station >= 0),
            station_type=station[station >= 0].reshape(len(wall), -1),
        )


def _places(there: np.ndarray) -> np.ndarray:
    """Row and column of what is there, bool [M, H, W], as many on each map: [M, N, 2]."""
    places = np.argwhere(there)
    return places[:, 1:].reshape(len(there), len(places) // len(there), 2)


class MissionTables:
    """The tables of a mission on one device.

    Attributes:
        data: name -> number or tensor, the fields of `Tables`. With M layouts, K station types, S
            stations, C that can be clipped, Q recipes, R resources and a grid padded by half a
            window: `grid` int16 and `station_at` int32 [M, Hp*Wp]; `agent_cell` [M, A];
            `station_type`, `starts_clipped`, `initial_clip_weight` [M, S]; `clip_order` [M, C];
            `spread` float32 [M, S, S]; `recipe` [K, 256] recipe of a neighbour byte;
            `recipe_input`, `recipe_output` [Q, R]; `chest_delta` [K, 4] by direction of the move;
            those of the window are described in `daf.sim.views`.
        padded_width: Wp, so that cell = (row + pad_rows) * Wp + column + pad_columns.
        struct: the same as a Warp struct.
    """

    def __init__(self, mission: Mission, device: str):
        self.mission = mission
        self.pad_rows = max(mission.window_height // 2, 1)
        self.pad_columns = max(mission.window_width // 2, 1)
        self.padded_width = mission.width + 2 * self.pad_columns
        maps = _Maps.of(mission)
        self.data = _map_tables(mission, maps, self)
        self.data |= {
            **_agent_tables(mission),
            **_station_tables(mission, maps),
            **_clip_tables(mission, maps),
            **_reward_tables(mission),
            **_window_tables(mission, self),
        }
        self.tensors = {
            name: torch.as_tensor(value, device=device)
            for name, value in self.data.items()
            if isinstance(value, np.ndarray)
        }
        self.struct = Tables()
        for name, value in self.data.items():
            if isinstance(value, np.ndarray):
                dtype = Tables.vars[name].type.dtype
                value = wp.from_torch(self.tensors[name], dtype=dtype)
            setattr(self.struct, name, value)

    def cells(self, places: np.ndarray) -> np.ndarray:
        """Indices in the padded grid of places [..., 2] on the map."""
        row, column = places[..., 0] + self.pad_rows, places[..., 1] + self.pad_columns
        return row * self.padded_width + column


def _ints(values) -> np.ndarray:
    return np.asarray(values, dtype=np.int32)


def _amounts(amounts: dict[str, int]) -> list[int]:
    return [amounts.get(resource, 0) for resource in RESOURCES]


def _map_tables(mission: Mission, maps: _Maps, padded: MissionTables) -> dict:
    padding = ((padded.pad_rows,) * 2, (padded.pad_columns,) * 2)
    inside = np.where(maps.wall, WALL_CODE, EMPTY).astype(np.int16)
    grid = np.pad(inside, ((0, 0), *padding), constant_values=OUTSIDE)
    grid = grid.reshape(len(grid), -1)
    num_stations, num_agents = maps.stations.shape[1], maps.agents.shape[1]
    first_agent = FIRST_STATION + num_stations
    stations, agents = padded.cells(maps.stations), padded.cells(maps.agents)
    np.put_along_axis(grid, stations, FIRST_STATION + np.arange(num_stations)[None], axis=1)
    station_at = np.zeros(grid.shape, dtype=np.int32)
    numbered = maps.station_type << KIND_SHIFT | np.arange(num_stations)
    np.put_along_axis(station_at, stations, numbered, axis=1)
    np.put_along_axis(grid, agents, first_agent + np.arange(num_agents)[None], axis=1)
    width = padded.padded_width
    around = [-width - 1, -width, -width + 1, -1, 1, width - 1, width, width + 1]
    return {
        "num_agents": num_agents,
        "num_stations": num_stations,
        "first_agent": first_agent,
        "grid": grid,
        "station_at": station_at,
        "agent_cell": _ints(agents),
        "move_offset": _ints([around[POSITIONS.index(move)] for move in MOVES]),
        "neighbour_offset": _ints(around),
    }


def _agent_tables(mission: Mission) -> dict:
    limit_of = {name: limit for limit in inventory_limits(mission) for name in limit.resources}
    return {
        "move_energy": mission.move_energy,
        "num_glyphs": mission.glyphs,
        "failure_penalty": mission.failure_penalty,
        "limit_mates": _ints([_mates(name, limit_of[name].resources) for name in RESOURCES]),
        "limit": _ints([limit_of[name].limit for name in RESOURCES]),
        "initial_inventory": np.asarray(_amounts(starting_inventory(mission)), dtype=np.uint8),
        "regeneration_interval": mission.regeneration.interval,
        "regeneration": _ints(_amounts(mission.regeneration.amounts)),
    }


def _mates(name: str, group: tuple[str, ...]) -> int:
    """The other resources under the same limit, one bit each."""
    return sum(1 << RESOURCES.index(mate) for mate in group if mate != name)


def _station_tables(mission: Mission, maps: _Maps) -> dict:
    recipes: list[Recipe] = []
    columns: dict[str, list] = {name: [] for name in _TYPE_COLUMNS}
    for station in (mission.stations[name] for name in maps.types):
        assembler = isinstance(station, Assembler)
        columns["type_id"].append(station.type_id)
        columns["kind"].append(ASSEMBLER_KIND if assembler else CHEST_KIND)
        columns["partial"].append(assembler and station.partial)
        columns["max_uses"].append(station.max_uses if assembler else 0)
        columns["chest_resource"].append(-1 if assembler else RESOURCES.index(station.resource))
        columns["chest_initial"].append(0 if assembler else station.initial)
        columns["chest_capacity"].append(0 if assembler else station.capacity)
        sides = {} if assembler else station.sides
        columns["chest_delta"].append([sides.get(OPPOSITE[move], 0) for move in MOVES])
        columns["recipe"].append(
            [NO_RECIPE if n is None else len(recipes) + n for n in recipe_of_neighbours(station)]
            if assembler
            else [NO_RECIPE] * 256
        )
        recipes += station.recipes if assembler else ()
    first_repair = len(recipes)
    recipes += mission.clipping.repairs
    exhaustion = [getattr(mission.stations[name], "exhaustion", 0.0) for name in maps.types]
    shapes = {"chest_delta": (-1, 4), "recipe": (-1, 256)}
    return {
        **{name: _ints(values).reshape(shapes.get(name, -1)) for name, values in columns.items()},
        "exhaustion": np.asarray(exhaustion, dtype=np.float32),
        "station_type": _ints(maps.station_type),
        "recipe_input": _ints([_amounts(r.inputs) for r in recipes]).reshape(-1, len(RESOURCES)),
        "recipe_output": _ints([_amounts(r.outputs) for r in recipes]).reshape(-1, len(RESOURCES)),
        "recipe_cooldown": _ints([recipe.cooldown for recipe in recipes]),
        "recipe_has_output": _ints([any(recipe.outputs.values()) for recipe in recipes]),
        "first_repair": first_repair,
        "num_repairs": len(mission.clipping.repairs),
    }


_TYPE_COLUMNS = (
    "type_id",
    "kind",
    "partial",
    "max_uses",
    "chest_resource",
    "chest_initial",
    "chest_capacity",
    "chest_delta",
    "recipe",
)


def _clip_tables(mission: Mission, maps: _Maps) -> dict:
    kinds = [mission.stations[name] for name in maps.types]
    # Chests and immune stations are not registered with the engine's clipper: they are not counted,
    # are never clipped, and neither get nor give weight (RULES 7).
    breaks = [isinstance(kind, Assembler) and not kind.clip_immune for kind in kinds]
    begins = [isinstance(kind, Assembler) and kind.begins_clipped for kind in kinds]
    clippable = np.array(breaks, dtype=bool)[maps.station_type]
    starting = np.array(begins, dtype=bool)[maps.station_type]
    order = np.argwhere(clippable)[:, 1].reshape(len(clippable), -1)
    count = np.float32(order.shape[1])
    length = np.float32(mission.clipping.length_scale)
    cutoff = np.float32(mission.clipping.cutoff)
    # While the engine registers stations one by one, a clipped one reaches the earlier ones only,
    # by the settings as written; the automatic ones are computed after the last station.
    weight = np.zeros(starting.shape, dtype=np.float32)
    for layout in np.flatnonzero(starting.any(1)):
        raw = _spread(maps.stations[layout], clippable[layout], length, cutoff)
        for station in np.flatnonzero(starting[layout]):
            weight[layout, :station] += raw[station, :station]
    if length <= 0 and count:
        length = np.float32(max(mission.height, mission.width)) / np.sqrt(count)
        length *= np.sqrt(np.float32(4.51) / np.float32(4 * math.pi))
    if cutoff <= 0:
        cutoff = np.float32(3) * length
    return {
        "clip_rate": mission.clipping.rate,
        "clip_order": _ints(order),
        "clip_words": _ints([]),
        "starts_clipped": _ints(starting),
        "initial_clip_weight": weight,
        "spread": np.stack(
            [_spread(*one, length, cutoff) for one in zip(maps.stations, clippable)]
        ),
    }


def _spread(places: np.ndarray, clippable: np.ndarray, length, cutoff) -> np.ndarray:
    """exp(-distance / length) between the stations of a map, 0 beyond `cutoff` (if > 0), float32
    [S, S], from their places [S, 2]."""
    places = places.astype(np.float64)
    distance = np.sqrt(((places[:, None] - places[None]) ** 2).sum(-1)).astype(np.float32)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        exponent = (-distance / np.float32(length)).astype(np.float64)
        spread = np.exp(exponent).astype(np.float32)
    among = clippable[:, None] & clippable
    np.fill_diagonal(among, False)
    within = among & ((distance <= cutoff) | (cutoff <= 0))
    return np.where(within, spread, np.float32(0))


def _reward_tables(mission: Mission) -> dict:
    names = sorted(mission.rewards)
    chest = [name.startswith("chest.") for name in names]
    resource = [name.split(".")[1 if is_chest else 0] for name, is_chest in zip(names, chest)]
    caps = [mission.reward_caps.get(name, math.inf) for name in names]
    return {
        "max_steps": mission.max_steps,
        "reward_weight": np.asarray([mission.rewards[n] for n in names], dtype=np.float32),
        "reward_cap": np.asarray(caps, dtype=np.float32),
        "reward_resource": _ints([RESOURCES.index(name) for name in resource]),
        "reward_of_chest": _ints(chest),
    }


def _window_tables(mission: Mission, padded: MissionTables) -> dict:
    seen = window(mission.window_height, mission.window_width, padded.padded_width)
    grid, first_agent = padded.data["grid"], padded.data["first_agent"]
    return {
        "window_offset": seen.offset,
        "window_location": seen.location,
        **view_tables(
            seen,
            walls=grid == WALL_CODE,
            stations=(grid >= FIRST_STATION) & (grid < first_agent),
            standable=(grid == EMPTY) | (grid >= first_agent),
        ),
    }
