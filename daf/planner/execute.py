"""Execution: turn a schedule into actions, step by step in the simulator."""

import numpy as np
import torch

from daf.planner.paths import NOOP, WINDOW, Grid, PathReservations, find_path
from daf.planner.routes import RouteMap
from daf.planner.sides import change_cells_of_blocked_agents
from daf.planner.visits import Visit, build_visits
from daf.planner.world_view import WAIT, WorldView
from daf.sim.simulation import Simulation
from daf.sim.tables.codes import ENERGY, HEART


class Execution:
    """One episode of a schedule in one world.

    Args:
        routes: routes of the mission.
        schedule: int32 [L, 5], fields of the visits.
        world_seed: seed of the world.
    """

    def __init__(self, routes: RouteMap, schedule: np.ndarray, world_seed: int):
        self.routes = routes
        self.mission = routes.mission
        self.grid = Grid(routes.free)
        self.simulation = Simulation(routes.mission, 1, threads=1)
        world_seeds = torch.tensor([world_seed])
        self.turn_order = simulate_turn_order(self.simulation, world_seeds)
        self.simulation.reset(world_seeds=world_seeds)
        self.view = WorldView(routes, self.grid, self.simulation)
        visits = build_visits(routes, schedule)
        agents = range(self.mission.num_agents)
        self.queues = [
            [visit for visit in visits if agent in visit.cell_by_agent] for agent in agents
        ]
        self._makes_heart = routes.struct.makes_heart.numpy()
        self._heart_limit = int(self.view.data["limit"][HEART])
        self._blocked = [0 for _ in agents]
        self._last_uses: list[tuple[int, Visit]] = []

    def run(self) -> tuple[np.ndarray, int]:
        """Play the episode.

        Returns:
            actions: uint8 [L, A].
            score: hearts.
        """
        actions = np.zeros((self.mission.max_steps, self.mission.num_agents), dtype=np.uint8)
        for step in range(self.mission.max_steps):
            actions[step] = self.choose_actions(step)
            self.simulation.step(torch.from_numpy(actions[step][None].astype(np.int64)))
        return actions, int(self.simulation.score()[0])

    def choose_actions(self, step: int) -> list[int]:
        """Choose the action of every agent in the next step.

        Args:
            step: number of steps before this one.
        """
        for agent, visit in self._last_uses:
            visit.remaining_uses += not self.view.success[agent]
        self._last_uses = []
        cells = self.view.agent_cells()
        current = [self._current_visit(agent) for agent in range(len(cells))]
        change_cells_of_blocked_agents(self.view, current, self.queues, cells, self._blocked)
        goals = list(cells)
        station_cells: dict[int, int] = {}
        for agent in range(len(cells)):
            self._set_goal_cell_or_station_use(agent, step, cells, goals, station_cells)
        actions = self._plan_moves(step, cells, goals, set(station_cells))
        for agent, station_cell in station_cells.items():
            actions[agent] = self.grid.action_towards(cells[agent], station_cell)
        return actions

    def _current_visit(self, agent: int) -> Visit | None:
        """Return the next visit of an agent; None if it stores a heart before."""
        queue = self.queues[agent]
        while queue and queue[0].is_over:
            queue.pop(0)
        hearts = int(self.view.inventory[agent, HEART])
        if not queue:
            return None
        visit = queue[0]
        is_full = hearts >= self._heart_limit and self._makes_heart[visit.station]
        return None if is_full and not visit.has_started else visit

    def _set_goal_cell_or_station_use(
        self,
        agent: int,
        step: int,
        agent_cells: list[int],
        goal_cells_out: list[int],
        used_station_cell_by_agent_out: dict[int, int],
    ) -> None:
        """Write the goal of an agent, or the station that a member of its visit uses now."""
        while True:
            visit = self._current_visit(agent)
            if visit is None:
                if self.view.inventory[agent, HEART]:
                    self._set_goal_to_chest_or_use_chest(
                        agent, agent_cells, goal_cells_out, used_station_cell_by_agent_out
                    )
                return
            goal_cells_out[agent] = visit.cell_by_agent[agent]
            is_complete = all(
                agent_cells[member] == cell and self._current_visit(member) is visit
                for member, cell in visit.cell_by_agent.items()
            )
            is_next = visit.predecessor is None or visit.predecessor.is_over
            if not is_complete or not is_next or visit.last_ready_step == step:
                return
            visit.last_ready_step, visit.has_started = step, True
            user = self.view.choose_station_user(visit, agent_cells, step)
            if user is not None:
                break
            visit.is_over = True
        if user != WAIT:
            used_station_cell_by_agent_out[user] = self.view.station_cells[visit.station]
            visit.remaining_uses -= 1
            visit.wait_steps = 0
            self._last_uses.append((user, visit))

    def _set_goal_to_chest_or_use_chest(
        self,
        agent: int,
        agent_cells: list[int],
        goal_cells_out: list[int],
        used_station_cell_by_agent_out: dict[int, int],
    ) -> None:
        steps = {
            station: self.grid.distances_to(cell)[agent_cells[agent]]
            for station, cell in self.view.chest_cells.items()
        }
        if not steps:
            return
        station = min(steps, key=lambda station: (steps[station], station))
        goal_cells_out[agent] = self.view.chest_cells[station]
        if agent_cells[agent] == goal_cells_out[agent] and self.view.has_energy_to_move(agent):
            used_station_cell_by_agent_out[agent] = self.view.station_cells[station]

    def _plan_moves(
        self, step: int, agent_cells: list[int], goal_cells: list[int], station_users: set[int]
    ) -> list[int]:
        """Return the moves of all agents; those that use a station stay.

        Agents that were blocked for long plan first, then agents at their goal.
        """
        agents = range(len(agent_cells))
        last = len(self.turn_order) - 1
        turn_order = [self.turn_order[min(step + k, last)] for k in range(WINDOW)]
        reservations = PathReservations(turn_order, agent_cells)
        for agent in station_users:
            reservations.paths[agent] = [agent_cells[agent]] * (WINDOW + 1)
        steps = [self.grid.distances_to(goal_cells[a])[agent_cells[a]] for a in agents]
        movers = [a for a in agents if a not in station_users]
        movers.sort(key=lambda a: (-(self._blocked[a] // 4), steps[a] > 0, -steps[a], a))
        for agent in movers:
            energy = int(self.view.inventory[agent, ENERGY])
            ends = agent_cells[agent], goal_cells[agent]
            costs = energy, self.mission.move_energy
            path = find_path(self.grid, reservations, agent, ends, costs)
            reservations.paths[agent] = path or [agent_cells[agent]] * (WINDOW + 1)
        targets = [reservations.paths[agent][1] for agent in agents]
        _cancel_collisions(turn_order[0], agent_cells, targets)
        for agent in movers:
            remaining = self.grid.distances_to(goal_cells[agent])[targets[agent]]
            makes_progress = remaining < steps[agent] or not steps[agent]
            is_blocked = self.view.has_energy_to_move(agent) and not makes_progress
            self._blocked[agent] = self._blocked[agent] + 1 if is_blocked else 0
        return [
            NOOP if cell == target else self.grid.action_towards(cell, target)
            for cell, target in zip(agent_cells, targets)
        ]


def _cancel_collisions(turn_order: list[int], cells: list[int], targets: list[int]) -> None:
    """Let agents stay whose target is not free at their turn."""
    agents = range(len(cells))
    has_changed = True
    while has_changed:
        has_changed = False
        for agent in agents:
            target = targets[agent]
            if target == cells[agent]:
                continue
            for other in agents:
                stays = cells[other] == target and (
                    targets[other] == target or turn_order[other] > turn_order[agent]
                )
                arrives = targets[other] == target and turn_order[other] < turn_order[agent]
                if other != agent and (stays or arrives):
                    targets[agent] = cells[agent]
                    has_changed = True
                    break


def simulate_turn_order(simulation: Simulation, world_seeds: torch.Tensor) -> list[list[int]]:
    """Return the turn of each agent in every step, [L, A]; actions do not affect it.

    Args:
        simulation: simulation with one world, which is reset.
        world_seeds: int64 [1], seed of the world.
    """
    simulation.reset(world_seeds=world_seeds)
    noops = torch.zeros((1, simulation.num_agents), dtype=torch.int64)
    turn_order = []
    for _ in range(simulation.mission.max_steps):
        simulation.step(noops)
        turn_order.append(simulation.state.order[0].argsort().tolist())
    return turn_order
