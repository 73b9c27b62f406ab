"""Properties of built-in missions and generated rooms."""

from collections import Counter, deque

import pytest

from daf.missions import Mission, build_mission, built_in_missions, load_mission
from daf.missions.ascii_map import format_mission_facts_and_map
from daf.missions.loader import BUILT_IN

ASSEMBLER_1 = """\
############
#..........#
#...S..&...#
#..........#
#........C.#
#..O.......#
#.......+..#
#.........@#
#...=......#
#.....G....#
#..........#
############
"""
STATIONS = {"assembler": 1, "chest": 1, "charger": 2, "silicon_extractor": 3}


def room(**parameters) -> Mission:
    layout = {"generator": "room", "height": 9, "width": 12, "agents": 3, "stations": STATIONS}
    return build_mission({"layout": layout | parameters}, name="room", source="test")


def cells_of(mission: Mission, symbol: str) -> list[tuple[int, int]]:
    return [
        (row, column)
        for row, line in enumerate(mission.map)
        for column, character in enumerate(line)
        if character == symbol
    ]


def station_cells(mission: Mission) -> list[tuple[int, int]]:
    symbols = sorted(set("".join(mission.map)) - set("#.@"))
    return [position for symbol in symbols for position in cells_of(mission, symbol)]


def reachable_cells(mission: Mission) -> set[tuple[int, int]]:
    """Return the reachable cells by breadth-first search over floor and agent cells."""
    start = cells_of(mission, "@")[0]
    seen, waiting = {start}, deque([start])
    while waiting:
        row, column = waiting.popleft()
        for cell in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
            if cell not in seen and mission.map[cell[0]][cell[1]] in ".@":
                seen.add(cell)
                waiting.append(cell)
    return seen


def test_built_in_missions():
    assert built_in_missions() == [
        "assembler_1",
        "assembler_2",
        "assembler_2_dark",
        "corridor",
        "machina_1",
        "machina_2",
        "machina_3",
        "training_facility_1",
        "training_facility_1_clipped",
        "training_facility_1_crowd",
        "training_facility_1_dark",
        "training_facility_1_rich",
        "training_facility_1_shuffled",
        "training_facility_2",
        "training_facility_3",
        "training_facility_4",
        "training_facility_5",
        "training_facility_6",
    ]


EXTRA_PREFIXES = ("training_facility_1_", "assembler_2_", "corridor")
GAME_MISSIONS = [name for name in built_in_missions() if not name.startswith(EXTRA_PREFIXES)]
"""Missions of the original game."""


@pytest.mark.parametrize("name", GAME_MISSIONS)
def test_common_rules(name):
    mission = load_mission(name)
    assert mission.name == name
    assert mission.max_steps == 1000
    assert (mission.window_height, mission.window_width, mission.tokens) == (11, 11, 200)
    assert mission.num_actions == 159  # noop, four moves, 154 glyphs
    assert mission.move_energy == 2
    assert mission.initial_inventory == {"energy": 100}
    assert {limit.resources: limit.limit for limit in mission.limits} == {
        ("heart",): 1,
        ("energy",): 100,
        ("carbon", "oxygen", "germanium", "silicon"): 100,
        ("scrambler", "modulator", "decoder", "resonator"): 5,
    }
    assert mission.rewards == {"chest.heart.amount": 1.0}
    assert mission.clipping.rate == 0
    assert mission.regeneration.interval == 1
    assert mission.regeneration.amounts == {"energy": 1}


FACILITIES = {
    # side of the map, open cells, stations, steps of agents and chest from the assembler
    "training_facility_1": (21, 121, "&=+cogs", 2, 3),
    "training_facility_2": (31, 441, "&=+cogs", 2, 3),
    "training_facility_3": (21, 125, "&=+cogs", 5, 2),
    "training_facility_4": (21, 91, "&=+cogs", 5, 2),
    "training_facility_5": (21, 101, "&=+cogs", 5, 2),
    "training_facility_6": (31, 441, "&=+BNFRDPHT", 2, 3),
}


@pytest.mark.parametrize("name", FACILITIES)
def test_training_facilities(name):
    side, opened, stations, agents_from, chest_from = FACILITIES[name]
    mission = load_mission(name)
    assert (mission.height, mission.width) == (side, side)
    count = Counter("".join(mission.map))
    assert side * side - count["#"] == opened
    assert count == Counter(stations) | {"@": 4, "#": count["#"], ".": count["."]}
    walls = [[cell == "#" for cell in row] for row in mission.map]
    alcoves = {(4, 10), (16, 10), (10, 4), (10, 16)} if name == "training_facility_3" else set()
    inner = range(5, side - 5)  # five cells of wall all round
    outside = [(r, c) for r in range(side) for c in range(side) if r not in inner or c not in inner]
    assert {(r, c) for r, c in outside if not walls[r][c]} == alcoves
    if side * side - len(outside) + len(alcoves) == opened:  # an open hall
        assert not any(walls[r][c] for r in inner for c in inner)
    (row, column), (chest,) = cells_of(mission, "&")[0], cells_of(mission, "=")
    assert (row, column) == (side // 2, side // 2)
    assert sorted(cells_of(mission, "@")) == sorted([
        (row - agents_from, column),
        (row + agents_from, column),
        (row, column - agents_from),
        (row, column + agents_from),
    ])  # fmt: skip
    assert abs(chest[0] - row) + abs(chest[1] - column) == chest_from


@pytest.mark.parametrize("name, agents", [("assembler_1", 1), ("assembler_2", 4)])
def test_assembler_missions(name, agents):
    mission = load_mission(name)
    assert mission.num_agents == agents
    assert (mission.height, mission.width) == (12, 12)
    assert all((mission.map[r][c] == "#") == (r in (0, 11) or c in (0, 11))
               for r in range(12) for c in range(12))  # fmt: skip
    assert Counter("".join(mission.map))["#"] == 44
    assert {s: len(cells_of(mission, s)) for s in "&=+COGS"} == dict.fromkeys("&=+COGS", 1)
    (recipe,) = mission.stations["assembler"].recipes
    assert recipe.formations == (("any",),)
    assert (recipe.inputs, recipe.outputs, recipe.cooldown) == ({"energy": 3}, {"heart": 1}, 10)


@pytest.mark.parametrize("name", built_in_missions())
def test_stations_are_accessible_from_all_sides(name):
    mission = load_mission(name)
    floor = reachable_cells(mission)
    for row, column in station_cells(mission):
        neighbors = {(row + r, column + c) for r in (-1, 0, 1) for c in (-1, 0, 1)} - {
            (row, column)
        }
        assert neighbors <= floor  # formations use the corners, too
    assert set(cells_of(mission, "@")) <= floor


def test_200_room_seeds():
    maps = set()
    for seed in range(200):
        mission = room(seed=seed)
        maps.add(mission.map)
        count = Counter("".join(mission.map))
        assert count == {"#": 46, "@": 3, "&": 1, "=": 1, "+": 2, "S": 3, ".": 9 * 12 - 10}
        stations = station_cells(mission)
        for number, (row, column) in enumerate(stations):
            assert 2 <= row <= 8 and 2 <= column <= 11  # no wall on any of the eight cells around
            for other_row, other_column in stations[:number]:
                assert max(abs(row - other_row), abs(column - other_column)) > 1
    assert len(maps) > 190


def test_rooms_are_deterministic():
    assert room(seed=7).map == room(seed=7).map
    assert room(seed=7).map != room(seed=8).map
    # Maps are part of results: they may not change with a version of numpy or of ours.
    assert "\n".join([*load_mission("assembler_1").map, ""]) == ASSEMBLER_1


def test_mission_by_path_equals_built_in(tmp_path):
    for name in built_in_missions():
        path = tmp_path / f"{name}.yaml"
        path.write_bytes((BUILT_IN / f"{name}.yaml").read_bytes())
        assert load_mission(path) == load_mission(str(path)) == load_mission(name)


def test_map_as_block_text(tmp_path):
    path = tmp_path / "block.yaml"
    path.write_text("map: |\n  ####\n  #@.#\n  ####\n")
    mission = load_mission(path)
    assert mission.name == "block"
    assert mission.map == ("####", "#@.#", "####")


def test_new_station_and_symbol(tmp_path):
    path = tmp_path / "mill.yaml"
    path.write_text(
        "map: ['#M@x#']\n"
        "legend: {x: chest}\n"
        "stations:\n"
        "  mill: {kind: assembler, type_id: 99, symbol: M, max_uses: 4}\n"
        "  chest: {capacity: 9}\n"
    )
    mission = load_mission(path)
    assert mission.find_cells_with("mill", "chest") == [(0, 1, "mill"), (0, 3, "chest")]
    assert mission.stations["mill"].max_uses == 4
    assert mission.stations["chest"].capacity == 9
    assert mission.stations["chest"].sides == {"E": 1, "W": -1}  # not overridden


@pytest.mark.parametrize("name", built_in_missions())
def test_ascii_map(name):
    mission = load_mission(name)
    lines = format_mission_facts_and_map(mission).splitlines()
    assert lines[0] == f"{name}: {mission.description}"
    assert f"{mission.num_agents} agents, 1000 steps" in lines[1]
    printed = [line[2:] for line in lines[2:-1]]
    assert printed == list(mission.map)
    assert "& assembler" in lines[-1] and "@ agent" in lines[-1]


def test_colored_ascii_map_has_same_text():
    mission = load_mission("assembler_1")
    colored = format_mission_facts_and_map(mission, use_color=True)
    assert "\x1b[" in colored
    plain = colored
    for code in ("90", "1;36", "1;33", "0"):
        plain = plain.replace(f"\x1b[{code}m", "")
    assert plain == format_mission_facts_and_map(mission)
