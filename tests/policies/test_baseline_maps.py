"""Bitboards of the baseline against breadth-first search, true maps and torch random numbers."""

from collections import deque

import pytest
import torch
import warp as wp

from daf.missions import load_mission
from daf.policies import Game, PolicySpec, make_policy
from daf.policies.baseline.bitboard import RADIUS, SIDE, shortest_path_move_mask
from daf.policies.baseline.kernel import uniform
from daf.policies.baseline.mapping import BLOCKED, SEEN
from daf.policies.chance import derive_row_seeds
from daf.policies.chance import uniform as torch_uniform
from daf.sim.simulation import Simulation
from daf.sim.tables.codes import FIRST_STATION, WALL_CODE

STEPS = ((-1, 0), (1, 0), (0, -1), (0, 1))


@wp.kernel(enable_backward=False)
def search_kernel(
    arrived: wp.array(dtype=wp.int32),
    goals: wp.array2d(dtype=wp.int64),
    passable: wp.array2d(dtype=wp.int64),
    moves: wp.array(dtype=wp.int32),
):
    n = wp.tid()
    moves[n] = shortest_path_move_mask(arrived[n], goals[n], passable[n])


@wp.kernel(enable_backward=False)
def uniform_kernel(
    seeds: wp.array(dtype=wp.int64),
    counters: wp.array(dtype=wp.int64),
    uniforms: wp.array(dtype=wp.float32),
):
    n = wp.tid()
    uniforms[n] = uniform(seeds[n], counters[n])


def cells_to_boards(cells):
    """Convert cells bool [N, SIDE, SIDE] to boards int64 [N, SIDE]."""
    return (cells.long() << torch.arange(SIDE)).sum(2)


def boards_to_cells(boards):
    """Convert boards int64 [..., SIDE] to cells bool [..., SIDE, SIDE]."""
    return (boards[..., None] >> torch.arange(SIDE) & 1).bool()


def moves_by_search(goals, passable):
    """Return the first moves of all shortest paths, by breadth-first search."""

    def distance(start):
        queue = deque([(start, 0)])
        reached = {start}
        while queue:
            (row, column), steps = queue.popleft()
            if not (0 <= row < SIDE and 0 <= column < SIDE and passable[row][column]):
                continue
            if goals[row][column]:
                return steps
            for r, c in STEPS:
                cell = row + r, column + c
                if cell not in reached:
                    reached.add(cell)
                    queue.append((cell, steps + 1))
        return None

    distances = [distance((RADIUS + r, RADIUS + c)) for r, c in STEPS]
    minimum = min((d for d in distances if d is not None), default=None)
    return sum(1 << move for move, d in enumerate(distances) if d is not None and d == minimum)


@pytest.mark.parametrize("wall_fraction", [0.0, 0.2, 0.4])
@pytest.mark.parametrize("goal_fraction", [0.0005, 0.01])
def test_first_moves_equal_breadth_first_search(wall_fraction, goal_fraction):
    generator = torch.Generator().manual_seed(1)
    uniforms = torch.rand(2, 24, SIDE, SIDE, generator=generator)
    goals, passable = uniforms[0] < goal_fraction, uniforms[1] >= wall_fraction
    moves = torch.zeros(24, dtype=torch.int32)
    inputs = torch.zeros_like(moves), cells_to_boards(goals), cells_to_boards(passable), moves
    wp.launch(search_kernel, dim=24, inputs=[wp.from_torch(tensor) for tensor in inputs])
    expected = [moves_by_search(*pair) for pair in zip(goals.tolist(), passable.tolist())]
    assert moves.tolist() == expected
    assert len(set(expected)) > 4


def test_arrived_agents_do_not_search():
    goals = torch.ones(1, SIDE, SIDE, dtype=torch.bool)
    arrived = torch.tensor([2], dtype=torch.int32)
    inputs = arrived, cells_to_boards(goals), cells_to_boards(goals), torch.zeros_like(arrived)
    wp.launch(search_kernel, dim=1, inputs=[wp.from_torch(tensor) for tensor in inputs])
    assert inputs[-1].tolist() == [2]


def test_kernel_random_numbers_equal_torch():
    generator = torch.Generator().manual_seed(1)
    seeds, counters = torch.randint(0, 1 << 62, (2, 1000), generator=generator)
    uniforms = torch.zeros(1000)
    arrays = [wp.from_torch(tensor) for tensor in (seeds, counters, uniforms)]
    wp.launch(uniform_kernel, dim=1000, inputs=arrays)
    assert torch.equal(uniforms, torch_uniform(seeds, counters))


@pytest.mark.parametrize("name", ["assembler_2", "training_facility_1", "machina_1"])
def test_maps_equal_the_true_map_where_seen(name):
    mission = load_mission(name)
    simulation = Simulation(mission, 1)
    policy = make_policy(PolicySpec("baseline"), Game.of(mission))
    state = policy.initial_state(
        derive_row_seeds(simulation.state.world_seed, mission.num_agents, 7)
    )
    # True map with padding, so that every board is inside.
    width = simulation.tables.padded_width
    grid = simulation.state.grid.view(-1, width)
    agents = range(mission.num_agents)
    seen = torch.zeros(len(agents), *(side + 2 * SIDE for side in grid.shape), dtype=torch.bool)
    solid = torch.zeros(seen.shape[1:], dtype=torch.bool)
    first_agent = FIRST_STATION + simulation.tables.data["num_stations"]
    solid[SIDE:-SIDE, SIDE:-SIDE] = (grid >= WALL_CODE) & (grid < first_agent)
    window_reach = mission.window_height // 2, mission.window_width // 2
    for _ in range(300):
        positions = [divmod(cell, width) for cell in simulation.state.cell[0].tolist()]
        actions, state = policy.act(simulation.observations.flatten(0, 1), state)
        maps = boards_to_cells(state.boards)
        for agent, position in zip(agents, positions):
            window, board = (
                tuple(slice(SIDE + i - n, SIDE + i + n + 1) for i, n in zip(position, reach))
                for reach in (window_reach, (RADIUS, RADIUS))
            )
            seen[agent][window] = True
            seen_on_board = seen[agent][board].clone()
            seen[agent] = False  # cells outside the board are forgotten
            seen[agent][board] = seen_on_board
            assert torch.equal(maps[agent, SEEN], seen_on_board)
            assert torch.equal(maps[agent, BLOCKED], seen_on_board & solid[board])
        simulation.step(actions.view(1, -1))
    assert (seen.sum((1, 2)) > 2 * mission.window_height * mission.window_width).any()
