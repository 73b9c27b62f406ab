"""Baseline: scripted policy for every mission, computed by one Warp kernel.

Every agent updates a map of all that it has seen (see `mapping`) and chooses the first possible
activity (see `goals`): recharge at low energy; deliver a heart to its chest; gather a missing
resource from the nearest known source; make a heart at the assembler; explore. A flood fill of the
map finds the nearest target station, and the agent takes one step towards it or into it.

At a station whose output per agent grows with the agents around it, the first agents wait for
others; such sources come before all other sources. Agents enter the cells around an assembler only
to make a heart. If the recipe needs exactly one agent, the closest agent goes first and the others
wait two cells away. If it needs several, each brings its part, and an agent that carries nothing of
a missing resource makes room for others.
"""

from dataclasses import dataclass

import torch
import warp as wp

from daf.policies.baseline.bitboard import (
    SIDE,
    approach_cells_in_row,
    column_change,
    find_move_mask_onto,
    in_mask,
    is_set,
    row_change,
    shortest_path_move_mask,
)
from daf.policies.baseline.goals import (
    EXPLORE,
    WAIT,
    choose_goal,
    is_target_kind,
    write_target_stations,
)
from daf.policies.baseline.mapping import (
    COOLING,
    FIRST_KIND,
    find_station_kind_mask,
    rasterize_window,
    update_map,
)
from daf.policies.baseline.navigation import (
    count_agents_around_destination,
    pick_random_move,
    write_cells_around_assemblers,
    write_explore_or_wait_cells,
    write_passable_cells,
)
from daf.policies.baseline.strategy import Strategy, build_strategy, list_observed_features
from daf.policies.baseline.window import (
    ENERGY,
    Window,
    add_tokens_to_planes,
    agent_cell_value,
    build_window,
    find_first_unseen_rank,
)
from daf.policies.game import Game
from daf.policies.policy import Policy
from daf.sim.random import FIRST_FACTOR, murmur3_finalizer
from daf.sim.simulation import current_torch_stream
from daf.sim.step import BLOCK_DIM, INLINE_FLAGS

RETRY_PROBABILITY = wp.constant(1 / 32)  # per step: explore again when nothing was reachable
HESITATE_PROBABILITY = wp.constant(0.2)  # per step: noop beside another agent
MAX_WAIT_STEPS = wp.constant(200)  # steps to wait at a station for other agents
SIDESTEP_PROBABILITY = wp.constant(0.5)  # per step: move when idle beside another agent

AGENTS, RING, PASSABLE, GOALS, TARGETS, OBSERVED = (wp.constant(board) for board in range(6))
"""Boards of the scratch memory; OBSERVED is the first of 3 + B observed boards of the map."""

wp.set_module_options(
    {
        "enable_backward": False,
        "fuse_fp": False,
        "cpu_compiler_flags": f"-march=native {INLINE_FLAGS}",
        "block_dim": BLOCK_DIM,
    }
)


@dataclass(frozen=True)
class BaselineState:
    """Policy state of N rows.

    Attributes:
        boards: int64 [N, 3 + B, SIDE], maps: seen cells, blocked cells, stations on cooldown, and
            one board per kind.
        energy: int16 [N], energy before the last action.
        path_not_found: bool [N], no path was found at the last step.
        fully_explored: bool [N], no unseen cell is reachable.
        wait_steps: int16 [N], steps of waiting at a station for other agents.
        seeds: int64 [N], seeds of the rows.
        step: int64 [N], number of calls of `act`.
    """

    boards: torch.Tensor
    energy: torch.Tensor
    path_not_found: torch.Tensor
    fully_explored: torch.Tensor
    wait_steps: torch.Tensor
    seeds: torch.Tensor
    step: torch.Tensor

    def reset_rows(self, dones: torch.Tensor, initial_state: "BaselineState") -> "BaselineState":
        """Return this state with the rows of finished episodes replaced.

        Args:
            dones: bool [N], rows of finished episodes.
            initial_state: state of N rows at the start of an episode.
        """
        pairs = zip(vars(initial_state).values(), vars(self).values())
        return BaselineState(
            *(torch.where(dones.view(-1, *[1] * (b.dim() - 1)), a, b) for a, b in pairs)
        )


class Baseline(Policy):
    """Scripted policy that explores, gathers, assembles and delivers; see the module.

    Axes: N rows, B useful station types (kinds).
    """

    def __init__(self, game: Game, device: str = "cpu"):
        super().__init__(game, device)
        features = list_observed_features(game)
        self.strategy = build_strategy(game, features, device)
        self.window = build_window(game, features, device)
        self.num_boards = FIRST_KIND + self.strategy.type_id.size
        self.view_shape = len(features), self.window.height * self.window.width

    def initial_state(self, seeds: torch.Tensor) -> BaselineState:
        """Return the state at the start of an episode: empty maps and zero counters."""
        rows = len(seeds)
        return BaselineState(
            boards=seeds.new_zeros(rows, self.num_boards, SIDE),
            energy=seeds.new_zeros(rows, dtype=torch.int16),
            path_not_found=seeds.new_zeros(rows, dtype=torch.bool),
            fully_explored=seeds.new_zeros(rows, dtype=torch.bool),
            wait_steps=seeds.new_zeros(rows, dtype=torch.int16),
            seeds=seeds,
            step=torch.zeros_like(seeds),
        )

    def act(
        self, observations: torch.Tensor, state: BaselineState
    ) -> tuple[torch.Tensor, BaselineState]:
        """Update the maps from the observations and choose an action for every row."""
        before = vars(state).values()
        after = [torch.empty_like(tensor) for tensor in before]
        actions = torch.empty_like(state.step)
        view = observations.new_zeros(len(observations), *self.view_shape)
        scratch = state.boards.new_empty(len(observations), OBSERVED + self.num_boards, SIDE)
        arrays = [
            wp.from_torch(tensor, return_ctype=True)
            for tensor in (*before, *after, view, scratch, actions)
        ]
        tokens = wp.from_torch(observations.contiguous(), dtype=wp.vec3ub, return_ctype=True)
        wp.launch(
            act_kernel,
            dim=len(observations),
            inputs=[self.strategy, self.window, tokens, *arrays],
            device=str(observations.device),
            stream=current_torch_stream(observations.device),
        )
        return actions, BaselineState(*after)


@wp.kernel
def act_kernel(
    strategy: Strategy,
    window: Window,
    observations: wp.array2d(dtype=wp.vec3ub),
    # state in
    boards_before: wp.array3d(dtype=wp.int64),
    energy_before: wp.array(dtype=wp.int16),
    path_not_found_before: wp.array(dtype=wp.bool),
    fully_explored_before: wp.array(dtype=wp.bool),
    wait_steps_before: wp.array(dtype=wp.int16),
    seeds_before: wp.array(dtype=wp.int64),
    step_before: wp.array(dtype=wp.int64),
    # state out
    boards_after: wp.array3d(dtype=wp.int64),
    energy_after: wp.array(dtype=wp.int16),
    path_not_found_after: wp.array(dtype=wp.bool),
    fully_explored_after: wp.array(dtype=wp.bool),
    wait_steps_after: wp.array(dtype=wp.int16),
    seeds_after: wp.array(dtype=wp.int64),
    step_after: wp.array(dtype=wp.int64),
    # scratch memory
    views: wp.array3d(dtype=wp.uint8),
    scratches: wp.array3d(dtype=wp.int64),
    # actions out
    actions: wp.array(dtype=wp.int64),
):
    """Choose the action of one row; dim = N.

    `views` is uint8 [N, planes, P], filled with zeros; `scratches` is int64 [N, 5 + 3 + B, SIDE].
    """
    n = wp.tid()
    view, scratch, boards = views[n], scratches[n], boards_after[n]
    agents, ring, passable = scratch[AGENTS], scratch[RING], scratch[PASSABLE]
    goals, targets, observed = scratch[GOALS], scratch[TARGETS], scratch[OBSERVED:]
    path_not_found, fully_explored = path_not_found_before[n], fully_explored_before[n]

    # map: observation to planes to bitboards, merged with the remembered map
    add_tokens_to_planes(window, observations[n], view)
    energy = agent_cell_value(window, view, ENERGY)
    rasterize_window(
        strategy, window, view, find_first_unseen_rank(window, observations[n]), observed, agents
    )
    old_boards = boards_before[n]
    update_map(strategy, window, view, observed, int(energy_before[n]), old_boards, boards)
    kinds_on_map_mask = find_station_kind_mask(boards)

    # goal: the most urgent activity
    write_cells_around_assemblers(strategy, boards, kinds_on_map_mask, ring)
    goal = choose_goal(
        strategy, window, view, boards, kinds_on_map_mask, ring, agents, fully_explored
    )

    # goal cells: the cells from which a move uses a target station
    write_passable_cells(
        strategy, goal, boards, kinds_on_map_mask, ring, agents, path_not_found, passable
    )
    write_explore_or_wait_cells(goal, boards, ring, goals)
    arrived = int(0)
    team_size = wp.vec4i(1, 1, 1, 1)  # per move: agents wanted around the station it reaches
    for kind in range(strategy.type_id.shape[0]):
        if is_target_kind(strategy, goal, kind):
            write_target_stations(strategy, goal, boards, kind, targets)
            for row in range(SIDE):
                goals[row] |= approach_cells_in_row(targets, row, strategy.moves[kind])
            adjacent = find_move_mask_onto(targets)
            arrived |= adjacent & strategy.moves[kind]
            for move in range(4):
                if in_mask(adjacent, move):
                    team_size[move] = wp.max(team_size[move], strategy.team_size[kind])
    # an agent on a goal cell stays there, so the cell is no goal of others
    for row in range(SIDE):
        goals[row] &= ~agents[row]

    # shortest path: set of first moves
    is_on_goal = is_set(goals, 0, 0) and is_set(passable, 0, 0)
    moves = shortest_path_move_mask(arrived, goals, passable)
    has_path = moves != 0

    # random moves: hesitation and sidesteps resolve deadlocks between adjacent agents
    counter = wp.int64(2) * step_before[n]
    u_direction = uniform(seeds_before[n], counter)
    u_behavior = uniform(seeds_before[n], counter + wp.int64(1))
    is_idle = not has_path or (goal.activity == WAIT and is_on_goal)
    is_crowded = find_move_mask_onto(agents) != 0
    sidestep = is_idle and is_crowded and u_behavior < SIDESTEP_PROBABILITY
    if sidestep:
        moves = find_move_mask_onto(passable)
    direction = pick_random_move(moves, u_direction)

    # noop: idle, hesitating, out of energy, station on cooldown, or waiting for a team
    noop = is_crowded and u_behavior < HESITATE_PROBABILITY
    if is_idle:
        noop = not sidestep
    if energy < strategy.move_energy or moves == 0:
        noop = True
    if is_set(boards[COOLING], row_change(direction), column_change(direction)):
        noop = True
    lacks_team = 1 + count_agents_around_destination(agents, direction) < team_size[direction]
    wait_steps = int(wait_steps_before[n])
    if lacks_team and wait_steps < MAX_WAIT_STEPS:
        noop = True

    # outputs
    actions[n] = wp.int64(direction + 1)
    if noop:
        actions[n] = wp.int64(0)
    energy_after[n] = wp.int16(energy)
    path_not_found_after[n] = not has_path
    fully_explored_after[n] = (fully_explored and u_behavior >= RETRY_PROBABILITY) or (
        goal.activity == EXPLORE and not has_path and path_not_found
    )
    wait_steps_after[n] = wp.int16(0)
    if lacks_team:
        wait_steps_after[n] = wp.int16(wait_steps + 1)
    seeds_after[n] = seeds_before[n]
    step_after[n] = step_before[n] + wp.int64(1)


@wp.func
def uniform(seed: wp.int64, counter: wp.int64) -> float:
    """Return the uniform number of `daf.policies.chance.uniform`."""
    bits = murmur3_finalizer(
        murmur3_finalizer(wp.uint32(seed)) ^ (wp.uint32(counter) * FIRST_FACTOR)
    )
    return float(bits >> wp.uint32(8)) * 5.9604644775390625e-08
