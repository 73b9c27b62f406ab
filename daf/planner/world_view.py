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
"""Choice of `choose_station_user`: nobody uses the station in this step."""


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

    def has_energy_to_move(self, agent: int) -> bool:
        """Return whether an agent has the energy of a move."""
        return bool(self.inventory[agent, ENERGY] >= self.data["move_energy"])

    def room_for(self, agent: int, resource: int) -> int:
        """Return the amount of a resource that an agent can still take."""
        group = int(self.data["limit_group_mask"][resource]) | 1 << resource
        amounts = self.inventory[agent].tolist()
        total = sum(amounts[other] for other in range(NUM_RESOURCES) if group >> other & 1)
        return max(int(self.data["limit"][resource]) - total, 0)

    def find_recipe(self, station: int, agent_cells: list[int]) -> int:
        """Return the recipe of a station with agents on these cells; -1 without one."""
        mask = 0
        for position in range(NUM_POSITIONS):
            node = station * NUM_POSITIONS + position
            if self.routes.cell_index(self.routes.node_cells[node]) in agent_cells:
                mask |= 1 << position
        return int(self.data["recipe"][self.types[station], mask])

    def choose_station_user(self, visit: Visit, agent_cells: list[int], step: int) -> int | None:
        """Choose the member that uses the station, by the rules of the forecast.

        Args:
            visit: visit whose members are at the station.
            agent_cells: cells of all agents.
            step: number of steps before this one.

        Returns:
            agent; WAIT if nobody uses the station now, None if the visit is over.
        """
        station = visit.station
        if visit.remaining_uses <= 0:
            return None
        if self.data["station_kind"][self.types[station]] == CHEST_KIND:
            return self._choose_chest_user(visit)
        limit = self.data["max_uses"][self.types[station]]
        if limit and self._uses[station] >= limit:
            return None
        recipe = self.find_recipe(station, agent_cells)
        if recipe < 0:
            return self._wait_or_give_up(visit)
        outputs = self.data["recipe_output"][recipe].tolist()
        product = next((r for r, amount in enumerate(outputs) if amount), None)
        if product is None:
            return None
        user = self._choose_member_with_most_room(visit, agent_cells, product)
        inputs = self.data["recipe_input"][recipe].tolist()
        pooled = self.inventory[list(visit.cell_by_agent)].astype(int).sum(axis=0) & 255
        if user is None or any(
            pooled[r] < amount for r, amount in enumerate(inputs) if r != ENERGY
        ):
            return None
        room = self.room_for(user, product)
        wanted = 1 if product == ENERGY else min(visit.expected_gain, room, outputs[product])
        if not self._is_use_allowed_and_worthwhile(
            visit, outputs[product], max(wanted, 1), step + 1
        ):
            return WAIT
        if not self.has_energy_to_move(user) or pooled[ENERGY] < inputs[ENERGY]:
            return self._wait_or_give_up(visit)
        return user

    def _choose_member_with_most_room(
        self, visit: Visit, agent_cells: list[int], product: int
    ) -> int | None:
        """Return the member at a side with the most room; among several, the nearest to a chest."""
        station_cell = self.station_cells[visit.station]
        chest_cell = next(iter(self.chest_cells.values()), station_cell)
        to_chest = self.grid.distances_to(chest_cell)
        at_side = [
            m for m in visit.cell_by_agent if agent_cells[m] - station_cell in self.grid.offsets
        ]
        candidates = [m for m in at_side if self.room_for(m, product)]
        return max(
            candidates,
            key=lambda m: (self.room_for(m, product), -to_chest[agent_cells[m]], -m),
            default=None,
        )

    def _is_use_allowed_and_worthwhile(
        self, visit: Visit, full_output_amount: int, wanted_output_amount: int, use_step: int
    ) -> bool:
        """Return whether the cooldown allows a use, and members do not wait for more output.

        Args:
            visit: visit whose members are at the station.
            full_output_amount: output of a use after the cooldown.
            wanted_output_amount: output of the use in the forecast, at least 1.
            use_step: step of the use.
        """
        end = int(self._cooldown_end[visit.station])
        duration = int(self._cooldown_duration[visit.station])
        if end <= use_step:
            return True
        elapsed = use_step - (end - duration)
        is_partial = bool(self.data["partial"][self.types[visit.station]])
        wants = 8 * elapsed >= duration * visit.min_cooldown_eighths
        return (
            is_partial
            and wants
            and full_output_amount * elapsed // duration >= wanted_output_amount
        )

    def _choose_chest_user(self, visit: Visit) -> int | None:
        agent = next(iter(visit.cell_by_agent))
        resource = int(self.data["chest_resource"][self.types[visit.station]])
        if visit.station in self.chest_cells:
            is_useful = self.inventory[agent, resource] > 0
        else:
            is_useful = self._stock[visit.station] and self.room_for(agent, resource)
        if not is_useful:
            return None
        return agent if self.has_energy_to_move(agent) else self._wait_or_give_up(visit)

    def _wait_or_give_up(self, visit: Visit) -> int | None:
        visit.wait_steps += 1
        return None if visit.wait_steps > GIVE_UP_AFTER else WAIT
