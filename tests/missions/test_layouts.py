"""One mission of many layouts: what it is made of, what it keeps, what it refuses."""

import json
from collections import Counter

import pytest

from daf.config import ConfigError
from daf.mettagrid.translate import translate
from daf.missions import Mission, load_mission
from daf.missions.ascii_map import ascii_map
from daf.missions.ceiling import score_bound
from daf.missions.token_bound import token_bound
from daf.provenance.hashing import digest


@pytest.mark.parametrize("name", ["assembler_2", "training_facility_1_shuffled", "machina_1"])
def test_its_maps_are_those_of_the_single_layouts(name):
    mission = load_mission(f"{name}@3-9")
    alone = [load_mission(f"{name}@{seed}") for seed in range(3, 10)]
    assert mission.name == f"{name}@3-9"
    assert mission.maps == tuple(one.map for one in alone) and mission.map == alone[0].map
    for seed, one in zip(range(3, 10), alone):
        same = {"ceiling": mission.ceiling}
        assert mission.in_layout(seed) == one.model_copy(update=same)
    for what in ("wall", "agent", "charger"):
        for there, one in zip(mission.mask_of(what), alone):
            cells = [(row, column) for row, column, _ in one.cells_with(what)]
            assert [tuple(cell) for cell in zip(*there.nonzero())] == cells
    assert token_bound(mission) == max(map(token_bound, alone))


def test_a_thousand_layouts_are_little_data():
    one, many = load_mission("assembler_2@1"), load_mission("assembler_2@1-1000")
    assert len(json.dumps(many.resolved())) < len(json.dumps(one.resolved())) + 400
    assert Mission.model_validate(many.resolved()) == many
    assert len(set(many.maps)) == 1000
    others = load_mission("assembler_2@1-999"), load_mission("assembler_2@1")
    assert len({digest(mission.resolved()) for mission in (many, *others)}) == 3
    assert "layout" not in one.resolved()  # what has one map is the same data as ever


def test_several_layouts_in_a_file_and_of_a_base(tmp_path):
    file, base = tmp_path / "mine.yaml", tmp_path / "base.yaml"
    file.write_text("extends: base.yaml\nmax_steps: 30\n")
    base.write_text("extends: assembler_2@5-8\n")
    mission = load_mission(file)
    assert (mission.name, mission.max_steps) == ("mine", 30)
    assert mission.maps == load_mission("assembler_2@5-8").maps
    assert mission.in_layout(6).name == "mine@6"
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
def test_its_ceiling_is_below_that_of_none_of_its_layouts(name, tmp_path):
    if name == "clipped":
        (tmp_path / "clipped.yaml").write_text(CLIPPED)
        name = tmp_path / "clipped.yaml"
    mission = load_mission(f"{name}@1-6")
    assert mission.ceiling == score_bound(mission).hearts
    for seed in range(1, 7):
        assert score_bound(load_mission(f"{name}@{seed}")).hearts <= mission.ceiling


def test_its_picture_says_that_it_is_the_first():
    first, several = (ascii_map(load_mission(f"assembler_2@{seeds}")) for seeds in ("4", "4-90"))
    assert "layouts of the seeds 4-90, of which this is the first" in several
    assert several.splitlines()[2:] == first.splitlines()[2:]


def test_mettagrid_has_none():
    with pytest.raises(ConfigError, match=r"assembler_2@3-4: cannot .* it has several layouts"):
        translate(load_mission("assembler_2@3-4"))


def test_a_map_that_is_not_of_the_layout_is_refused():
    mission = load_mission("assembler_2@1-3")
    other = mission.model_copy(update={"map": load_mission("assembler_2@9").map})
    assert Counter("".join(other.map)) == Counter("".join(mission.map))
    with pytest.raises(ConfigError, match="assembler_2@1-3: key 'map': is not that of the first"):
        _ = other.maps
    smaller = mission.model_copy(update={"map": ("#####", "#@.&#", "#####")})
    with pytest.raises(ConfigError, match="assembler_2@1-3: key 'map': is not that of the first"):
        smaller.in_layout(2)
