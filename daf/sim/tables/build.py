"""MissionTables: constants of a mission as tensors and as a Warp struct."""

import math
from collections.abc import Mapping

import numpy as np
import torch
import warp as wp

from daf.missions import POSITIONS, RESOURCES, Assembler, Mission, Recipe, Resource
from daf.missions.formations import recipe_index_by_neighbor_mask
from daf.missions.inventory import list_all_inventory_limits, starting_inventory
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
from daf.sim.tables.maps import LayoutArrays, PaddedGridGeometry, TableData, to_int32_array
from daf.sim.tables.struct import Tables
from daf.sim.tables.windows import build_window_cells, window_content_tables


class MissionTables:
    """Tables of a mission on one device.

    Shapes use Y (layouts), G (cells of the padded grid), A (agents), S (stations), B (station
    types), R (resources), Q (recipes), F (rewarded statistics) and X (stations that clipping
    affects). Arrays are int32 unless stated otherwise.

    Attributes:
        data: field of `Tables` -> number or array:
            `grid` int16 [Y, G], content of each cell, and `station_at` [Y, G], stations only, see
            `daf.sim.tables.codes`; `agent_cell` [Y, A], initial cells;
            `station_type`, `starts_clipped`, float32 `initial_clip_weight` [Y, S];
            `clip_order` [Y, X], station indices; `clip_words`, random words of a replay, or empty;
            `spread` float32 [Y, S, S], clip weight that a clipped station adds to the others;
            `move_offset` [4], `neighbor_offset` [8], in cells of the padded grid;
            `limit_group_mask`, `limit`, `initial_inventory`, `regeneration` [R];
            `type_id`, `station_kind`, `partial`, `max_uses`, float32 `exhaustion`,
            `chest_resource`, `chest_initial`, `chest_capacity` [B];
            `recipe` [B, 256], recipe of each neighbor mask;
            `chest_delta` [B, 4], change of the stock by direction of the move;
            `recipe_input`, `recipe_output` [Q, R]; `recipe_cooldown`, `recipe_has_output` [Q];
            `reward_weight`, `reward_cap` float32, `reward_resource`, `reward_of_chest` [F];
            tables of the window, see `daf.sim.tables.windows`.
        tensors: the arrays of `data` as tensors on the device.
        struct: Warp struct over these tensors.
        pad_rows, pad_columns, padded_width: geometry of the padded grid, see `PaddedGridGeometry`.
    """

    def __init__(self, mission: Mission, device: str):
        self.mission = mission
        padded = PaddedGridGeometry.from_mission(mission)
        self.pad_rows, self.pad_columns = padded.pad_rows, padded.pad_columns
        self.padded_width = padded.width
        maps = LayoutArrays.from_mission(mission)
        map_tables = _map_tables(maps, padded)
        self.data = {
            **map_tables,
            **_agent_tables(mission),
            **_station_tables(mission, maps),
            **clipping_tables(mission, maps),
            **_reward_tables(mission),
            **_window_tables(mission, padded, map_tables),
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


def _amounts_in_resource_order(amounts: Mapping[Resource, int]) -> list[int]:
    """Return the amounts in the order of `RESOURCES`."""
    return [amounts.get(resource, 0) for resource in RESOURCES]


def _map_tables(maps: LayoutArrays, padded: PaddedGridGeometry) -> TableData:
    padding = ((padded.pad_rows,) * 2, (padded.pad_columns,) * 2)
    cells = np.where(maps.wall, WALL_CODE, EMPTY).astype(np.int16)
    grid = np.pad(cells, ((0, 0), *padding), constant_values=OUTSIDE)
    grid = grid.reshape(len(grid), -1)
    num_stations, num_agents = maps.stations.shape[1], maps.agents.shape[1]
    first_agent = FIRST_STATION + num_stations
    stations, agents = padded.cell_indices(maps.stations), padded.cell_indices(maps.agents)
    np.put_along_axis(grid, stations, FIRST_STATION + np.arange(num_stations)[None], axis=1)
    station_at = np.zeros(grid.shape, dtype=np.int32)
    codes = maps.station_type << STATION_TYPE_SHIFT | np.arange(num_stations)
    np.put_along_axis(station_at, stations, codes, axis=1)
    np.put_along_axis(grid, agents, first_agent + np.arange(num_agents)[None], axis=1)
    width = padded.width
    neighbor_offsets = [-width - 1, -width, -width + 1, -1, 1, width - 1, width, width + 1]
    return {
        "num_agents": num_agents,
        "num_stations": num_stations,
        "first_agent": first_agent,
        "grid": grid,
        "station_at": station_at,
        "agent_cell": to_int32_array(agents),
        "move_offset": to_int32_array([neighbor_offsets[POSITIONS.index(move)] for move in MOVES]),
        "neighbor_offset": to_int32_array(neighbor_offsets),
    }


def _agent_tables(mission: Mission) -> TableData:
    limit_by_resource = {
        name: limit for limit in list_all_inventory_limits(mission) for name in limit.resources
    }
    return {
        "move_energy": mission.move_energy,
        "num_glyphs": mission.glyphs,
        "failure_penalty": mission.failure_penalty,
        "limit_group_mask": to_int32_array(
            [_other_resources_mask(name, limit_by_resource[name].resources) for name in RESOURCES]
        ),
        "limit": to_int32_array([limit_by_resource[name].limit for name in RESOURCES]),
        "initial_inventory": np.asarray(
            _amounts_in_resource_order(starting_inventory(mission)), dtype=np.uint8
        ),
        "regeneration_interval": mission.regeneration.interval,
        "regeneration": to_int32_array(_amounts_in_resource_order(mission.regeneration.amounts)),
    }


def _other_resources_mask(resource: str, limit_group: tuple[str, ...]) -> int:
    """Return the bit mask of the other resources of a limit group."""
    return sum(1 << RESOURCES.index(member) for member in limit_group if member != resource)


def _station_tables(mission: Mission, maps: LayoutArrays) -> TableData:
    recipes: list[Recipe] = []
    fields: dict[str, list] = {name: [] for name in _TYPE_FIELDS}
    for station in (mission.stations[name] for name in maps.types):
        is_assembler = isinstance(station, Assembler)
        fields["type_id"].append(station.type_id)
        fields["station_kind"].append(ASSEMBLER_KIND if is_assembler else CHEST_KIND)
        fields["partial"].append(is_assembler and station.partial)
        fields["max_uses"].append(station.max_uses if is_assembler else 0)
        fields["chest_resource"].append(-1 if is_assembler else RESOURCES.index(station.resource))
        fields["chest_initial"].append(0 if is_assembler else station.initial)
        fields["chest_capacity"].append(0 if is_assembler else station.capacity)
        sides = {} if is_assembler else station.sides
        fields["chest_delta"].append([sides.get(OPPOSITE[move], 0) for move in MOVES])
        fields["recipe"].append(
            [
                NO_RECIPE if index is None else len(recipes) + index
                for index in recipe_index_by_neighbor_mask(station)
            ]
            if is_assembler
            else [NO_RECIPE] * 256
        )
        recipes += station.recipes if is_assembler else ()
    first_repair = len(recipes)
    recipes += mission.clipping.repairs
    exhaustion = [getattr(mission.stations[name], "exhaustion", 0.0) for name in maps.types]
    shapes = {"chest_delta": (-1, 4), "recipe": (-1, 256)}
    return {
        **{
            name: to_int32_array(values).reshape(shapes.get(name, -1))
            for name, values in fields.items()
        },
        "exhaustion": np.asarray(exhaustion, dtype=np.float32),
        "station_type": to_int32_array(maps.station_type),
        "recipe_input": to_int32_array(
            [_amounts_in_resource_order(recipe.inputs) for recipe in recipes]
        ).reshape(-1, len(RESOURCES)),
        "recipe_output": to_int32_array(
            [_amounts_in_resource_order(recipe.outputs) for recipe in recipes]
        ).reshape(-1, len(RESOURCES)),
        "recipe_cooldown": to_int32_array([recipe.cooldown for recipe in recipes]),
        "recipe_has_output": to_int32_array([any(recipe.outputs.values()) for recipe in recipes]),
        "first_repair": first_repair,
        "num_repairs": len(mission.clipping.repairs),
    }


_TYPE_FIELDS = (
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


def _reward_tables(mission: Mission) -> TableData:
    names = sorted(mission.rewards)
    chest = [name.startswith("chest.") for name in names]
    resource = [name.split(".")[1 if is_chest else 0] for name, is_chest in zip(names, chest)]
    caps = [mission.reward_caps.get(name, math.inf) for name in names]
    return {
        "max_steps": mission.max_steps,
        "reward_weight": np.asarray([mission.rewards[n] for n in names], dtype=np.float32),
        "reward_cap": np.asarray(caps, dtype=np.float32),
        "reward_resource": to_int32_array([RESOURCES.index(name) for name in resource]),
        "reward_of_chest": to_int32_array(chest),
    }


def _window_tables(
    mission: Mission, padded: PaddedGridGeometry, map_tables: TableData
) -> TableData:
    window = build_window_cells(mission.window_height, mission.window_width, padded.width)
    grid, first_agent = map_tables["grid"], map_tables["first_agent"]
    visibility = window_content_tables(
        window,
        walls=grid == WALL_CODE,
        stations=(grid >= FIRST_STATION) & (grid < first_agent),
        agent_cells=(grid == EMPTY) | (grid >= first_agent),
    )
    return {
        "window_offset": window.grid_index_offset,
        "window_location": window.location,
        **visibility._asdict(),
    }
