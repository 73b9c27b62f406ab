"""World view: the state of one world in the simulator, and the rules of its stations."""

import numpy as np

from daf.planner.paths import Grid
from daf.planner.routes import RouteMap
from daf.planner.visits import Visit
from daf.sim.simulation import Simulation
from daf.sim.tables.codes import CHEST_KIND, ENERGY, NUM_POSITIONS, NUM_RESOURCES

GIVE_UP_AFTER = 120
"""Steps after which a visit ends that waits for energy or a formation."""

WAIT = -1
"""Choice of `choose_user`: nobody uses the station in this step."""


class WorldView:
    """State of the only world of a simulation, as arrays that follow it.

    Args:
        routes: routes of the mission.
        grid: grid of the mission.
        simulation: simulation with one world.

    Attributes:
        inventory: uint8 [A, R], carried amounts.
        success: bool [A], success of the last action.
        station_cells: cell of each station.
        chest_cells: cell from which agents store hearts, by station.
    """

    def __init__(self, routes: RouteMap, grid: Grid, simulation: Simulation):
        self.routes, self.grid = routes, grid
        self.data = routes.tables.data
        self.types = self.data["station_type"][0]
        state = simulation.state
        self.inventory = state.inventory[0].numpy()
        self.success = state.success[0].numpy()
        self._padded_cells = state.cell[0].numpy()
        self._cooldown_end = state.cooldown_end[0].numpy()
        self._cooldown_duration = state.cooldown_duration[0].numpy()
        self._uses = state.uses[0].numpy()
        self._stock = state.stock[0].numpy()
        self.station_cells = [routes.cell_index(cell) for cell in routes.stations]
        self.chest_cells = {
            station: routes.cell_index(routes.node_cells[station * NUM_POSITIONS + side])
            for station, (side, delta) in enumerate(zip(routes.sides, routes.deltas))
            if delta > 0
        }

    def agent_cells(self) -> list[int]:
        """Return the cells of the agents."""
        tables = self.routes.tables
        rows, columns = np.divmod(self._padded_cells, tables.padded_width)
        cells = (rows - tables.pad_rows) * self.grid.width + columns - tables.pad_columns
        return cells.tolist()

    def can_act(self, agent: int) -> bool:
        """Return whether an agent has the energy of a move."""
        return bool(self.inventory[agent, ENERGY] >= self.data["move_energy"])

    def room_for(self, agent: int, resource: int) -> int:
        """Return the amount of a resource that an agent can still take."""
        group = int(self.data["limit_group_mask"][resource]) | 1 << resource
        amounts = self.inventory[agent].tolist()
        total = sum(amounts[other] for other in range(NUM_RESOURCES) if group >> other & 1)
        return max(int(self.data["limit"][resource]) - total, 0)

    def find_recipe(self, station: int, cells: list[int]) -> int:
        """Return the recipe of a station with agents on these cells; -1 without one."""
        mask = 0
        for position in range(NUM_POSITIONS):
            node = station * NUM_POSITIONS + position
            if self.routes.cell_index(self.routes.node_cells[node]) in cells:
                mask |= 1 << position
        return int(self.data["recipe"][self.types[station], mask])

    def choose_user(self, visit: Visit, cells: list[int], step: int) -> int | None:
        """Choose the member that uses the station, by the rules of the forecast.

        Args:
            visit: visit whose members are at the station.
            cells: cells of all agents.
            step: number of steps before this one.

        Returns:
            agent; WAIT if nobody uses the station now, None if the visit is over.
        """
        station = visit.station
        if visit.uses <= 0:
            return None
        if self.data["station_kind"][self.types[station]] == CHEST_KIND:
            return self._choose_chest_user(visit)
        limit = self.data["max_uses"][self.types[station]]
        if limit and self._uses[station] >= limit:
            return None
        recipe = self.find_recipe(station, cells)
        if recipe < 0:
            return self._wait(visit)
        outputs = self.data["recipe_output"][recipe].tolist()
        product = next((r for r, amount in enumerate(outputs) if amount), None)
        if product is None:
            return None
        user = self._choose_member_with_most_room(visit, cells, product)
        inputs = self.data["recipe_input"][recipe].tolist()
        pooled = self.inventory[list(visit.cells)].astype(int).sum(axis=0) & 255
        if user is None or any(
            pooled[r] < amount for r, amount in enumerate(inputs) if r != ENERGY
        ):
            return None
        room = self.room_for(user, product)
        wanted = 1 if product == ENERGY else min(visit.expected_gain, room, outputs[product])
        if not self._is_ready(visit, outputs[product], max(wanted, 1), step + 1):
            return WAIT
        if not self.can_act(user) or pooled[ENERGY] < inputs[ENERGY]:
            return self._wait(visit)
        return user

    def _choose_member_with_most_room(
        self, visit: Visit, cells: list[int], product: int
    ) -> int | None:
        """Return the member at a side with the most room; among several, the nearest to a chest."""
        station_cell = self.station_cells[visit.station]
        chest_cell = next(iter(self.chest_cells.values()), station_cell)
        to_chest = self.grid.distances_to(chest_cell)
        at_side = [m for m in visit.cells if cells[m] - station_cell in self.grid.offsets]
        candidates = [m for m in at_side if self.room_for(m, product)]
        return max(
            candidates,
            key=lambda m: (self.room_for(m, product), -to_chest[cells[m]], -m),
            default=None,
        )

    def _is_ready(self, visit: Visit, amount: int, wanted: int, now: int) -> bool:
        """Return whether the cooldown allows a use, and members do not wait for more output.

        Args:
            visit: visit whose members are at the station.
            amount: output of a use after the cooldown.
            wanted: output of the use in the forecast, at least 1.
            now: step of the use.
        """
        end = int(self._cooldown_end[visit.station])
        duration = int(self._cooldown_duration[visit.station])
        if end <= now:
            return True
        elapsed = now - (end - duration)
        is_partial = bool(self.data["partial"][self.types[visit.station]])
        wants = 8 * elapsed >= duration * visit.eighths
        return is_partial and wants and amount * elapsed // duration >= wanted

    def _choose_chest_user(self, visit: Visit) -> int | None:
        agent = next(iter(visit.cells))
        resource = int(self.data["chest_resource"][self.types[visit.station]])
        if visit.station in self.chest_cells:
            is_useful = self.inventory[agent, resource] > 0
        else:
            is_useful = self._stock[visit.station] and self.room_for(agent, resource)
        if not is_useful:
            return None
        return agent if self.can_act(agent) else self._wait(visit)

    def _wait(self, visit: Visit) -> int | None:
        visit.wait_steps += 1
        return None if visit.wait_steps > GIVE_UP_AFTER else WAIT
