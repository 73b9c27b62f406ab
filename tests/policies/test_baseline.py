"""The scripted policy plays every mission, well where it is easy, from observations alone."""

import pytest
import torch

from daf.missions import load_mission
from daf.missions.loader import build_mission
from daf.policies import Game, PolicySpec, make_policy
from daf.policies.chance import mix_seeds
from daf.sim.simulation import Simulation

STATIONS = {"assembler": 1, "chest": 1, "charger": 1, "silicon_extractor": 1}
LESSON = {
    "recipes": [
        {
            "formations": [["any"]],
            "inputs": {"energy": 3},
            "outputs": {"heart": 1},
            "cooldown": 10,
        }
    ]
}


def room(stations=STATIONS, agents=4, seed=1, lesson=True, **mission):
    """A room of 10x10 cells; with `lesson` the assembler asks for energy only."""
    layout = {"generator": "room", "height": 10, "width": 10, "agents": agents, "seed": seed}
    data = {"layout": {**layout, "stations": stations}, **mission}
    if lesson:
        data["stations"] = {"assembler": LESSON}
    return build_mission(data, name="room", source="test")


def play(mission, worlds, steps=1000, game=None):
    """Play and check all actions; returns the simulation and the actions [steps, E, A]."""
    simulation = Simulation(mission, worlds)
    policy = make_policy(PolicySpec("baseline"), game or Game.of(mission))
    state = policy.initial_state(mix_seeds(simulation.state.world_seed, mission.num_agents, 7))
    history = []
    for _ in range(steps):
        rows = simulation.observations.view(-1, mission.tokens, 3)
        actions, state = policy.act(rows, state)
        assert actions.min() >= 0 and actions.max() <= 4
        history.append(actions.view(worlds, -1))
        simulation.step(history[-1])
    return simulation, torch.stack(history)


def statistics(simulation):
    means = simulation.counters.float().mean(0).tolist()
    return dict(zip(simulation.statistic_names, means))


def test_plays_the_first_lesson_almost_perfectly_together():
    simulation, _ = play(load_mission("assembler_2"), 16)
    assert simulation.score().float().mean() >= 95  # 60 is wanted, 99 is measured


def test_plays_the_first_lesson_alone():
    simulation, _ = play(load_mission("assembler_1"), 4)
    assert simulation.score().float().mean() >= 50


@pytest.mark.parametrize("seed", [3, 6])
def test_plays_other_rooms(seed):
    simulation, _ = play(room(seed=seed), 8)
    assert simulation.score().float().min() >= 80


@pytest.mark.parametrize("agents", [2, 8])
def test_plays_with_other_numbers_of_agents(agents):
    simulation, _ = play(room(agents=agents), 4)
    assert simulation.score().float().min() >= 70


@pytest.mark.parametrize("side, opposite", [("N", "S"), ("W", "E")])
def test_deposits_on_whichever_side_the_chest_takes_hearts(side, opposite):
    mission = room()
    chest = mission.stations["chest"].model_copy(update={"sides": {side: 1, opposite: -1}})
    mission = mission.model_copy(update={"stations": {**mission.stations, "chest": chest}})
    simulation, _ = play(mission, 2, steps=300)
    assert simulation.score().min() >= 15
    assert statistics(simulation)["hearts_withdrawn"] == 0


@pytest.mark.parametrize(
    "hall, hearts, germanium", [(1, 1.95, 4), (2, 1.9, 4), (3, 1.9, 4), (4, 1.4, 3), (5, 1.4, 3)]
)
def test_makes_hearts_together_in_the_training_facilities(hall, hearts, germanium):
    """Silicon allows for two hearts: of 128 episodes 2.0, 1.98, 2.0, 1.63 and 1.59 are measured.
    That takes at least three agents around the germanium, which is hard to reach in the last two
    halls, and four in formation for the rest."""
    simulation, _ = play(load_mission(f"training_facility_{hall}"), 12)
    assert simulation.score().float().mean() >= hearts
    assert statistics(simulation)["made_germanium"] >= germanium


def test_makes_room_for_those_who_have_what_is_lacking():
    """Eight agents, of whom four fit around the assembler and few have germanium: of 128 episodes
    1.87 hearts are measured, and 0.29 if nobody leaves."""
    simulation, _ = play(load_mission("training_facility_1_crowd"), 12)
    assert simulation.score().float().mean() >= 1.4


@pytest.mark.parametrize("agents, made", [(1, 4), (2, 6)])
def test_few_agents_do_not_wait_for_more(agents, made):
    stations = {"germanium_extractor": 1, "assembler": 1}
    simulation, _ = play(room(stations, agents=agents, lesson=False), 2, steps=150)
    assert statistics(simulation)["made_germanium"] == made  # of its 2 uses


def test_takes_resources_from_chests():
    stations = {"chest_carbon": 1, "chest_silicon": 1, "assembler": 1}
    simulation, _ = play(room(stations, agents=1, lesson=False), 2, steps=300)
    assert statistics(simulation)["uses_chest_carbon"] == 4  # by fives from its south side
    assert statistics(simulation)["uses_chest_silicon"] == 2


def test_an_episode_is_the_same_again_alone_and_among_others():
    mission = load_mission("assembler_2")
    _, actions = play(mission, 5, steps=300)
    _, again = play(mission, 5, steps=300)
    _, alone = play(mission, 1, steps=300)
    assert torch.equal(actions, again)
    assert torch.equal(actions[:, :1], alone)
    assert not torch.equal(actions[:, 0], actions[:, 1])


def test_acts_on_observations_seeds_and_memory_alone():
    mission = load_mission("assembler_2")
    simulation = Simulation(mission, 2)
    policy = make_policy(PolicySpec("baseline"), Game.of(mission))
    state = policy.initial_state(torch.arange(4).repeat(2))
    for _ in range(50):
        own = simulation.observations[:1].expand(2, -1, -1, -1)  # both worlds are shown the first
        actions, state = policy.act(own.reshape(-1, mission.tokens, 3), state)
        assert torch.equal(actions[:4], actions[4:])
        simulation.step(actions.view(2, 4))


@pytest.mark.parametrize("height, width", [(5, 7), (15, 15), (1, 3), (3, 1)])
def test_plays_with_any_window(height, width):
    simulation, _ = play(room(window_height=height, window_width=width), 4, steps=300)
    assert simulation.score().max() >= (20 if min(height, width) >= 5 else 0)


@pytest.mark.parametrize("tokens, least", [(4, 0), (20, 0), (40, 20)])
def test_knows_which_cells_were_cut_off(tokens, least):
    simulation, _ = play(room(tokens=tokens), 4, steps=300)
    assert simulation.score().float().mean() >= least


@pytest.mark.parametrize(
    "stations", [{}, {"chest": 1}, {"assembler": 1}, {"charger": 1, "carbon_ex_dep": 1}]
)
@pytest.mark.parametrize("agents", [1, 40])
def test_gets_along_without_stations(stations, agents):
    play(room(stations, agents), 2, steps=60)


def test_gets_along_with_clipped_stations_and_without_walls():
    clipped = {"clipped_carbon_extractor": 1, "assembler": 1, "oxygen_extractor": 1}
    play(room(clipped, lesson=False), 2, steps=60)
    open_land = {"map": ["....", ".@&.", "....", "=..@"]}
    play(build_mission(open_land, name="open", source="test"), 2, steps=60)


def test_one_policy_plays_all_missions_of_a_game():
    missions = [load_mission("assembler_2"), load_mission("training_facility_1")]
    for mission in missions:
        play(mission, 2, steps=60, game=Game.of(*missions))
