"""The baseline: scores in many missions, and dependence on observations, seeds and state only."""

import pytest
import torch

from daf.missions import load_mission
from daf.missions.loader import build_mission
from daf.policies import Game, PolicySpec, make_policy
from daf.policies.chance import derive_row_seeds
from daf.sim.simulation import Simulation

STATIONS = {"assembler": 1, "chest": 1, "charger": 1, "silicon_extractor": 1}
ENERGY_RECIPE = {
    "recipes": [
        {
            "formations": [["any"]],
            "inputs": {"energy": 3},
            "outputs": {"heart": 1},
            "cooldown": 10,
        }
    ]
}


def build_room(stations=STATIONS, agents=4, seed=1, energy_recipe=True, **mission):
    """Build a room of 10 x 10 cells; with `energy_recipe` hearts need only energy."""
    layout = {"generator": "room", "height": 10, "width": 10, "agents": agents, "seed": seed}
    data = {"layout": {**layout, "stations": stations}, **mission}
    if energy_recipe:
        data["stations"] = {"assembler": ENERGY_RECIPE}
    return build_mission(data, name="room", source="test")


def run_episodes(mission, num_worlds, steps=1000, game=None):
    """Run the baseline; return the simulation and all actions [L, E, A]."""
    simulation = Simulation(mission, num_worlds)
    policy = make_policy(PolicySpec("baseline"), game or Game.of(mission))
    state = policy.initial_state(
        derive_row_seeds(simulation.state.world_seed, mission.num_agents, 7)
    )
    history = []
    for _ in range(steps):
        rows = simulation.observations.view(-1, mission.tokens, 3)
        actions, state = policy.act(rows, state)
        assert actions.min() >= 0 and actions.max() <= 4
        history.append(actions.view(num_worlds, -1))
        simulation.step(history[-1])
    return simulation, torch.stack(history)


def mean_statistics(simulation):
    means = simulation.counters.float().mean(0).tolist()
    return dict(zip(simulation.statistic_names, means))


def test_4_agents_score_near_the_ceiling():
    simulation, _ = run_episodes(load_mission("assembler_2"), 16)
    assert simulation.score().float().mean() >= 95  # measured: 99


def test_1_agent_scores():
    simulation, _ = run_episodes(load_mission("assembler_1"), 4)
    assert simulation.score().float().mean() >= 50


@pytest.mark.parametrize("seed", [3, 6])
def test_scores_in_other_rooms(seed):
    simulation, _ = run_episodes(build_room(seed=seed), 8)
    assert simulation.score().float().min() >= 80


@pytest.mark.parametrize("agents", [2, 8])
def test_scores_with_other_numbers_of_agents(agents):
    simulation, _ = run_episodes(build_room(agents=agents), 4)
    assert simulation.score().float().min() >= 70


@pytest.mark.parametrize("side, opposite", [("N", "S"), ("W", "E")])
def test_deposits_on_the_deposit_side_of_the_chest(side, opposite):
    mission = build_room()
    chest = mission.stations["chest"].model_copy(update={"sides": {side: 1, opposite: -1}})
    mission = mission.model_copy(update={"stations": {**mission.stations, "chest": chest}})
    simulation, _ = run_episodes(mission, 2, steps=300)
    assert simulation.score().min() >= 15
    assert mean_statistics(simulation)["hearts_withdrawn"] == 0


@pytest.mark.parametrize(
    "number, hearts, germanium", [(1, 1.95, 4), (2, 1.9, 4), (3, 1.9, 4), (4, 1.4, 3), (5, 1.4, 3)]
)
def test_teams_make_hearts_in_training_facilities(number, hearts, germanium):
    """Silicon limits the score to 2 hearts. Measured in 128 episodes: 2.0, 1.98, 2.0, 1.63, 1.59.

    Germanium needs at least 3 agents around it; it is hard to reach in missions 4 and 5. The other
    resources need 4 agents in formation.
    """
    simulation, _ = run_episodes(load_mission(f"training_facility_{number}"), 12)
    assert simulation.score().float().mean() >= hearts
    assert mean_statistics(simulation)["made_germanium"] >= germanium


def test_agents_without_missing_resources_make_build_room():
    """4 of 8 agents fit around the assembler, and few carry germanium.

    Measured in 128 episodes: 1.87 hearts; 0.29 if no agent leaves.
    """
    simulation, _ = run_episodes(load_mission("training_facility_1_crowd"), 12)
    assert simulation.score().float().mean() >= 1.4


@pytest.mark.parametrize("agents, germanium", [(1, 4), (2, 6)])
def test_few_agents_do_not_wait_for_a_larger_team(agents, germanium):
    stations = {"germanium_extractor": 1, "assembler": 1}
    simulation, _ = run_episodes(
        build_room(stations, agents=agents, energy_recipe=False), 2, steps=150
    )
    assert mean_statistics(simulation)["made_germanium"] == germanium  # in 2 uses


def test_takes_resources_from_chests():
    stations = {"chest_carbon": 1, "chest_silicon": 1, "assembler": 1}
    simulation, _ = run_episodes(build_room(stations, agents=1, energy_recipe=False), 2, steps=300)
    assert mean_statistics(simulation)["uses_chest_carbon"] == 4  # 5 per use, from the south side
    assert mean_statistics(simulation)["uses_chest_silicon"] == 2


def test_episodes_are_reproducible_in_any_batch():
    mission = load_mission("assembler_2")
    _, actions = run_episodes(mission, 5, steps=300)
    _, repeated = run_episodes(mission, 5, steps=300)
    _, alone = run_episodes(mission, 1, steps=300)
    assert torch.equal(actions, repeated)
    assert torch.equal(actions[:, :1], alone)
    assert not torch.equal(actions[:, 0], actions[:, 1])


def test_actions_depend_only_on_observations_seeds_and_state():
    mission = load_mission("assembler_2")
    simulation = Simulation(mission, 2)
    policy = make_policy(PolicySpec("baseline"), Game.of(mission))
    state = policy.initial_state(torch.arange(4).repeat(2))
    for _ in range(50):
        # both worlds receive the observations of the first
        shared = simulation.observations[:1].expand(2, -1, -1, -1)
        actions, state = policy.act(shared.reshape(-1, mission.tokens, 3), state)
        assert torch.equal(actions[:4], actions[4:])
        simulation.step(actions.view(2, 4))


@pytest.mark.parametrize("height, width", [(5, 7), (15, 15), (1, 3), (3, 1)])
def test_scores_with_any_window(height, width):
    simulation, _ = run_episodes(build_room(window_height=height, window_width=width), 4, steps=300)
    assert simulation.score().max() >= (20 if min(height, width) >= 5 else 0)


@pytest.mark.parametrize("tokens, min_score", [(4, 0), (20, 0), (40, 20)])
def test_cut_off_tokens_are_unseen_cells(tokens, min_score):
    simulation, _ = run_episodes(build_room(tokens=tokens), 4, steps=300)
    assert simulation.score().float().mean() >= min_score


@pytest.mark.parametrize(
    "stations", [{}, {"chest": 1}, {"assembler": 1}, {"charger": 1, "carbon_ex_dep": 1}]
)
@pytest.mark.parametrize("agents", [1, 40])
def test_runs_without_stations(stations, agents):
    run_episodes(build_room(stations, agents), 2, steps=60)


def test_runs_with_clipped_stations_and_without_walls():
    clipped = {"clipped_carbon_extractor": 1, "assembler": 1, "oxygen_extractor": 1}
    run_episodes(build_room(clipped, energy_recipe=False), 2, steps=60)
    open_map = {"map": ["....", ".@&.", "....", "=..@"]}
    run_episodes(build_mission(open_map, name="open", source="test"), 2, steps=60)


def test_one_policy_runs_in_all_missions_of_a_game():
    missions = [load_mission("assembler_2"), load_mission("training_facility_1")]
    for mission in missions:
        run_episodes(mission, 2, steps=60, game=Game.of(*missions))
