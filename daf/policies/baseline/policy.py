"""The scripted policy: what can be done in the game without learning.

Every agent draws a map of what it has seen (see `memory_map`) and follows a fixed order of needs:
recharge when energy is low; bring a heart to its chest; gather what the heart recipe lacks from
the nearest known source; make a heart at the assembler; explore while a station for this is
missing. Whatever the need, the nearest station that serves it is found by flooding the map, and
the agent takes one step towards it, or into it to use it.

Where a station gives more, or asks for less, the more agents stand around it, the first to come
wait there for the others, and such a source comes before all others. The cells around an assembler
are entered only to make a heart; where the recipe wants one agent alone there, the closest one
goes first and the others wait two cells away. Where it wants several, each brings its part, and who
has nothing of what they lack together makes room for others.
"""

from dataclasses import dataclass

import torch
import warp as wp

from daf.policies.baseline.bitboard import (
    SIDE,
    approach_cells,
    column_step,
    in_mask,
    is_set,
    moves_onto,
    row_step,
    shortest_path_moves,
)
from daf.policies.baseline.goals import EXPLORE, WAIT, choose_goal, is_target_kind, target_stations
from daf.policies.baseline.mapping import COOLING, FIRST_KIND, rasterize_window, update_map
from daf.policies.baseline.navigation import (
    agents_around,
    assembler_ring,
    goal_cells,
    passable_cells,
    pick_move,
)
from daf.policies.baseline.strategy import Strategy, build_strategy
from daf.policies.baseline.window import (
    ENERGY,
    Window,
    fill_planes,
    last_token_rank,
    self_value,
    window_of,
)
from daf.policies.game import Game
from daf.policies.policy import Policy
from daf.sim.random import FIRST_FACTOR, murmur3_finalizer
from daf.sim.simulation import torch_stream
from daf.sim.step import BLOCK_DIM, INLINE_FLAGS

RETRY_PROBABILITY = wp.constant(
    1 / 32
)  # chance per step to look again for what could not be reached
HESITATE_PROBABILITY = wp.constant(0.2)  # chance to stand still beside another agent
MAX_WAIT_STEPS = wp.constant(200)  # steps to wait beside a station for others
SIDESTEP_PROBABILITY = wp.constant(0.5)  # chance to move when idle beside another agent

AGENTS, RING, PASSABLE, GOALS, TARGETS, FRESH = (wp.constant(board) for board in range(6))
"""Boards of the sketch: what is only of use now; from FRESH on, the memory's as they are seen."""

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
    """What N agents remember.

    Attributes:
        boards: int64 [N, 3 + K, SIDE], maps: known, blocked, resting stations, one per kind.
        energy: int16 [N], before the last action.
        lost: bool [N], no way was found at the last step.
        explored: bool [N], no unknown cell can be reached.
        waited: int16 [N], steps beside a station, for others.
        seeds: int64 [N].
        step: int64 [N], acts so far.
    """

    boards: torch.Tensor
    energy: torch.Tensor
    path_not_found: torch.Tensor
    fully_explored: torch.Tensor
    wait_steps: torch.Tensor
    seeds: torch.Tensor
    step: torch.Tensor

    def reset_rows(self, over: torch.Tensor, fresh: "BaselineState") -> "BaselineState":
        """This memory, but a fresh one where an episode is over, bool [N]."""
        pairs = zip(vars(fresh).values(), vars(self).values())
        return BaselineState(
            *(torch.where(over.view(-1, *[1] * (b.dim() - 1)), a, b) for a, b in pairs)
        )


class Baseline(Policy):
    """Explores, gathers, assembles, delivers; see the module.

    Axes: N rows (agents), K useful kinds of stations.
    """

    def __init__(self, game: Game, device: str = "cpu"):
        super().__init__(game, device)
        self.strategy, features = build_strategy(game, device)
        self.window = window_of(game, features, device)
        self.boards = FIRST_KIND + self.strategy.type_id.size
        self.planes = len(features), self.window.height * self.window.width

    def initial_state(self, seeds: torch.Tensor) -> BaselineState:
        rows = len(seeds)
        return BaselineState(
            boards=seeds.new_zeros(rows, self.boards, SIDE),
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
        before = vars(state).values()
        after = [torch.empty_like(tensor) for tensor in before]
        actions = torch.empty_like(state.step)
        view = observations.new_zeros(len(observations), *self.planes)
        scratch = state.boards.new_empty(len(observations), FRESH + self.boards, SIDE)
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
            stream=torch_stream(observations.device),
        )
        return actions, BaselineState(*after)


@wp.kernel
def act_kernel(
    strategy: Strategy,
    window: Window,
    observations: wp.array2d(dtype=wp.vec3ub),
    # the memory before
    boards_before: wp.array3d(dtype=wp.int64),
    energy_before: wp.array(dtype=wp.int16),
    lost_before: wp.array(dtype=wp.bool),
    explored_before: wp.array(dtype=wp.bool),
    waited_before: wp.array(dtype=wp.int16),
    seeds_before: wp.array(dtype=wp.int64),
    step_before: wp.array(dtype=wp.int64),
    # the memory after
    boards_after: wp.array3d(dtype=wp.int64),
    energy_after: wp.array(dtype=wp.int16),
    lost_after: wp.array(dtype=wp.bool),
    explored_after: wp.array(dtype=wp.bool),
    waited_after: wp.array(dtype=wp.int16),
    seeds_after: wp.array(dtype=wp.int64),
    step_after: wp.array(dtype=wp.int64),
    # room to work in, and what is done
    views: wp.array3d(dtype=wp.uint8),
    sketches: wp.array3d(dtype=wp.int64),
    actions: wp.array(dtype=wp.int64),
):
    """One thread is one agent."""
    n = wp.tid()
    view, scratch, boards = views[n], sketches[n], boards_after[n]
    agents, ring, passable = scratch[AGENTS], scratch[RING], scratch[PASSABLE]
    goals, targets, fresh = scratch[GOALS], scratch[TARGETS], scratch[FRESH:]
    lost, explored = lost_before[n], explored_before[n]

    fill_planes(window, observations[n], view)
    energy = self_value(window, view, ENERGY)
    rasterize_window(
        strategy, window, view, last_token_rank(window, observations[n]), fresh, agents
    )
    before = boards_before[n]
    kinds = update_map(strategy, window, view, fresh, int(energy_before[n]), before, boards)
    assembler_ring(strategy, boards, kinds, ring)
    goal = choose_goal(strategy, window, view, boards, kinds, ring, agents, explored)

    # A station is reached from its sides: those cells are the goals, unless one is there.
    passable_cells(strategy, goal, boards, kinds, ring, agents, lost, passable)
    goal_cells(goal, boards, ring, goals)
    arrived = int(0)
    company = wp.vec4i(1, 1, 1, 1)  # that the stations reached by each move ask for
    for k in range(strategy.type_id.shape[0]):
        if is_target_kind(strategy, goal, k):
            target_stations(strategy, goal, boards, k, targets)
            for row in range(SIDE):
                goals[row] |= approach_cells(targets, row, strategy.moves[k])
            beside = moves_onto(targets)
            arrived |= beside & strategy.moves[k]
            for move in range(4):
                if in_mask(beside, move):
                    company[move] = wp.max(company[move], strategy.team_size[k])
    # Whoever stands on a goal is there to stay; going there would only lead away from a free one.
    for row in range(SIDE):
        goals[row] &= ~agents[row]
    there = is_set(goals, 0, 0) and is_set(passable, 0, 0)
    moves = shortest_path_moves(arrived, goals, passable)
    found = moves != 0

    # Two agents side by side would dodge each other for ever, so they hesitate now and then; who
    # stands in the way, or finds no way, steps aside.
    counter = wp.int64(2) * step_before[n]
    chance = uniform(seeds_before[n], counter)
    whim = uniform(seeds_before[n], counter + wp.int64(1))
    idle = not found or (goal.activity == WAIT and there)
    crowded = moves_onto(agents) != 0
    aside = idle and crowded and whim < SIDESTEP_PROBABILITY
    if aside:
        moves = moves_onto(passable)
    direction = pick_move(moves, chance)
    stay = crowded and whim < HESITATE_PROBABILITY
    if idle:
        stay = not aside
    if energy < strategy.move_energy or moves == 0:
        stay = True
    if is_set(boards[COOLING], row_step(direction), column_step(direction)):
        stay = True
    waits = 1 + agents_around(agents, direction) < company[direction]
    wait_steps = int(waited_before[n])
    if waits and wait_steps < MAX_WAIT_STEPS:
        stay = True

    actions[n] = wp.int64(direction + 1)
    if stay:
        actions[n] = wp.int64(0)
    energy_after[n] = wp.int16(energy)
    lost_after[n] = not found
    explored_after[n] = (explored and whim >= RETRY_PROBABILITY) or (
        goal.activity == EXPLORE and not found and lost
    )
    waited_after[n] = wp.int16(0)
    if waits:
        waited_after[n] = wp.int16(wait_steps + 1)
    seeds_after[n] = seeds_before[n]
    step_after[n] = step_before[n] + wp.int64(1)


@wp.func
def uniform(seed: wp.int64, counter: wp.int64) -> float:
    """The number of `daf.policies.chance.uniform`."""
    bits = murmur3_finalizer(
        murmur3_finalizer(wp.uint32(seed)) ^ (wp.uint32(counter) * FIRST_FACTOR)
    )
    return float(bits >> wp.uint32(8)) * 5.9604644775390625e-08
