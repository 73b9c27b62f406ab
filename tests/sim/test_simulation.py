"""Simulation: independence of worlds, resets, statistics, errors."""

import copy
import pickle

import pytest
import torch

from daf.config import ConfigError
from daf.missions import build_mission, load_mission
from daf.sim.simulation import INTEGERS, Simulation

MISSION = load_mission("training_facility_1")
NORTH, SOUTH, WEST, EAST = 1, 2, 3, 4


def moves(worlds, agents, steps, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 12, (steps, worlds, agents), generator=generator)


def room(rows, **settings):
    return build_mission({"map": rows, **settings}, name="room", source="test")


def test_worlds_are_independent():
    batch = Simulation(MISSION, 9, seed=1)
    single = Simulation(MISSION, 1, seed=77)
    single.reset(world_seeds=batch.state.world_seed[4:5].clone())
    actions = moves(9, 4, 300)
    for step in actions:
        observations, rewards, _ = batch.step(step)
        single_observations, single_rewards, _ = single.step(step[4:5])
        assert torch.equal(observations[4], single_observations[0]) and torch.equal(
            rewards[4], single_rewards[0]
        )
    assert torch.equal(batch.counters[4], single.counters[0])


def test_results_depend_on_the_seed():
    actions = moves(16, 4, 200)
    finals = []
    for seed in (5, 5, 6):
        simulation = Simulation(MISSION, 16, seed=seed)
        for step in actions:
            simulation.step(step)
        finals.append(simulation.observations.clone())
    assert torch.equal(finals[0], finals[1]) and not torch.equal(finals[0], finals[2])


def test_orders_of_agents_are_uniform():
    simulation = Simulation(room(["@@@"]), 3000, seed=2)
    orders = torch.zeros(27)
    for _ in range(4):
        simulation.step(torch.zeros(3000, 3, dtype=torch.int64))
        order = simulation.state.order.long()
        orders += torch.bincount((order * torch.tensor([9, 3, 1])).sum(1), minlength=27)
    counts = orders[orders > 0]
    assert len(counts) == 6
    expected = 12000 / 6
    assert ((counts - expected) ** 2 / expected).sum() < 20.5  # 99.9 % point, 5 degrees of freedom


def test_auto_reset_starts_a_new_episode():
    mission = MISSION.model_copy(update={"max_steps": 10})
    without_reset, with_reset = Simulation(mission, 3), Simulation(mission, 3, auto_reset=True)
    initial_observations = with_reset.observations.clone()
    for step in moves(3, 4, 10):
        _, _, done = without_reset.step(step)
        observations, _, _ = with_reset.step(step)
    assert done.all() and torch.equal(observations, initial_observations)
    assert torch.equal(with_reset.finished_counters, without_reset.counters)
    assert with_reset.state.now.tolist() == [0, 0, 0] and not with_reset.counters.any()
    assert without_reset.step(moves(3, 4, 1)[0])[2].all(), "done persists in further steps"


def test_reset_changes_selected_worlds_only():
    simulation = Simulation(MISSION, 4, seed=3)
    initial = simulation.observations.clone()
    for step in moves(4, 4, 50):
        simulation.step(step)
    before = simulation.observations.clone()
    world_mask = torch.tensor([False, True, False, True])
    seeds = simulation.state.world_seed.clone()
    after = simulation.reset(world_mask)
    assert torch.equal(after[world_mask], initial[world_mask])
    assert torch.equal(after[~world_mask], before[~world_mask])
    assert ((simulation.state.world_seed != seeds) == world_mask).all()


def test_indices_outside_the_action_list_are_invalid_actions():
    simulation = Simulation(room(["@.."]), 1)
    last_glyph = simulation.mission.num_actions - 1
    simulation.step(torch.tensor([[last_glyph]]))
    assert simulation.state.glyph.item() == 153
    invalid_actions = (
        -1,
        last_glyph + 1,
        10_000,
        2**31,
        2**32 + EAST,
        EAST - 2**32,
        -(2**63),
        2**63 - 1,
    )
    for action in invalid_actions:
        observations, _, _ = simulation.step(torch.tensor([[action]]))
        assert not simulation.state.success.item()
        assert observations[0, 0, 2].tolist() == [
            0x55,
            9,
            action & 255,
        ]  # low byte of the invalid action
    statistics = dict(zip(simulation.statistic_names, simulation.counters[0].tolist()))
    assert statistics["invalid_actions"] == len(invalid_actions)
    assert statistics["glyph_changes"] == 1 and statistics["moves"] == 0


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
def test_actions_of_all_integer_types_are_accepted(dtype):
    simulation = Simulation(room(["@.."]), 1)
    simulation.step(torch.tensor([[EAST]], dtype=dtype))
    assert simulation.state.success.item() and simulation.counters[0, 8] == 1  # moves
    lowest = torch.iinfo(dtype).min
    for invalid_action in (torch.iinfo(dtype).max, *([lowest] if lowest < 0 else [])):
        if not 0 <= invalid_action < simulation.mission.num_actions:
            simulation.step(torch.full((1, 1), invalid_action, dtype=dtype))
            assert not simulation.state.success.item(), invalid_action


INVALID_ACTIONS = {
    "bool": torch.zeros(1, 4, dtype=torch.bool),
    "float32": torch.full((1, 4), torch.nan),
    "complex64": torch.zeros(1, 4, dtype=torch.complex64),
    "meta": torch.zeros(1, 4, dtype=torch.int64, device="meta"),
    "sparse_coo": torch.zeros(1, 4, dtype=torch.int64).to_sparse(),
    "list": [[0, 0, 0, 0]],
    r"\(4,\)": torch.zeros(4, dtype=torch.int64),
}


@pytest.mark.parametrize("name", INVALID_ACTIONS)
def test_invalid_action_tensors_raise_a_one_line_error(name):
    simulation = Simulation(MISSION, 1)
    with pytest.raises(ValueError, match=f"^actions: got .*{name}.*of shape \\(1, 4\\)$"):
        simulation.step(INVALID_ACTIONS[name])


def test_game_statistics_of_an_episode():
    # One agent makes a heart (3 energy), walks around the assembler and deposits the heart.
    recipe = {"formations": [["any"]], "inputs": {"energy": 3}, "outputs": {"heart": 1}}
    mission = room(
        ["#####", "#.=.#", "#&@.#", "#####"], stations={"assembler": {"recipes": [recipe]}}
    )
    simulation = Simulation(mission, 1)
    rewards = []
    for action in (WEST, EAST, NORTH, WEST, SOUTH, SOUTH):
        _, reward, _ = simulation.step(torch.tensor([[action]]))
        rewards.append(reward.item())
    statistics = dict(zip(simulation.statistic_names, simulation.counters[0].tolist()))
    assert rewards == [0, 0, 0, 1, 0, 0]
    assert simulation.score().tolist() == [1]
    assert (
        statistics["hearts_made_by_1"]
        == statistics["made_heart"]
        == statistics["uses_assembler"]
        == 1
    )
    assert (
        statistics["hearts_deposited"]
        == statistics["hearts_stored"]
        == statistics["uses_chest"]
        == 1
    )
    assert statistics["moves"] == 5 and statistics["failed_moves"] == 1
    assert statistics["energy_spent_moving"] == 10
    # 100 - 3 - 5 * 2 + regeneration of 1 in each of 6 steps
    assert simulation.state.inventory[0, 0, 0].item() == 93


def test_a_withdrawn_heart_reduces_score_and_reward():
    mission = room(["#####", "#@=.#", "#####"], stations={"chest": {"initial": 2}})
    simulation = Simulation(mission, 1)
    _, reward, _ = simulation.step(torch.tensor([[EAST]]))  # withdrawal from the west side
    assert simulation.score().tolist() == [-1]
    # The first use of a chest pays its whole stock as reward: 2 - 1.
    assert reward.item() == 1


def test_largest_map_and_largest_team():
    rows = ["." * 255] * 254 + ["@" * 64 + "." * 191]
    simulation = Simulation(room(rows), 1)
    observations, _, _ = simulation.step(torch.full((1, 64), NORTH))
    assert observations.shape == (1, 64, 200, 3)
    assert simulation.statistic_names.index("moves") >= 0 and simulation.counters[0, 8] == 64


def test_invalid_arguments_raise_an_error_with_their_name(monkeypatch):
    with pytest.raises(ValueError, match="num_worlds: got 0"):
        Simulation(MISSION, 0)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match=r"'cuda'.*no CUDA device"):
        Simulation(MISSION, 1, device="cuda")
    simulation = Simulation(MISSION, 2)
    with pytest.raises(ValueError, match=r"\(2, 3\).*integer tensor of shape \(2, 4\)"):
        simulation.step(torch.zeros(2, 3, dtype=torch.int64))
    with pytest.raises(ValueError, match="float32"):
        simulation.step(torch.zeros(2, 4))


def test_too_large_maps_raise_an_error():
    with pytest.raises(ConfigError, match="expected 1x1 to 255x255 cells"):
        room(["@" + "." * 255])
    with pytest.raises(ConfigError, match="65 agents; expected 1 to 64"):
        room(["@" * 65])


@pytest.mark.gpu
def test_cpu_cuda_and_cuda_graph_give_equal_results():
    mission = MISSION.model_copy(update={"max_steps": 60})
    actions = moves(64, 4, 200)
    on_cpu, on_gpu, captured = (
        Simulation(mission, 64, device, seed=1, auto_reset=True)
        for device in ("cpu", "cuda", "cuda")
    )
    buffer = actions[0].cuda()
    captured.step(buffer)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        captured.step(buffer)
    captured.state.episode.zero_()  # repeat the same world seeds
    captured.reset()
    for step in actions:
        on_cpu.step(step)
        on_gpu.step(step.cuda())
        buffer.copy_(step)
        graph.replay()
    for simulation in (on_gpu, captured):
        for name, tensor in on_cpu.state_dict().items():
            assert torch.equal(simulation.state_dict()[name].cpu(), tensor), name


def test_auto_reset_keeps_rewards_and_done_of_the_last_step():
    mission = MISSION.model_copy(update={"max_steps": 10, "failure_penalty": 0.5})
    without_reset, with_reset = Simulation(mission, 3), Simulation(mission, 3, auto_reset=True)
    invalid = torch.full((1, 3, 4), mission.num_actions)
    for step in torch.cat([moves(3, 4, 9), invalid]):
        expected = without_reset.step(step)
        actual = with_reset.step(step)
        assert torch.equal(actual.rewards, expected.rewards)
        assert torch.equal(actual.done, expected.done)
    assert (actual.rewards == -0.5).all() and actual.done.all()
    _, _, done = with_reset.step(moves(3, 4, 1)[0])
    assert not done.any()


def test_reset_with_a_seed_equals_a_new_simulation():
    simulation = Simulation(MISSION, 4, seed=3, first_world=2)
    for step in moves(4, 4, 20):
        simulation.step(step)
    simulation.reset()
    simulation.reset(seed=8)
    other = Simulation(MISSION, 4, seed=8, first_world=2)
    for _ in range(2):
        assert torch.equal(simulation.state.world_seed, other.state.world_seed)
        for step in moves(4, 4, 20):
            assert torch.equal(simulation.step(step)[0], other.step(step)[0])
        simulation.reset(), other.reset()


def test_reset_with_a_seed_per_world_changes_selected_worlds_only():
    simulation = Simulation(MISSION, 4, seed=3)
    world_mask = torch.tensor([True, False, True, False])
    simulation.reset(world_mask, seed=torch.tensor([5, 6, 7, 8]))
    expected = [Simulation(MISSION, 4, seed=seed).state.world_seed for seed in (5, 3, 7, 3)]
    assert simulation.state.world_seed.tolist() == [
        seeds[world].item() for world, seeds in enumerate(expected)
    ]


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda sim: pickle.loads(pickle.dumps(sim))])
def test_copies_continue_independently(duplicate):
    simulation = Simulation(MISSION, 4, seed=3, auto_reset=True)
    for step in moves(4, 4, 20):
        simulation.step(step)
    other = duplicate(simulation)
    for step in moves(4, 4, 20):
        observations = other.step(step)[0].clone()
        assert torch.equal(simulation.step(step)[0], observations)
    simulation.reset(seed=9)
    assert not torch.equal(simulation.state.world_seed, other.state.world_seed)
