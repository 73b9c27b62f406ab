"""Cooperative path finding: space-time A* in a window, with reservations.

D. Silver (2005), "Cooperative pathfinding": agents plan one after the other, and each path avoids
those of the agents before it (WHCA*).
"""

import heapq
from functools import cache

import numpy as np

WINDOW = 14
"""Steps of a path; beyond them an agent assumes the shortest path without other agents."""

NO_PATH = 1_000_000
"""Distance without a path."""

NOOP = 0
"""Index of the action noop; the moves N S W E follow."""


class Grid:
    """Free cells of a map as indices (row * W + column), with their neighbors.

    Args:
        free: bool [H, W], cells that agents can enter.
    """

    def __init__(self, free: np.ndarray):
        self.free = free
        self.width = free.shape[1]
        flat = free.ravel()
        self.offsets = (-self.width, self.width, -1, 1)
        self.neighbors: list[list[tuple[int, int]]] = [[] for _ in flat]
        for cell in np.flatnonzero(flat).tolist():
            self.neighbors[cell] = [
                (cell + offset, action)
                for action, offset in enumerate(self.offsets, start=1)
                if 0 <= cell + offset < len(flat) and flat[cell + offset]
            ]
        self.distances_to = cache(self._distances_to)

    def _distances_to(self, goal: int) -> list[int]:
        """Return the steps from each cell to `goal`."""
        steps = [NO_PATH] * len(self.neighbors)
        steps[goal] = 0
        front = [goal]
        while front:
            following = []
            for cell in front:
                for neighbor, _ in self.neighbors[cell]:
                    if steps[neighbor] == NO_PATH:
                        steps[neighbor] = steps[cell] + 1
                        following.append(neighbor)
            front = following
        return steps

    def action_towards(self, cell: int, neighbor: int) -> int:
        """Return the move from a cell to an adjacent one."""
        return 1 + self.offsets.index(neighbor - cell)


class PathReservations:
    """Paths of the agents that have planned, and the order of the agents in each step.

    Args:
        turn_order: int [WINDOW, A], turn of each agent in the next steps.
        agent_cells: cells of all agents now.
    """

    def __init__(self, turn_order: list[list[int]], agent_cells: list[int]):
        self.turn_order = turn_order
        self.cells = agent_cells
        self.paths: dict[int, list[int]] = {}

    def is_free(self, agent: int, step: int, cell: int, target: int) -> bool:
        """Return whether an agent can go from a cell to a target (or stay) in a step.

        An agent enters a cell in the step in which another one leaves it, if that one acts first.
        """
        turn_order = self.turn_order[step]
        if step == 0 and target != cell and target in self.cells:
            other = self.cells.index(target)
            if other not in self.paths:
                return False
        for other, path in self.paths.items():
            if path[step + 1] == target:
                return False
            if path[step] == target and turn_order[other] > turn_order[agent]:
                return False
            if (
                path[step + 1] == cell
                and path[step] != cell
                and turn_order[agent] > turn_order[other]
            ):
                return False
        return True


def find_path(
    grid: Grid,
    reservations: PathReservations,
    agent: int,
    start_and_goal: tuple[int, int],
    energies: tuple[int, int],
) -> list[int] | None:
    """Find a path of WINDOW + 1 cells with the earliest arrival, under the reservations.

    Args:
        grid: grid of the mission.
        reservations: paths of other agents.
        agent: agent that plans.
        start_and_goal: its cell and its goal.
        energies: energy of the agent, which regains 1 per step, and energy of a move.

    Returns:
        cells; None if every path meets a reservation.
    """
    start, goal = start_and_goal
    energy, move_energy = energies
    distances = grid.distances_to(goal)
    if distances[start] >= NO_PATH:
        return None
    # (estimated cost, -step, steps not at the goal, cell, energy)
    heap = [(distances[start], 0, 0, start, energy)]
    parents: dict[tuple[int, int], int] = {(start, 0): -1}
    closed = set()
    while heap:
        _, negative_step, cost, cell, energy = heapq.heappop(heap)
        step = -negative_step
        if (cell, step) in closed:
            continue
        closed.add((cell, step))
        if step == WINDOW:
            return _trace_path_back(parents, cell)
        options = [(cell, energy + 1)]
        if energy >= move_energy:
            after = energy - move_energy + 1
            options += [(neighbor, after) for neighbor, _ in grid.neighbors[cell]]
        for target, remaining in options:
            key = (target, step + 1)
            if key in parents or not reservations.is_free(agent, step, cell, target):
                continue
            new_cost = cost + (0 if target == goal == cell else 1)
            parents[key] = cell
            entry = (new_cost + distances[target], -step - 1, new_cost, target, remaining)
            heapq.heappush(heap, entry)
    return None


def _trace_path_back(parents: dict[tuple[int, int], int], last_cell: int) -> list[int]:
    path = [last_cell]
    for step in range(WINDOW, 0, -1):
        last_cell = parents[last_cell, step]
        path.append(last_cell)
    return path[::-1]
