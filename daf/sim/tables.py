"""What is constant in a mission, as flat tables: `Mission` -> tensors that kernels read."""

import math
from dataclasses import dataclass

import numpy as np
import torch
import warp as wp

from daf.missions import POSITIONS, RESOURCES, Assembler, Mission, Recipe
from daf.missions.formations import recipe_of_neighbours
from daf.missions.mission import AGENT, WALL
from daf.missions.statistics import station_types
from daf.sim.views import view_tables, window

# What a cell of the grid holds. Station k is FIRST_STATION + k, agent a is first_agent + a.
OUTSIDE = wp.constant(0)
EMPTY = wp.constant(1)
WALL_CODE = wp.constant(2)
FIRST_STATION = wp.constant(3)

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
    # the map
    grid: wp.array(dtype=wp.int16)
    agent_cell: wp.array(dtype=wp.int32)
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
    station_type: wp.array(dtype=wp.int32)
    type_id: wp.array(dtype=wp.int32)
    kind: wp.array(dtype=wp.int32)
    partial: wp.array(dtype=wp.int32)
    max_uses: wp.array(dtype=wp.int32)
    exhaustion: wp.array(dtype=wp.float32)
    immune: wp.array(dtype=wp.int32)
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
    clip_order: wp.array(dtype=wp.int32)
    clip_words: wp.array(dtype=wp.int32)
    starts_clipped: wp.array(dtype=wp.int32)
    initial_clip_weight: wp.array(dtype=wp.float32)
    spread: wp.array2d(dtype=wp.float32)
    # rewards
    max_steps: int
    reward_weight: wp.array(dtype=wp.float32)
    reward_cap: wp.array(dtype=wp.float32)
    reward_resource: wp.array(dtype=wp.int32)
    reward_of_chest: wp.array(dtype=wp.int32)
    # observations
    window_offset: wp.array(dtype=wp.int32)
    window_location: wp.array(dtype=wp.uint8)
    view: wp.array(dtype=wp.int32)
    wall_mask: wp.array2d(dtype=wp.int64)
    station_mask: wp.array2d(dtype=wp.int64)
    walls_seen: wp.array2d(dtype=wp.vec3ub)
    rank: wp.array(dtype=wp.int16)


@dataclass(frozen=True)
class StationInfo:
    """Names and places of the S stations of a mission, in reading order of the map."""

    names: tuple[str, ...]
    cells: tuple[tuple[int, int], ...]
    types: tuple[str, ...]


class MissionTables:
    """The tables of a mission on one device.

    Attributes:
        data: name -> number or tensor, the fields of `Tables`. With K station types, S stations,
            Q recipes, R resources and a grid padded by half a window:
            `grid` int16 [Hp*Wp]; `agent_cell` [A]; `recipe` [K, 256] recipe of a neighbour byte;
            `recipe_input`, `recipe_output` [Q, R]; `chest_delta` [K, 4] by direction of the move;
            `spread` float32 [S, S]; those of the window are described in `daf.sim.views`.
        stations: names and places.
        padded_width: Wp, so that cell = (row + pad_rows) * Wp + column + pad_columns.
        struct: the same as a Warp struct.
    """

    def __init__(self, mission: Mission, device: str):
        self.mission = mission
        self.pad_rows = max(mission.window_height // 2, 1)
        self.pad_columns = max(mission.window_width // 2, 1)
        self.padded_width = mission.width + 2 * self.pad_columns
        self.stations = _stations(mission)
        self.data = _map_tables(mission, self)
        self.data |= {
            **_agent_tables(mission),
            **_station_tables(mission, self.stations),
            **_clip_tables(mission, self.stations),
            **_reward_tables(mission),
            **_window_tables(mission, self, self.data["grid"]),
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

    def cell(self, row: int, column: int) -> int:
        """Index of a map cell in the padded grid."""
        return (row + self.pad_rows) * self.padded_width + column + self.pad_columns


def _ints(values) -> np.ndarray:
    return np.asarray(values, dtype=np.int32)


def _amounts(amounts: dict[str, int]) -> list[int]:
    return [amounts.get(resource, 0) for resource in RESOURCES]


def _stations(mission: Mission) -> StationInfo:
    cells = mission.cells(*mission.stations)
    return StationInfo(
        names=tuple(name for _, _, name in cells),
        cells=tuple((row, column) for row, column, _ in cells),
        types=station_types(mission),
    )


def _map_tables(mission: Mission, layout: MissionTables) -> dict:
    padded_height = mission.height + 2 * layout.pad_rows
    width = layout.padded_width
    grid = np.full(padded_height * width, OUTSIDE, dtype=np.int16)
    for row in range(mission.height):
        start = layout.cell(row, 0)
        grid[start : start + mission.width] = EMPTY
    for row, column, _ in mission.cells(WALL):
        grid[layout.cell(row, column)] = WALL_CODE
    for station, (row, column) in enumerate(layout.stations.cells):
        grid[layout.cell(row, column)] = FIRST_STATION + station
    agents = [layout.cell(row, column) for row, column, _ in mission.cells(AGENT)]
    first_agent = FIRST_STATION + len(layout.stations.names)
    grid[agents] = first_agent + np.arange(len(agents))
    around = [-width - 1, -width, -width + 1, -1, 1, width - 1, width, width + 1]
    return {
        "num_agents": len(agents),
        "num_stations": len(layout.stations.names),
        "first_agent": first_agent,
        "grid": grid,
        "agent_cell": _ints(agents),
        "move_offset": _ints([around[POSITIONS.index(move)] for move in MOVES]),
        "neighbour_offset": _ints(around),
    }


def _agent_tables(mission: Mission) -> dict:
    groups = {name: g for g, limit in enumerate(mission.limits) for name in limit.resources}
    limits = [limit.limit for limit in mission.limits]
    for name in RESOURCES:
        if name not in groups:
            groups[name] = len(limits)
            limits.append(mission.default_limit)
    return {
        "move_energy": mission.move_energy,
        "num_glyphs": mission.glyphs,
        "failure_penalty": mission.failure_penalty,
        "limit_mates": _ints([_mates(name, groups) for name in RESOURCES]),
        "limit": _ints([limits[groups[name]] for name in RESOURCES]),
        "initial_inventory": np.asarray(_amounts(mission.initial_inventory), dtype=np.uint8),
        "regeneration_interval": mission.regeneration.interval,
        "regeneration": _ints(_amounts(mission.regeneration.amounts)),
    }


def _mates(name: str, groups: dict[str, int]) -> int:
    """The other resources under the same limit, one bit each."""
    mates = [r for r, other in enumerate(RESOURCES) if groups[other] == groups[name]]
    return sum(1 << r for r in mates if RESOURCES[r] != name)


def _station_tables(mission: Mission, info: StationInfo) -> dict:
    recipes: list[Recipe] = []
    columns: dict[str, list] = {name: [] for name in _TYPE_COLUMNS}
    for station in (mission.stations[name] for name in info.types):
        assembler = isinstance(station, Assembler)
        columns["type_id"].append(station.type_id)
        columns["kind"].append(ASSEMBLER_KIND if assembler else CHEST_KIND)
        columns["partial"].append(assembler and station.partial)
        columns["max_uses"].append(station.max_uses if assembler else 0)
        columns["immune"].append(not assembler or station.clip_immune)
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
    exhaustion = [getattr(mission.stations[name], "exhaustion", 0.0) for name in info.types]
    shapes = {"chest_delta": (-1, 4), "recipe": (-1, 256)}
    return {
        **{name: _ints(values).reshape(shapes.get(name, -1)) for name, values in columns.items()},
        "exhaustion": np.asarray(exhaustion, dtype=np.float32),
        "station_type": _ints([info.types.index(name) for name in info.names]),
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
    "immune",
    "chest_resource",
    "chest_initial",
    "chest_capacity",
    "chest_delta",
    "recipe",
)


def _clip_tables(mission: Mission, info: StationInfo) -> dict:
    stations = [mission.stations[name] for name in info.names]
    clippable = [k for k, s in enumerate(stations) if isinstance(s, Assembler)]
    count = np.float32(len(clippable))
    length = np.float32(mission.clipping.length_scale)
    cutoff = np.float32(mission.clipping.cutoff)
    starting = [k for k in clippable if stations[k].starts_clipped]
    # While the engine registers stations one by one, a clipped one reaches the earlier ones only,
    # by the settings as written; the automatic ones are computed after the last station.
    raw = _spread(info, clippable, length, cutoff)
    weight = np.zeros(len(stations), dtype=np.float32)
    for station in starting:
        weight[:station] += raw[station, :station]
    if length <= 0 and clippable:
        length = np.float32(max(mission.height, mission.width)) / np.sqrt(count)
        length *= np.sqrt(np.float32(4.51) / np.float32(4 * math.pi))
    if cutoff <= 0:
        cutoff = np.float32(3) * length
    return {
        "clip_rate": mission.clipping.rate,
        "clip_order": _ints(clippable),
        "clip_words": _ints([]),
        "starts_clipped": _ints([k in starting for k in range(len(stations))]),
        "initial_clip_weight": weight,
        "spread": _spread(info, clippable, length, cutoff),
    }


def _spread(info: StationInfo, clippable: list[int], length, cutoff) -> np.ndarray:
    """exp(-distance / length) between stations, 0 beyond `cutoff` (if > 0), float32 [S, S]."""
    places = np.asarray(info.cells, dtype=np.float64).reshape(-1, 2)
    distance = np.sqrt(((places[:, None] - places[None]) ** 2).sum(-1)).astype(np.float32)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        exponent = (-distance / np.float32(length)).astype(np.float64)
        spread = np.exp(exponent).astype(np.float32)
    among = np.zeros(distance.shape, dtype=bool)
    among[np.ix_(clippable, clippable)] = True
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


def _window_tables(mission: Mission, layout: MissionTables, grid: np.ndarray) -> dict:
    seen = window(mission.window_height, mission.window_width, layout.padded_width)
    first_agent = FIRST_STATION + len(layout.stations.names)
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
