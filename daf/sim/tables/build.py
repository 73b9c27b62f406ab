"""MissionTables: constant data of a mission as tensors that kernels read."""

import math

import numpy as np
import torch
import warp as wp

from daf.missions import POSITIONS, RESOURCES, Assembler, Mission, Recipe
from daf.missions.formations import recipe_by_neighbor_byte
from daf.missions.inventory import inventory_limits, starting_inventory
from daf.sim.tables.clipping import clipping_tables
from daf.sim.tables.codes import (
    ASSEMBLER_KIND,
    CHEST_KIND,
    EMPTY,
    FIRST_STATION,
    MOVES,
    NO_RECIPE,
    OPPOSITE,
    OUTSIDE,
    STATION_TYPE_SHIFT,
    WALL_CODE,
)
from daf.sim.tables.maps import MapArrays, int_array
from daf.sim.tables.struct import Tables
from daf.sim.tables.windows import visibility_tables, window_cells


class MissionTables:
    """The tables of a mission on one device.

    Attributes:
        data: name -> number or tensor, the fields of `Tables`. With M layouts, K station types, S
            stations, C that can be clipped, Q recipes, R resources and a grid padded by half a
            window: `grid` int16 and `station_at` int32 [M, Hp*Wp]; `agent_cell` [M, A];
            `station_type`, `starts_clipped`, `initial_clip_weight` [M, S]; `clip_order` [M, C];
            `spread` float32 [M, S, S]; `recipe` [K, 256] recipe of a neighbour byte;
            `recipe_input`, `recipe_output` [Q, R]; `chest_delta` [K, 4] by direction of the move;
            those of the window are described in `daf.sim.tables.windows`.
        padded_width: Wp, so that cell = (row + pad_rows) * Wp + column + pad_columns.
        struct: the same as a Warp struct.
    """

    def __init__(self, mission: Mission, device: str):
        self.mission = mission
        self.pad_rows = max(mission.window_height // 2, 1)
        self.pad_columns = max(mission.window_width // 2, 1)
        self.padded_width = mission.width + 2 * self.pad_columns
        maps = MapArrays.of(mission)
        self.data = _map_tables(mission, maps, self)
        self.data |= {
            **_agent_tables(mission),
            **_station_tables(mission, maps),
            **clipping_tables(mission, maps),
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


def _amounts(amounts: dict[str, int]) -> list[int]:
    return [amounts.get(resource, 0) for resource in RESOURCES]


def _map_tables(mission: Mission, maps: MapArrays, padded: MissionTables) -> dict:
    padding = ((padded.pad_rows,) * 2, (padded.pad_columns,) * 2)
    inside = np.where(maps.wall, WALL_CODE, EMPTY).astype(np.int16)
    grid = np.pad(inside, ((0, 0), *padding), constant_values=OUTSIDE)
    grid = grid.reshape(len(grid), -1)
    num_stations, num_agents = maps.stations.shape[1], maps.agents.shape[1]
    first_agent = FIRST_STATION + num_stations
    stations, agents = padded.cells(maps.stations), padded.cells(maps.agents)
    np.put_along_axis(grid, stations, FIRST_STATION + np.arange(num_stations)[None], axis=1)
    station_at = np.zeros(grid.shape, dtype=np.int32)
    numbered = maps.station_type << STATION_TYPE_SHIFT | np.arange(num_stations)
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
        "agent_cell": int_array(agents),
        "move_offset": int_array([around[POSITIONS.index(move)] for move in MOVES]),
        "neighbour_offset": int_array(around),
    }


def _agent_tables(mission: Mission) -> dict:
    limit_of = {name: limit for limit in inventory_limits(mission) for name in limit.resources}
    return {
        "move_energy": mission.move_energy,
        "num_glyphs": mission.glyphs,
        "failure_penalty": mission.failure_penalty,
        "limit_group_mask": int_array(
            [_group_mask(name, limit_of[name].resources) for name in RESOURCES]
        ),
        "limit": int_array([limit_of[name].limit for name in RESOURCES]),
        "initial_inventory": np.asarray(_amounts(starting_inventory(mission)), dtype=np.uint8),
        "regeneration_interval": mission.regeneration.interval,
        "regeneration": int_array(_amounts(mission.regeneration.amounts)),
    }


def _group_mask(name: str, group: tuple[str, ...]) -> int:
    """The other resources under the same limit, one bit each."""
    return sum(1 << RESOURCES.index(mate) for mate in group if mate != name)


def _station_tables(mission: Mission, maps: MapArrays) -> dict:
    recipes: list[Recipe] = []
    columns: dict[str, list] = {name: [] for name in _TYPE_COLUMNS}
    for station in (mission.stations[name] for name in maps.types):
        assembler = isinstance(station, Assembler)
        columns["type_id"].append(station.type_id)
        columns["station_kind"].append(ASSEMBLER_KIND if assembler else CHEST_KIND)
        columns["partial"].append(assembler and station.partial)
        columns["max_uses"].append(station.max_uses if assembler else 0)
        columns["chest_resource"].append(-1 if assembler else RESOURCES.index(station.resource))
        columns["chest_initial"].append(0 if assembler else station.initial)
        columns["chest_capacity"].append(0 if assembler else station.capacity)
        sides = {} if assembler else station.sides
        columns["chest_delta"].append([sides.get(OPPOSITE[move], 0) for move in MOVES])
        columns["recipe"].append(
            [NO_RECIPE if n is None else len(recipes) + n for n in recipe_by_neighbor_byte(station)]
            if assembler
            else [NO_RECIPE] * 256
        )
        recipes += station.recipes if assembler else ()
    first_repair = len(recipes)
    recipes += mission.clipping.repairs
    exhaustion = [getattr(mission.stations[name], "exhaustion", 0.0) for name in maps.types]
    shapes = {"chest_delta": (-1, 4), "recipe": (-1, 256)}
    return {
        **{
            name: int_array(values).reshape(shapes.get(name, -1))
            for name, values in columns.items()
        },
        "exhaustion": np.asarray(exhaustion, dtype=np.float32),
        "station_type": int_array(maps.station_type),
        "recipe_input": int_array([_amounts(r.inputs) for r in recipes]).reshape(
            -1, len(RESOURCES)
        ),
        "recipe_output": int_array([_amounts(r.outputs) for r in recipes]).reshape(
            -1, len(RESOURCES)
        ),
        "recipe_cooldown": int_array([recipe.cooldown for recipe in recipes]),
        "recipe_has_output": int_array([any(recipe.outputs.values()) for recipe in recipes]),
        "first_repair": first_repair,
        "num_repairs": len(mission.clipping.repairs),
    }


_TYPE_COLUMNS = (
    "type_id",
    "station_kind",
    "partial",
    "max_uses",
    "chest_resource",
    "chest_initial",
    "chest_capacity",
    "chest_delta",
    "recipe",
)


def _reward_tables(mission: Mission) -> dict:
    names = sorted(mission.rewards)
    chest = [name.startswith("chest.") for name in names]
    resource = [name.split(".")[1 if is_chest else 0] for name, is_chest in zip(names, chest)]
    caps = [mission.reward_caps.get(name, math.inf) for name in names]
    return {
        "max_steps": mission.max_steps,
        "reward_weight": np.asarray([mission.rewards[n] for n in names], dtype=np.float32),
        "reward_cap": np.asarray(caps, dtype=np.float32),
        "reward_resource": int_array([RESOURCES.index(name) for name in resource]),
        "reward_of_chest": int_array(chest),
    }


def _window_tables(mission: Mission, padded: MissionTables) -> dict:
    seen = window_cells(mission.window_height, mission.window_width, padded.padded_width)
    grid, first_agent = padded.data["grid"], padded.data["first_agent"]
    return {
        "window_offset": seen.offset,
        "window_location": seen.location,
        **visibility_tables(
            seen,
            walls=grid == WALL_CODE,
            stations=(grid >= FIRST_STATION) & (grid < first_agent),
            standable=(grid == EMPTY) | (grid >= first_agent),
        ),
    }
