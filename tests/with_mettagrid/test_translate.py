"""Missions in mettagrid's engine: what can be translated, what is refused, and step by step the
same."""

from pathlib import Path

import numpy as np
import pytest
import torch

from daf.__main__ import main
from daf.config import ConfigError
from daf.mettagrid.bundled.observations import TokensFromMettagrid
from daf.mettagrid.translate import rewards, translate
from daf.missions import RESOURCES, load_mission
from daf.missions.loader import build_mission
from daf.sim.observe import FEATURES
from daf.sim.simulation import Simulation

ALL_RULES = Path(__file__).with_name("second_engine.yaml")
ALONE = ["#######", "#.....#", "#.@&..#", "#.=+..#", "#######"]
TOGETHER = ["#######", "#.....#", "#.@&@.#", "#.=+..#", "#######"]


def mission(rows, assembler=None, **changes):
    stations = {"stations": {"assembler": assembler}} if assembler else {}
    return build_mission({"map": rows, **stations, **changes}, name="small", source="test")


def handlers(mission, kind):
    objects = translate(mission)["game"]["objects"]
    return next(o for o in objects.values() if o["name"] == kind)["on_use_handler"]["handlers"]


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (lambda: load_mission("training_facility_1"), "depends on the corner"),
        (lambda: load_mission("assembler_2"), "several agents pay one bill"),
        (lambda: mission(TOGETHER), "depends on the corner"),
        (lambda: mission(ALONE, clipping={"rate": 0.1}), "break down by chance"),
        (lambda: mission(ALONE, {"starts_clipped": True}), "repair is drawn by chance"),
        (lambda: mission(ALONE, {"exhaustion": 0.5}), "exhaustion"),
        (lambda: mission(["#+#", "#@#", "###"]), "edge of the map"),
        (
            lambda: mission(
                ALONE,
                {
                    "partial": True,
                    "recipes": [
                        {"formations": [["N"]], "outputs": {"heart": 1}, "cooldown": 4},
                        {"formations": [["S"]], "outputs": {"heart": 1}, "cooldown": 5},
                    ],
                },
            ),
            "different cooldowns",
        ),
        (
            lambda: mission(
                ALONE,
                {
                    "recipes": [
                        {"formations": [["any"]], "outputs": {"heart": 1}, "cooldown": 70000}
                    ]
                },
            ),
            "cooldown is above 65534",
        ),
        (lambda: mission(["#####", "#@..#", *["#+++#"] * 90, "#####"]), "tags are needed"),
    ],
)
def test_what_mettagrid_cannot_express_is_refused_with_the_reason(made, reason):
    with pytest.raises(ConfigError) as error:
        translate(made())
    assert "cannot be translated to mettagrid" in str(error.value)
    assert reason in str(error.value)


def test_alone_every_station_of_the_game_can_be_used():
    rows = ["#########", "#.@.....#", "#.......#", *["#.X.X.X.#", "#.......#"] * 5, "#########"]
    symbols = iter("+COGScogs&=DPHT")
    rows = ["".join(next(symbols, ".") if c == "X" else c for c in row) for row in rows]
    objects = translate(mission(rows))["game"]["objects"]
    assert len(objects) == 16 and all(o.get("on_use_handler") for o in list(objects.values())[1:])


def test_partial_uses_give_what_the_simulator_gives_in_float32():
    rows = ["#####", "#.@.#", "#.O.#", "#...#", "#####"]
    used = handlers(mission(rows), "oxygen_extractor")
    amounts = [handler["mutations"][0]["deltas"]["oxygen"] for handler in used]
    share = np.arange(200, dtype=np.float32) / np.float32(200)
    given = np.floor(np.float32(100) * share).astype(int).tolist()
    # RULES 5: at two moments float32 gives one less than whole numbers would.
    assert (given[106], given[118]) == (52, 58)
    assert amounts == [100, *sorted(set(given) - {0}, reverse=True)]


def test_every_rule_is_met_in_the_mission_that_is_compared():
    mission = load_mission(ALL_RULES)
    simulation = Simulation(mission, 20, seed=1)
    draw = np.random.Generator(np.random.PCG64(0))
    for _ in range(1000):
        simulation.step(torch.from_numpy(draw.integers(7, size=(20, mission.num_agents))))
    total = dict(zip(simulation.statistic_names, simulation.counters.sum(0).tolist()))
    for name in ("hearts_deposited", "hearts_withdrawn", "shares", "partial_uses", "failed_moves"):
        assert total[name] >= 10, (name, total)
    unused = [name for name, count in total.items() if name.endswith("_uses") and count == 0]
    assert not unused


@pytest.mark.parametrize("change", [
    {"rewards": {"heart.gained": 1.0}},
    {"reward_caps": {"chest.heart.amount": 3.0}},
    {"stations": {"chest": {"initial": 1}}},
    {"map": ["####", "#==#", "#@.#", "####"]},
])  # fmt: skip
def test_rewards_that_mettagrid_cannot_pay_are_left_out(change):
    plain = {"map": ["####", "#=.#", "#@.#", "####"]}
    built = build_mission(plain | change, name="chests", source="test")
    assert rewards(built) is None and rewards(build_mission(plain, name="one", source="test"))


@pytest.mark.mettagrid
def test_the_two_engines_agree_step_by_step():
    from daf.mettagrid.cross_check import cross_check

    assert cross_check(load_mission(ALL_RULES), range(3), 200) is None
    assert cross_check(load_mission("assembler_1"), range(100, 102), 200) is None


@pytest.mark.mettagrid
def test_an_exported_policy_sees_there_what_it_would_see_here():
    from mettagrid.policy.policy_env_interface import PolicyEnvInterface

    from daf.mettagrid.cross_check import step_both
    from daf.mettagrid.translate import mettagrid_config

    mission = load_mission(ALL_RULES)
    names = (*FEATURES, *RESOURCES)
    seen = TokensFromMettagrid(
        PolicyEnvInterface.from_mg_cfg(mettagrid_config(mission)),
        features=list(names),
        kinds={"agent": 0, "wall": 1} | {name: s.type_id for name, s in mission.stations.items()},
        window=[11, 11],
        tokens=mission.tokens,
    )
    # Not known there, or not at the same moment; and no token there for no uses left.
    left_out = ("frozen", "orientation", "episode_completion", "last_action", "last_argument")

    def within(place):
        # Mettagrid shows a disc of the window, with each of its four tips three cells wide.
        row, column = abs((place >> 4) - 5), abs((place & 15) - 5)
        distance = row * row + column * column
        return distance <= 25 or (distance == 26 and max(row, column) == 5)

    def told(tokens):
        known = [
            (place, names[feature], value) for place, feature, value in tokens if within(place)
        ]
        return sorted(t for t in known if t[1] not in left_out and t[1:] != ("remaining_uses", 0))

    for now, ours, theirs in step_both(mission, [5], 60):
        there = seen(theirs[0].observed()).tolist()
        for agent, tokens in enumerate(ours.observations[0].tolist()):
            assert told(tokens) == told(there[agent]), now


@pytest.mark.mettagrid
def test_the_command_checks(monkeypatch, capsys):
    monkeypatch.setattr(
        "sys.argv", ["daf", "mettagrid", "check", "assembler_1", "--seeds", "2", "--steps", "9"]
    )
    assert main() == 0
    assert capsys.readouterr().out == "assembler_1: equal in 2 worlds of 9 steps\n"


@pytest.mark.slow
@pytest.mark.mettagrid
@pytest.mark.parametrize("name", [str(ALL_RULES), "assembler_1"])
def test_the_two_engines_agree_in_20_worlds_of_1000_steps(name):
    from daf.mettagrid.cross_check import cross_check

    assert cross_check(load_mission(name), range(20), 1000) is None


@pytest.mark.mettagrid
@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"move_energy": 3}, "inventory"),
        ({"initial_inventory": {"energy": 41}}, "inventory"),
        ({"regeneration": {"interval": 2}}, "inventory"),
        ({"rewards": {"chest.heart.amount": 0.5}}, "reward"),
    ],
)
def test_a_difference_is_found_and_told(monkeypatch, change, what):
    from daf.mettagrid import cross_check

    mission = load_mission(ALL_RULES)
    other = type(mission).model_validate(mission.resolved() | change)
    config_of = cross_check.config_of
    monkeypatch.setattr(cross_check, "mettagrid_config", lambda _: config_of(other))
    difference = cross_check.cross_check(mission, range(2), 200)
    assert difference.what == what and "in mettagrid" in str(difference)
