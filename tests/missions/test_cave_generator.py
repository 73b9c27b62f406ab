"""Invariants of generated caves; scipy checks their connectivity."""

import hashlib
from collections import Counter

import numpy as np
import pytest
import yaml
from scipy import ndimage

from daf.config import ConfigError
from daf.missions.cave_generator import Cave
from daf.missions.loader import BUILT_IN, build_mission, load_mission

# Side of the map, open cells, and how many of each kind of station (RULES 11).
MACHINAS = {
    "machina_1": (60, 1645, "&=" + 11 * "+" + 10 * "C" + 6 * "O" + 5 * "S" + 9 * "G" + "cogsDPHT"),
    "machina_2": (110, 4509, "&=" + 24 * "+" + 21 * "S" + 15 * "G" + 16 * "O" + 5 * "C" + "cogs"),
    "machina_3": (210, 27983, "&=" + 48 * "+" + 46 * "SG" + 47 * "OC" + "cogs"),
}
LEGEND = load_mission("assembler_1").legend


def cave_rows(name: str, seed: int) -> list[str]:
    layout = yaml.safe_load((BUILT_IN / f"{name}.yaml").read_text())["layout"]
    return list(Cave.parse(layout, "test").build_map(LEGEND, seed))


def check(name: str, rows: list[str]) -> None:
    side, opened, stations = MACHINAS[name]
    cells = np.array([list(row) for row in rows])
    assert cells.shape == (side, side)
    walls = cells == "#"
    inner = np.pad(np.ones((side - 10, side - 10), dtype=bool), 5)
    assert walls[~inner].all()
    assert (~walls).sum() == opened
    expected = Counter(stations) | {"@": 4}
    assert Counter(cells[~walls].tolist()) == expected | {".": opened - sum(expected.values())}
    # One connected floor, on which the agents stand and from which all sides are reached.
    floor = np.isin(cells, [".", "@"])
    assert ndimage.label(floor)[1] == 1
    standing = ~walls & ~floor
    assert ndimage.convolve(floor.astype(int), np.ones((3, 3), int))[standing].tolist() == (
        [8] * len(stations)
    )
    (row, column), chest = np.argwhere(cells == "&")[0], np.argwhere(cells == "=")[0]
    for away in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        assert cells[row + away[0], column + away[1]] == "."
        assert cells[row + 2 * away[0], column + 2 * away[1]] == "@"
    assert abs(chest - (row, column)).sum() == 3


@pytest.mark.parametrize("name, seeds", [("machina_1", 20), ("machina_2", 8), ("machina_3", 3)])
def test_cave_seeds(name, seeds):
    assert list(load_mission(name).map) == cave_rows(name, 42)
    maps = [cave_rows(name, seed) for seed in range(seeds)]
    for rows in maps:
        check(name, rows)
    assert len({tuple(rows) for rows in maps}) == seeds


@pytest.mark.slow
@pytest.mark.parametrize("name", MACHINAS)
def test_1000_cave_seeds(name):
    for seed in range(1000):
        check(name, cave_rows(name, seed))


def test_caves_are_deterministic():
    # Maps are part of results: they may not change with a version of numpy or of ours.
    digest = hashlib.sha256("\n".join(cave_rows("machina_1", 42)).encode()).hexdigest()
    assert digest == "2cd091f02a15a8db9c07d70b383b4304e84541d9f5744a010ba4ebfe8260e6c3"


def cave(**keys):
    layout = {"generator": "cave", "height": 9, "width": 11, "open": 40, "stations":
              {"assembler": 1, "chest": 1}}  # fmt: skip
    return build_mission({"layout": layout | keys}, name="cave", source="here")


def test_smallest_and_fullest_caves():
    for opened in range(22, 100):
        mission = cave(open=opened, agents=7)
        assert mission.num_agents == 7
        assert Counter("".join(mission.map))["#"] == 11 * 13 - opened


@pytest.mark.parametrize("keys, message", [
    ({"open": 12}, "key 'layout.open': got 12; expected 19 to 99 with these stations and this "
                   "seed"),
    ({"open": 100}, "key 'layout.open': got 100; expected 19 to 99 with these stations and this "
                    "seed"),
    ({"stations": {"assembler": 1}}, "key 'layout': key 'stations': expected at least 1 assembler "
                                     "and 1 chest in a cave"),
    ({"stations": {"assembler": 1, "chest": 9}}, "key 'layout': the room is too small for the "
                                                 "10 stations"),
    ({"height": 5}, "key 'layout': key 'height': got 5; expected a value >= 7"),
])  # fmt: skip
def test_invalid_caves(keys, message):
    with pytest.raises(ConfigError, match="here") as caught:
        cave(**keys)
    assert str(caught.value).removeprefix("here: ") == message
