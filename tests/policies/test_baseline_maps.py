"""What the scripted policy works out on bit boards, against searches, true maps, plain chance."""

from collections import deque

import pytest
import torch
import warp as wp

from daf.missions import load_mission
from daf.policies import Game, PolicySpec, make_policy
from daf.policies.baseline.bitboard import RADIUS, SIDE, shortest_path_moves
from daf.policies.baseline.mapping import BLOCKED, SEEN
from daf.policies.baseline.policy import uniform
from daf.policies.chance import mix_seeds
from daf.policies.chance import uniform as plain_uniform
from daf.sim.simulation import Simulation
from daf.sim.tables.codes import FIRST_STATION, WALL_CODE

STEPS = ((-1, 0), (1, 0), (0, -1), (0, 1))


@wp.kernel(enable_backward=False)
def search(
    arrived: wp.array(dtype=wp.int32),
    goals: wp.array2d(dtype=wp.int64),
    passable: wp.array2d(dtype=wp.int64),
    moves: wp.array(dtype=wp.int32),
):
    n = wp.tid()
    moves[n] = shortest_path_moves(arrived[n], goals[n], passable[n])


@wp.kernel(enable_backward=False)
def draw_lots(
    seeds: wp.array(dtype=wp.int64),
    counters: wp.array(dtype=wp.int64),
    lots: wp.array(dtype=wp.float32),
):
    n = wp.tid()
    lots[n] = uniform(seeds[n], counters[n])


def boards_of(cells):
    """Cells bool [N, SIDE, SIDE] as boards int64 [N, SIDE]."""
    return (cells.long() << torch.arange(SIDE)).sum(2)


def cells_of(boards):
    """Boards int64 [..., SIDE] as cells bool [..., SIDE, SIDE]."""
    return (boards[..., None] >> torch.arange(SIDE) & 1).bool()


def moves_by_search(goals, passable):
    """The moves that begin a shortest way, breadth first from each of the agent's neighbours."""

    def distance(start):
        ways = deque([(start, 0)])
        reached = {start}
        while ways:
            (row, column), steps = ways.popleft()
            if not (0 <= row < SIDE and 0 <= column < SIDE and passable[row][column]):
                continue
            if goals[row][column]:
                return steps
            for r, c in STEPS:
                cell = row + r, column + c
                if cell not in reached:
                    reached.add(cell)
                    ways.append((cell, steps + 1))
        return None

    distances = [distance((RADIUS + r, RADIUS + c)) for r, c in STEPS]
    least = min((d for d in distances if d is not None), default=None)
    return sum(1 << move for move, d in enumerate(distances) if d is not None and d == least)


@pytest.mark.parametrize("walls", [0.0, 0.2, 0.4])
@pytest.mark.parametrize("share", [0.0005, 0.01])
def test_first_moves_are_those_of_a_breadth_first_search(walls, share):
    generator = torch.Generator().manual_seed(1)
    chances = torch.rand(2, 24, SIDE, SIDE, generator=generator)
    goals, passable = chances[0] < share, chances[1] >= walls
    moves = torch.zeros(24, dtype=torch.int32)
    inputs = torch.zeros_like(moves), boards_of(goals), boards_of(passable), moves
    wp.launch(search, dim=24, inputs=[wp.from_torch(tensor) for tensor in inputs])
    found = [moves_by_search(*pair) for pair in zip(goals.tolist(), passable.tolist())]
    assert moves.tolist() == found
    assert len(set(found)) > 4


def test_who_has_arrived_searches_no_further():
    goals = torch.ones(1, SIDE, SIDE, dtype=torch.bool)
    arrived = torch.tensor([2], dtype=torch.int32)
    inputs = arrived, boards_of(goals), boards_of(goals), torch.zeros_like(arrived)
    wp.launch(search, dim=1, inputs=[wp.from_torch(tensor) for tensor in inputs])
    assert inputs[-1].tolist() == [2]


def test_chance_is_that_of_all_policies():
    generator = torch.Generator().manual_seed(1)
    seeds, counters = torch.randint(0, 1 << 62, (2, 1000), generator=generator)
    lots = torch.zeros(1000)
    arrays = [wp.from_torch(tensor) for tensor in (seeds, counters, lots)]
    wp.launch(draw_lots, dim=1000, inputs=arrays)
    assert torch.equal(lots, plain_uniform(seeds, counters))


@pytest.mark.parametrize("name", ["assembler_2", "training_facility_1", "machina_1"])
def test_maps_show_what_was_seen_where_it_is(name):
    mission = load_mission(name)
    simulation = Simulation(mission, 1)
    policy = make_policy(PolicySpec("baseline"), Game.of(mission))
    memory = policy.initial_state(mix_seeds(simulation.state.world_seed, mission.num_agents, 7))
    # The true map with so much around it that every board fits.
    width = simulation.tables.padded_width
    grid = simulation.state.grid.view(-1, width)
    agents = range(mission.num_agents)
    seen = torch.zeros(len(agents), *(side + 2 * SIDE for side in grid.shape), dtype=torch.bool)
    solid = torch.zeros(seen.shape[1:], dtype=torch.bool)
    first_agent = FIRST_STATION + simulation.tables.data["num_stations"]
    solid[SIDE:-SIDE, SIDE:-SIDE] = (grid >= WALL_CODE) & (grid < first_agent)
    near = mission.window_height // 2, mission.window_width // 2
    for _ in range(300):
        places = [divmod(cell, width) for cell in simulation.state.cell[0].tolist()]
        actions, memory = policy.act(simulation.observations.flatten(0, 1), memory)
        drawn = cells_of(memory.boards)
        for agent, place in zip(agents, places):
            window, board = (
                tuple(slice(SIDE + at - n, SIDE + at + n + 1) for at, n in zip(place, reach))
                for reach in (near, (RADIUS, RADIUS))
            )
            seen[agent][window] = True
            known = seen[agent][board].clone()
            seen[agent] = False  # what is off the board is forgotten
            seen[agent][board] = known
            assert torch.equal(drawn[agent, SEEN], known)
            assert torch.equal(drawn[agent, BLOCKED], known & solid[board])
        simulation.step(actions.view(1, -1))
    assert (seen.sum((1, 2)) > 2 * mission.window_height * mission.window_width).any()
