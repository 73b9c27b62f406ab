"""The simulation as its users see it: independence of worlds, resets, statistics, errors."""

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


def room(rows, **more):
    return build_mission({"map": rows, **more}, name="room", source="test")


def test_a_worlds_course_does_not_depend_on_the_worlds_beside_it():
    many = Simulation(MISSION, 9, seed=1)
    alone = Simulation(MISSION, 1, seed=77)
    alone.reset(world_seeds=many.state.world_seed[4:5].clone())
    actions = moves(9, 4, 300)
    for step in actions:
        seen, paid, _ = many.step(step)
        own, own_paid, _ = alone.step(step[4:5])
        assert torch.equal(seen[4], own[0]) and torch.equal(paid[4], own_paid[0])
    assert torch.equal(many.counters[4], alone.counters[0])


def test_equal_seeds_give_equal_bytes_and_other_seeds_do_not():
    actions = moves(16, 4, 200)
    finals = []
    for seed in (5, 5, 6):
        simulation = Simulation(MISSION, 16, seed=seed)
        for step in actions:
            simulation.step(step)
        finals.append(simulation.observations.clone())
    assert torch.equal(finals[0], finals[1]) and not torch.equal(finals[0], finals[2])


def test_agents_act_in_every_order_equally_often():
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


def test_finished_worlds_begin_again_on_request():
    mission = MISSION.model_copy(update={"max_steps": 10})
    plain, automatic = Simulation(mission, 3), Simulation(mission, 3, auto_reset=True)
    first = automatic.observations.clone()
    for step in moves(3, 4, 10):
        _, _, done = plain.step(step)
        seen, _, _ = automatic.step(step)
    assert done.all() and torch.equal(seen, first)
    assert torch.equal(automatic.finished, plain.counters)
    assert automatic.state.now.tolist() == [0, 0, 0] and not automatic.counters.any()
    assert plain.step(moves(3, 4, 1)[0])[2].all(), "done stays, the engine can be stepped on"


def test_reset_of_chosen_worlds_leaves_the_others_alone():
    simulation = Simulation(MISSION, 4, seed=3)
    start = simulation.observations.clone()
    for step in moves(4, 4, 50):
        simulation.step(step)
    before = simulation.observations.clone()
    chosen = torch.tensor([False, True, False, True])
    seeds = simulation.state.world_seed.clone()
    after = simulation.reset(chosen)
    assert torch.equal(after[chosen], start[chosen])
    assert torch.equal(after[~chosen], before[~chosen])
    assert ((simulation.state.world_seed != seeds) == chosen).all()


def test_numbers_outside_the_action_list_do_nothing():
    simulation = Simulation(room(["@.."]), 1)
    last_glyph = simulation.mission.num_actions - 1
    simulation.step(torch.tensor([[last_glyph]]))
    assert simulation.state.glyph.item() == 153
    outside = (-1, last_glyph + 1, 10_000, 2**31, 2**32 + EAST, EAST - 2**32, -(2**63), 2**63 - 1)
    for action in outside:
        seen, _, _ = simulation.step(torch.tensor([[action]]))
        assert not simulation.state.success.item()
        assert seen[0, 0, 2].tolist() == [0x55, 9, action & 255]  # the low byte of what was passed
    named = dict(zip(simulation.statistic_names, simulation.counters[0].tolist()))
    assert named["invalid_actions"] == len(outside)
    assert named["glyph_changes"] == 1 and named["moves"] == 0


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
def test_actions_of_any_integer_type_are_the_same_actions(dtype):
    simulation = Simulation(room(["@.."]), 1)
    simulation.step(torch.tensor([[EAST]], dtype=dtype))
    assert simulation.state.success.item() and simulation.counters[0, 8] == 1  # moves
    lowest = torch.iinfo(dtype).min
    for outside in (torch.iinfo(dtype).max, *([lowest] if lowest < 0 else [])):
        if not 0 <= outside < simulation.mission.num_actions:
            simulation.step(torch.full((1, 1), outside, dtype=dtype))
            assert not simulation.state.success.item(), outside


NO_ACTIONS = {
    "bool": torch.zeros(1, 4, dtype=torch.bool),
    "float32": torch.full((1, 4), torch.nan),
    "complex64": torch.zeros(1, 4, dtype=torch.complex64),
    "meta": torch.zeros(1, 4, dtype=torch.int64, device="meta"),
    "sparse_coo": torch.zeros(1, 4, dtype=torch.int64).to_sparse(),
    "list": [[0, 0, 0, 0]],
    r"\(4,\)": torch.zeros(4, dtype=torch.int64),
}


@pytest.mark.parametrize("what", NO_ACTIONS)
def test_what_is_no_tensor_of_actions_is_refused_in_one_line(what):
    simulation = Simulation(MISSION, 1)
    with pytest.raises(ValueError, match=f"^actions: got .*{what}.*of shape \\(1, 4\\) is needed$"):
        simulation.step(NO_ACTIONS[what])


def test_statistics_count_what_happened():
    # One agent: makes a heart (3 energy, alone beside the assembler), walks round, deposits it.
    recipe = {"formations": [["any"]], "inputs": {"energy": 3}, "outputs": {"heart": 1}}
    mission = room(
        ["#####", "#.=.#", "#&@.#", "#####"], stations={"assembler": {"recipes": [recipe]}}
    )
    simulation = Simulation(mission, 1)
    rewards = []
    for action in (WEST, EAST, NORTH, WEST, SOUTH, SOUTH):
        _, paid, _ = simulation.step(torch.tensor([[action]]))
        rewards.append(paid.item())
    named = dict(zip(simulation.statistic_names, simulation.counters[0].tolist()))
    assert rewards == [0, 0, 0, 1, 0, 0]
    assert simulation.score().tolist() == [1]
    assert named["hearts_made_by_1"] == named["made_heart"] == named["uses_assembler"] == 1
    assert named["hearts_deposited"] == named["hearts_stored"] == named["uses_chest"] == 1
    assert named["moves"] == 5 and named["failed_moves"] == 1
    assert named["energy_spent_moving"] == 10
    # 100 - 3 - 5 * 2 + regeneration of 1 in each of 6 steps
    assert simulation.state.inventory[0, 0, 0].item() == 93


def test_a_withdrawn_heart_is_taken_from_score_and_reward():
    mission = room(["#####", "#@=.#", "#####"], stations={"chest": {"initial": 2}})
    simulation = Simulation(mission, 1)
    _, paid, _ = simulation.step(torch.tensor([[EAST]]))  # stands west of the chest: takes
    assert simulation.score().tolist() == [-1]
    # A chest that starts with stock pays it all on first touch (RULES 8): 1 left.
    assert paid.item() == 1


def test_the_largest_map_and_the_largest_team_play():
    rows = ["." * 255] * 254 + ["@" * 64 + "." * 191]
    simulation = Simulation(room(rows), 1)
    seen, _, _ = simulation.step(torch.full((1, 64), NORTH))
    assert seen.shape == (1, 64, 200, 3)
    assert simulation.statistic_names.index("moves") >= 0 and simulation.counters[0, 8] == 64


def test_wrong_use_is_refused_by_name(monkeypatch):
    with pytest.raises(ValueError, match="num_worlds: got 0"):
        Simulation(MISSION, 0)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match=r"'cuda'.*no CUDA device"):
        Simulation(MISSION, 1, device="cuda")
    simulation = Simulation(MISSION, 2)
    with pytest.raises(ValueError, match=r"\(2, 3\).*integers of shape \(2, 4\)"):
        simulation.step(torch.zeros(2, 3, dtype=torch.int64))
    with pytest.raises(ValueError, match="float32"):
        simulation.step(torch.zeros(2, 4))


def test_maps_beyond_what_is_supported_are_refused():
    with pytest.raises(ConfigError, match="1x256; 1x1 to 255x255"):
        room(["@" + "." * 255])
    with pytest.raises(ConfigError, match="65 agents; 1 to 64"):
        room(["@" * 65])


@pytest.mark.gpu
def test_cuda_gives_the_bytes_of_the_cpu_and_a_graph_those_of_eager():
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
    captured.state.episode.zero_()  # so that the same seeds follow
    captured.reset()
    for step in actions:
        on_cpu.step(step)
        on_gpu.step(step.cuda())
        buffer.copy_(step)
        graph.replay()
    for simulation in (on_gpu, captured):
        for name, tensor in on_cpu.state_dict().items():
            assert torch.equal(simulation.state_dict()[name].cpu(), tensor), name
