"""Ceilings: never below a reachable score, and tight for simple missions."""

import numpy as np
import pytest

from daf.config import ConfigError
from daf.missions import build_mission, built_in_missions, load_mission
from daf.missions.ceiling import compute_score_bound
from tests.missions.planner import best_score

ANYONE = [["any"], ["any", "any"]]


def station(outputs: dict, inputs: dict | None = None, cooldown: int = 0, **keys) -> dict:
    recipe = {"inputs": inputs or {}, "outputs": outputs, "cooldown": cooldown}
    return {"recipes": [{"formations": ANYONE} | recipe]} | keys


def hearts(cooldown: int = 0, **inputs: int) -> dict:
    return station({"heart": 1}, inputs, cooldown)


def tiny(rows: str, steps: int, *, stations: dict, energy: int = 100, **keys):
    data = {"map": rows.split(), "max_steps": steps, "stations": stations}
    data |= {"tokens": 4, "window_height": 1, "window_width": 1}
    data["initial_inventory"] = {"energy": energy} | keys.pop("initial", {})
    return build_mission(data | keys, name="tiny", source="test")


MILL = {"kind": "assembler", "type_id": 99, "symbol": "M"}
NO_REGENERATION = {"regeneration": {"amounts": {}}}
BROKEN = {
    "stations": {
        "assembler": hearts(carbon=1),
        "carbon_ex_dep": station({"carbon": 1}, starts_clipped=True, max_uses=2),
        "mill": MILL | station({"scrambler": 1}, {"oxygen": 2}),
    },
    "clipping": {"repairs": [{"inputs": {"scrambler": 1}}]},
}
IN_FORMATION = {
    "germanium_ex_dep": {"max_uses": 1, "recipes": [
        {"formations": [["any"]], "outputs": {"germanium": 2}},
        {"formations": [["any", "any"]], "outputs": {"germanium": 3}},
    ]},
    "assembler": {"recipes": [
        {"formations": [["W"], ["E"]], "inputs": {"germanium": 2}, "outputs": {"heart": 1}},
        {"formations": [["W", "E"]], "inputs": {"germanium": 1}, "outputs": {"heart": 1}},
    ]},
}  # fmt: skip

# Binding limit: (mission, score of an optimal policy, ceiling, limit that determines the ceiling).
# In these maps, chests accept deposits from their east side.
MISSIONS = {
    "cooldown": (tiny("=@&", 14, stations={"assembler": hearts(4, energy=1)}), 4, 4,
                 "uses of assembler"),
    "time for the last heart": (tiny("=..@&", 3, stations={"assembler": hearts(4)}), 0, 0,
                                "uses of assembler in time"),
    "steps": (tiny("=@..&", 13, stations={"assembler": hearts()}), 2, 2, "carrying heart"),
    "steps with material": (
        tiny("=@&..c", 10, limits=[{"resources": ["carbon"], "limit": 1}],
             stations={"assembler": hearts(carbon=1), "carbon_ex_dep": station({"carbon": 1})}),
        0, 0, "carbon"),
    "energy": (tiny("=@.&", 14, energy=9, stations={"assembler": hearts()}, **NO_REGENERATION),
        1, 1, "energy"),
    "energy of a charger": (
        tiny("#+# =@&", 11, energy=4, **NO_REGENERATION,
             stations={"assembler": hearts(energy=3), "charger": station({"energy": 6}, {}, 9)}),
        1, 2, "uses of charger"),
    "uses": (tiny("=@& #s#", 10, stations={
        "assembler": hearts(silicon=2), "silicon_ex_dep": station({"silicon": 2}, max_uses=2)}),
        2, 2, "uses of silicon_ex_dep"),
    "material in chests": (
        tiny("#D# =@&", 9,
             stations={"assembler": hearts(carbon=2), "chest_carbon": {"initial": 5}}),
        2, 2, "carbon"),
    "parts of an output": (
        tiny("#o# =@&", 11, stations={
            "assembler": hearts(oxygen=4),
            "oxygen_ex_dep": station({"oxygen": 4}, {}, 8, max_uses=0)}),
        2, 2, "uses of oxygen_ex_dep"),
    "room in chests": (
        tiny("=@&", 9, stations={"assembler": hearts(), "chest": {"capacity": 3, "initial": 1}}),
        2, 2, "room in chests"),
    "what is carried at the start": (tiny("=..@", 6, stations={}, initial={"heart": 1}), 1, 1,
                                     "heart"),
    "no side to deposit": (tiny("@=.", 4, stations={}, initial={"heart": 1}), 0, 0,
                           "room in chests"),
    "repaired": (tiny("#c# =@& #M#", 9, initial={"oxygen": 2}, **BROKEN), 2, 2,
                 "uses of carbon_ex_dep"),
    "never repaired": (tiny("#c# =@& #M#", 7, initial={"oxygen": 1}, **BROKEN), 0, 0,
                       "clipped carbon_ex_dep"),
    "formation": (tiny("##### #@g@# #.&.# #=..# #####", 6, stations=IN_FORMATION), 1, 3,
                  "uses of germanium_ex_dep"),
    "one alone": (tiny("##### #.g@# #.&.# #=..# #####", 6, stations=IN_FORMATION), 1, 1,
                  "uses of germanium_ex_dep"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISSIONS)
def test_ceilings_of_tiny_missions(name):
    mission, best, ceiling, binding = MISSIONS[name]
    bound = compute_score_bound(mission)
    assert (bound.hearts, mission.ceiling) == (ceiling, ceiling)
    assert best_score(mission, seeds=mission.num_agents) == best
    assert binding in bound.binding_limits


# Computed by hand from RULES 5 and 6, and from the maps.
CEILINGS = {
    "assembler_1": 61,  # 14 actions and 29 of energy a heart, 1000 actions, 1 of 10 for charging
    "assembler_2": 99,  # the assembler every 10 steps, the first after 9, the last 8 before the end
    "assembler_2_dark": 99,
    "corridor": 72,  # 13 steps there, 13 back and two uses a heart, 2000 actions, and the last way
    "machina_1": 50,  # 9 extractors, twice 5 germanium each; 5, and 5 in the chest; 2 a heart
    "machina_2": 77,  # the same of 15 extractors and one more: 155
    "machina_3": 102,
    "training_facility_1": 2,  # silicon: 10 times 10, 50 a heart
    "training_facility_1_rich": 12,  # oxygen: 10 at once, then 10 in 40 steps; 20 a heart
    "training_facility_6": 2,  # oxygen: 50 in the chest, 20 a heart
}


@pytest.mark.parametrize("name", built_in_missions())
def test_ceilings_of_built_in_missions(name):
    mission = load_mission(name)
    expected = 2 if name.startswith("training_facility") else None
    assert mission.ceiling == CEILINGS.get(name, expected)


def test_germanium_by_number_of_agents():
    gatherers = {"silicon_ex_dep": {"max_uses": 0}, "carbon_ex_dep": {"max_uses": 0},
                 "oxygen_ex_dep": {"max_uses": 0}}  # fmt: skip
    rows = load_mission("training_facility_1").map
    ceilings = []
    for agents in (1, 2, 3, 4):
        map_rows, agents_left = [], agents
        for row in rows:
            new_row = "".join(
                c if c != "@" or (agents_left := agents_left - 1) >= 0 else "." for c in row
            )
            map_rows.append(new_row)
        data = {"map": map_rows, "stations": gatherers}
        ceilings.append(build_mission(data, name="few", source="test").ceiling)
    # 2, 3, 4, 5 germanium from one use; 5, 4, 3, 2 for a heart.
    assert ceilings == [0, 0, 1, 2]


def test_endless_episode_has_no_ceiling():
    mission = tiny("=@&", 0, stations={"assembler": hearts()})
    assert mission.ceiling is None
    assert compute_score_bound(mission).binding_limits == ("an episode has no end",)


def test_initial_inventory_is_limited():
    stations = {"chest": {"initial": 1, "sides": {"W": 1}}}
    mission = tiny("@=", 3, stations=stations, initial={"heart": 9})
    assert best_score(mission) == mission.ceiling == 1


def test_immune_station_needs_no_repair():
    mill = station({"heart": 1}, starts_clipped=True, clip_immune=True)
    mission = tiny("=@&", 4, stations={"assembler": mill})
    assert best_score(mission) == mission.ceiling == 2


def test_overflowing_cooldown_is_no_limit():
    # After the second use the cooldown is 8 * 2**29, of which the low 32 bits are 0.
    mill = hearts(8) | {"exhaustion": 2**29 - 1}
    mission = tiny("=@&", 14, stations={"assembler": mill})
    assert best_score(mission) == 4 <= mission.ceiling


def test_ceiling_in_file_is_at_most_the_bound():
    stations = {"assembler": hearts(4, energy=1)}
    assert tiny("=@&", 14, stations=stations, ceiling=3).ceiling == 3
    with pytest.raises(ConfigError) as caught:
        tiny("=@&", 14, stations=stations, ceiling=4.5)
    assert str(caught.value) == (
        "test: key 'ceiling': got 4.5; expected at most the proven bound 4 "
        "(heart, uses of assembler), or no ceiling"
    )


def test_random_clipping_removes_cooldown_limit():
    stations = {"assembler": hearts(4, energy=1)}
    calm, rough = (
        compute_score_bound(tiny("=@&", 14, stations=stations, clipping={"rate": rate})).hearts
        for rate in (0, 0.1)
    )
    assert calm == 4 < rough == 7  # make and deposit


def random_mission(seed: int):
    """Return a room of few cells and steps with random resources."""
    random = np.random.default_rng(seed)

    def draw(most: int) -> int:
        return int(random.integers(most + 1))

    material = {"carbon": draw(2), "oxygen": draw(2), "energy": draw(4)}
    cells = ["&", "=", "c", "o", "D", "@", "#", *("." * 5)]
    while True:
        rows = "\n".join("".join(row) for row in random.permutation(cells).reshape(3, 4))
        mission = tiny(
            rows,
            8,
            energy=5 + draw(30),
            initial={"carbon": draw(1), "heart": draw(6) // 6},
            stations={
                "assembler": hearts(draw(3), **material) | {"exhaustion": draw(1)},
                "chest": {"capacity": 2, "sides": dict.fromkeys("NWES", 1)},
                "chest_carbon": {"initial": draw(3), "sides": dict.fromkeys("NWES", -1)},
                "carbon_ex_dep": station({"carbon": 1 + draw(1)}, {}, draw(2), max_uses=draw(3)),
                "oxygen_ex_dep": station({"oxygen": 1 + draw(3)}, {}, draw(6), partial=draw(1) > 0),
            },
            limits=[{"resources": ["heart"], "limit": 1 + draw(1)},
                    {"resources": ["carbon", "oxygen"], "limit": 1 + draw(4)}],
        )  # fmt: skip
        if mission.ceiling:
            return mission


def check_random_missions(seeds: range) -> None:
    best = {seed: best_score(random_mission(seed)) for seed in seeds}
    exceeded = {
        seed for seed in seeds if best[seed] > compute_score_bound(random_mission(seed)).hearts
    }
    assert not exceeded
    assert np.mean(list(best.values())) > 0.3  # otherwise the bound is trivial


def test_random_missions():
    check_random_missions(range(12))


@pytest.mark.slow
def test_many_random_missions():
    check_random_missions(range(300))
