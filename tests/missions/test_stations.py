"""Station catalog against an independent copy of the rule book's tables."""

import pytest

from daf.missions import Assembler, Chest, load_mission
from daf.missions.formations import recipe_index_by_neighbor_mask

STATIONS = load_mission("training_facility_1").stations

# name: type id, symbol, energy in, output, amount for 1, 2, 3, 4 or more agents around,
#       cooldown, usable during it, uses, clipped at the start
PRODUCERS = {
    "charger": (5, "+", 0, "energy", (50, 50, 50, 50), 10, True, 0, False),
    "carbon_extractor": (2, "C", 0, "carbon", (4, 4, 4, 4), 0, False, 0, False),
    "oxygen_extractor": (3, "O", 0, "oxygen", (100, 100, 100, 100), 200, True, 0, False),
    "germanium_extractor": (4, "G", 0, "germanium", (2, 3, 4, 5), 0, False, 2, False),
    "silicon_extractor": (15, "S", 25, "silicon", (25, 25, 25, 25), 0, False, 0, False),
    "carbon_ex_dep": (19, "c", 0, "carbon", (1, 1, 1, 1), 0, False, 100, False),
    "oxygen_ex_dep": (18, "o", 0, "oxygen", (10, 10, 10, 10), 40, True, 10, False),
    "germanium_ex_dep": (20, "g", 0, "germanium", (2, 3, 4, 5), 0, False, 1, False),
    "silicon_ex_dep": (16, "s", 25, "silicon", (10, 10, 10, 10), 0, False, 10, False),
    "clipped_carbon_extractor": (35, "B", 0, "carbon", (4, 4, 4, 4), 0, False, 0, True),
    "clipped_oxygen_extractor": (36, "N", 0, "carbon", (4, 4, 4, 4), 0, False, 0, True),
    "clipped_germanium_extractor": (37, "F", 0, "germanium", (2, 3, 4, 5), 0, False, 2, True),
    "clipped_silicon_extractor": (38, "R", 25, "silicon", (25, 25, 25, 25), 0, False, 0, True),
}

# The bytes at which the assembler makes a heart, by the germanium it takes, and a gear.
HEARTS = {
    5: [2, 8, 16, 64],
    4: [10, 18, 24, 66, 72, 80],
    3: [26, 74, 82, 88],
    2: [90],
}
GEARS = {
    "decoder": ([6, 12, 20, 68], {"germanium": 5}),
    "modulator": ([130, 136, 144, 192], {"carbon": 50}),
    "scrambler": ([34, 40, 48, 96], {"oxygen": 50}),
    "resonator": ([3, 9, 17, 65], {"silicon": 100}),
}

# name: type id, symbol, resource, initial stock, amount that an agent gives per side
CHESTS = {
    "chest": (17, "=", "heart", 0, {"E": 1, "W": -1}),
    "chest_carbon": (31, "D", "carbon", 50, {"E": 1, "W": -1, "N": 5, "S": -5}),
    "chest_oxygen": (32, "P", "oxygen", 50, {"E": 1, "W": -1, "N": 10, "S": -10}),
    "chest_germanium": (33, "H", "germanium", 5, {"E": 1, "W": -1, "N": 5, "S": -5}),
    "chest_silicon": (34, "T", "silicon", 100, {"E": 1, "W": -1, "N": 25, "S": -25}),
}


def test_catalog_is_complete():
    assert set(STATIONS) == {"assembler", *PRODUCERS, *CHESTS}
    assert len(STATIONS) == 19


@pytest.mark.parametrize("name", PRODUCERS)
def test_producers(name):
    type_id, symbol, energy, resource, amounts, cooldown, partial, uses, clipped = PRODUCERS[name]
    station = STATIONS[name]
    assert isinstance(station, Assembler)
    assert (station.type_id, station.symbol) == (type_id, symbol)
    assert (station.partial, station.max_uses, station.starts_clipped) == (partial, uses, clipped)
    assert (station.exhaustion, station.clip_immune) == (0, False)
    table = recipe_index_by_neighbor_mask(station)
    assert table[0] is None
    for byte in range(1, 256):
        recipe = station.recipes[table[byte]]
        num_neighbors = min(byte.bit_count(), 4)
        assert recipe.inputs == ({"energy": energy} if energy else {})
        assert recipe.outputs == {resource: amounts[num_neighbors - 1]}
        assert recipe.cooldown == cooldown


def test_31_neighbor_bytes_of_the_assembler():
    station = STATIONS["assembler"]
    assert (station.type_id, station.symbol, station.partial, station.max_uses) == (
        8,
        "&",
        False,
        0,
    )
    expected = {}
    for germanium, bytes_ in HEARTS.items():
        inputs = {"carbon": 20, "oxygen": 20, "germanium": germanium, "silicon": 50, "energy": 20}
        expected |= {byte: (inputs, {"heart": 1}) for byte in bytes_}
    for gear, (bytes_, inputs) in GEARS.items():
        expected |= {byte: (inputs, {gear: 1}) for byte in bytes_}
    assert len(expected) == 31
    table = recipe_index_by_neighbor_mask(station)
    outputs_by_formation = {
        byte: (station.recipes[number].inputs, station.recipes[number].outputs)
        for byte, number in enumerate(table)
        if number is not None
    }
    assert outputs_by_formation == expected
    assert {recipe.cooldown for recipe in station.recipes} == {1}


def test_later_recipe_overrides():
    station = Assembler.model_validate({
        "type_id": 8,
        "symbol": "&",
        "recipes": [
            {"formations": [["any"]], "outputs": {"carbon": 1}},
            {"formations": [["N"], ["S", "any"]], "outputs": {"carbon": 2}},
        ],
    })  # fmt: skip
    expected = dict.fromkeys([1, 4, 8, 16, 32, 64, 128], 0)
    expected |= dict.fromkeys([2, 65, 66, 68, 72, 80, 96, 192], 1)
    assert recipe_index_by_neighbor_mask(station) == [expected.get(byte) for byte in range(256)]


@pytest.mark.parametrize("name", CHESTS)
def test_chests(name):
    type_id, symbol, resource, initial, sides = CHESTS[name]
    chest = STATIONS[name]
    assert isinstance(chest, Chest)
    assert (chest.type_id, chest.symbol, chest.resource) == (type_id, symbol, resource)
    assert (chest.initial, chest.capacity) == (initial, 255)
    assert chest.sides == sides


def test_type_ids_are_distinct():
    ids = [station.type_id for station in STATIONS.values()]
    assert len(set(ids)) == 19


def test_repairs_in_index_order():
    repairs = load_mission("training_facility_1").clipping.repairs
    assert [repair.inputs for repair in repairs] == [
        {"decoder": 1},
        {"modulator": 1},
        {"scrambler": 1},
        {"resonator": 1},
    ]
    assert [repair.cooldown for repair in repairs] == [1, 1, 1, 1]
    assert all(not repair.outputs for repair in repairs)
