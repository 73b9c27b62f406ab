"""Missions with a range of layout seeds."""

import json
from collections import Counter

import pytest

from daf.config import ConfigError
from daf.mettagrid.translate import translate_mission
from daf.missions import Mission, load_mission
from daf.missions.ascii_map import format_mission_facts_and_map
from daf.missions.ceiling import compute_score_bound
from daf.missions.token_bound import compute_observation_token_bound
from daf.provenance.hashing import digest


@pytest.mark.parametrize("name", ["assembler_2", "training_facility_1_shuffled", "machina_1"])
def test_maps_equal_single_layouts(name):
    mission = load_mission(f"{name}@3-9")
    singles = [load_mission(f"{name}@{seed}") for seed in range(3, 10)]
    assert mission.name == f"{name}@3-9"
    assert (
        mission.maps == tuple(layout_mission.map for layout_mission in singles)
        and mission.map == singles[0].map
    )
    for seed, layout_mission in zip(range(3, 10), singles):
        same = {"ceiling": mission.ceiling}
        assert mission.select_layout(seed) == layout_mission.model_copy(update=same)
    for what in ("wall", "agent", "charger"):
        for mask, layout_mission in zip(mission.content_mask_per_layout(what), singles):
            cells = [(row, column) for row, column, _ in layout_mission.find_cells_with(what)]
            assert [tuple(cell) for cell in zip(*mask.nonzero())] == cells
    assert compute_observation_token_bound(mission) == max(
        map(compute_observation_token_bound, singles)
    )


def test_1000_layouts_are_small():
    layout_mission, several_layouts = (
        load_mission("assembler_2@1"),
        load_mission("assembler_2@1-1000"),
    )
    assert (
        len(json.dumps(several_layouts.resolved()))
        < len(json.dumps(layout_mission.resolved())) + 400
    )
    assert Mission.model_validate(several_layouts.resolved()) == several_layouts
    assert len(set(several_layouts.maps)) == 1000
    others = load_mission("assembler_2@1-999"), load_mission("assembler_2@1")
    assert len({digest(mission.resolved()) for mission in (several_layouts, *others)}) == 3
    assert "layout" not in layout_mission.resolved()  # missions with one map have no layout key


def test_layout_ranges_in_file_and_base(tmp_path):
    file, base = tmp_path / "mine.yaml", tmp_path / "base.yaml"
    file.write_text("extends: base.yaml\nmax_steps: 30\n")
    base.write_text("extends: assembler_2@5-8\n")
    mission = load_mission(file)
    assert (mission.name, mission.max_steps) == ("mine", 30)
    assert mission.maps == load_mission("assembler_2@5-8").maps
    assert mission.select_layout(6).name == "mine@6"
    single = load_mission(f"{file}@6")
    assert (single.name, single.layout) == ("mine@6", None)
    assert single.map == load_mission("assembler_2@6").map
    base.write_text("extends: assembler_2\nlayout: {seed: 5-8}\n")
    assert load_mission(file) == mission
    assert load_mission("assembler_2@7-7").maps == (load_mission("assembler_2@7").map,)


CLIPPED = (
    "extends: training_facility_1_shuffled\nclipping: {rate: 0.1}\n"
    "stations: {carbon_ex_dep: {starts_clipped: true, max_uses: 30}}\n"
)


@pytest.mark.parametrize("name", ["assembler_2", "training_facility_1_shuffled", "clipped"])
def test_ceiling_covers_all_layouts(name, tmp_path):
    if name == "clipped":
        (tmp_path / "clipped.yaml").write_text(CLIPPED)
        name = tmp_path / "clipped.yaml"
    mission = load_mission(f"{name}@1-6")
    assert mission.ceiling == compute_score_bound(mission).hearts
    for seed in range(1, 7):
        assert compute_score_bound(load_mission(f"{name}@{seed}")).hearts <= mission.ceiling


def test_ascii_map_shows_first_layout():
    first, several = (
        format_mission_facts_and_map(load_mission(f"assembler_2@{seeds}"))
        for seeds in ("4", "4-90")
    )
    assert "layout seeds 4-90 (the map shows the first)" in several
    assert several.splitlines()[2:] == first.splitlines()[2:]


def test_mettagrid_refuses_layout_ranges():
    with pytest.raises(ConfigError, match=r"assembler_2@3-4: cannot .* it has several layouts"):
        translate_mission(load_mission("assembler_2@3-4"))


def test_map_must_match_first_layout():
    mission = load_mission("assembler_2@1-3")
    changed = mission.model_copy(update={"map": load_mission("assembler_2@9").map})
    assert Counter("".join(changed.map)) == Counter("".join(mission.map))
    with pytest.raises(ConfigError, match="assembler_2@1-3: key 'map': differs from the first"):
        _ = changed.maps
    smaller = mission.model_copy(update={"map": ("#####", "#@.&#", "#####")})
    with pytest.raises(ConfigError, match="assembler_2@1-3: key 'map': differs from the first"):
        smaller.select_layout(2)
