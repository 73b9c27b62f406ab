"""Inheritance between missions (`extends`), and layout seeds."""

from pathlib import Path

import pytest

from daf.missions import Mission, load_mission
from daf.provenance.hashing import digest


def written(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)
    return folder / f"{next(iter(files))}.yaml"


def content(mission: Mission) -> dict:
    """Return all values except name and description."""
    return mission.model_copy(update={"name": "x", "description": ""}).resolved()


def test_extends_without_changes(tmp_path):
    path = written(tmp_path, mine="extends: training_facility_1\n")
    mission = load_mission(path)
    assert (mission.name, mission.description) == ("mine", "")
    assert content(mission) == content(load_mission("training_facility_1"))


def test_extends_merges_keys_and_replaces_lists(tmp_path):
    path = written(
        tmp_path,
        mine="extends: base.yaml\n"
        "max_steps: 30\n"
        "layout: {agents: 2, stations: {charger: 0, chest: 2}}\n"
        "stations:\n"
        "  chest: {capacity: 5, sides: {N: 1}}\n"
        "  charger: {recipes: []}\n",
        base="extends: assembler_1\n"
        "name: foundation\n"
        "ceiling: 0.5\n"
        "max_steps: 20\n"
        "window_width: 7\n"
        "stations: {chest: {initial: 3}}\n",
    )
    mission, first = load_mission(path), load_mission("assembler_1")
    assert mission.name == "mine"
    assert (mission.max_steps, mission.window_width, mission.ceiling) == (30, 7, 2)
    assert (mission.height, mission.num_agents) == (first.height, 2)
    assert [len(mission.find_cells_with(name)) for name in ("chest", "charger", "assembler")] == [
        2,
        0,
        1,
    ]
    chest = mission.stations["chest"]
    assert (chest.initial, chest.capacity, chest.sides) == (3, 5, {"E": 1, "W": -1, "N": 1})
    assert mission.stations["charger"].recipes == ()


def test_last_of_map_or_layout_is_used(tmp_path):
    map_file = written(tmp_path, drawn="extends: assembler_1\nmap: ['@&']\n")
    assert load_mission(map_file).map == ("@&",)
    laid = written(
        tmp_path,
        laid="extends: drawn.yaml\n"
        "layout: {generator: room, height: 3, width: 4, agents: 1, stations: {chest: 1}}\n",
    )
    assert load_mission(laid).width == 6
    cave = written(
        tmp_path,
        cave="extends: laid.yaml\n"
        "layout: {generator: cave, height: 9, width: 9, open: 40, "
        "stations: {chest: 1, assembler: 1}}\n",
    )
    assert load_mission(cave).num_agents == 4


def test_digest_depends_on_resolved_mission(tmp_path):
    (tmp_path / "deep").mkdir()
    text = load_mission("assembler_1").map
    plain = written(tmp_path, mine=f"map: {list(text)}\nmax_steps: 7\n")
    same = written(tmp_path / "deep", mine="extends: ../base.yaml\nmax_steps: 7\n")
    written(tmp_path, base=f"max_steps: 9\nmap: {list(text)}\n")
    plain_data = load_mission(same).resolved()
    assert digest(load_mission(plain).resolved()) == digest(plain_data)
    assert digest(Mission.model_validate(plain_data).resolved()) == digest(plain_data)


@pytest.mark.parametrize("name", ["assembler_2", "training_facility_1_shuffled", "machina_1"])
def test_layout_seed(name):
    original, first, second = (load_mission(name + seed) for seed in ("", "@1", "@2"))
    assert (original.name, first.name, second.name) == (name, f"{name}@1", f"{name}@2")
    assert len({original.map, first.map, second.map}) == 3
    for variant in (first, second):
        assert sorted("".join(variant.map)) == sorted("".join(original.map))
        changed = {"map": original.map, "ceiling": original.ceiling}
        assert content(variant.model_copy(update=changed)) == content(original)
    assert load_mission(f"{name}@42").map == original.map  # the seed that its file names


def test_layout_seed_of_file_and_base(tmp_path):
    path = written(tmp_path, mine="extends: assembler_2@7\n")
    assert load_mission(path).map == load_mission("assembler_2@7").map
    variant = load_mission(f"{path}@8")
    assert variant.name == "mine@8"
    assert variant.map == load_mission("assembler_2@8").map


def test_built_in_variants():
    plain = load_mission("training_facility_1")
    shuffled = load_mission("training_facility_1_shuffled")
    assert sorted("".join(shuffled.map)) == sorted("".join(plain.map))
    crowd = load_mission("training_facility_1_crowd")
    assert (crowd.num_agents, crowd.stations) == (8, plain.stations)
    dark = load_mission("training_facility_1_dark")
    assert (dark.window_height, dark.window_width, dark.map) == (5, 5, plain.map)
    rich = load_mission("training_facility_1_rich")
    assert rich.stations["germanium_ex_dep"].max_uses == 10
    assert rich.stations["germanium_ex_dep"].recipes == plain.stations["germanium_ex_dep"].recipes
    clipped = load_mission("training_facility_1_clipped")
    assert clipped.stations["carbon_ex_dep"].starts_clipped
    assert [repair.inputs for repair in clipped.clipping.repairs] == [{"scrambler": 1}]
