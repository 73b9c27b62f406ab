"""Linear program of the limits that every episode of a mission meets.

docs/explanation/ceilings.md gives the reason for each limit, under the same names.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import floor, log2

from daf.missions.distances import SIDES, UNREACHABLE, Cell, WalkingDistances, ZeroDistances
from daf.missions.formations import recipe_index_by_neighbor_mask
from daf.missions.inventory import list_all_inventory_limits, starting_inventory
from daf.missions.linear_program import LinearProgram
from daf.missions.mission import Mission
from daf.missions.stations import POSITIONS, RESOURCES, Assembler, Chest, Recipe, Resource

FLOAT32_ERROR_FACTOR = Fraction(1_000_001, 1_000_000)
"""Bound of 2 float32 roundings: the engine rounds a fraction of an amount before it truncates."""


@dataclass(frozen=True)
class _Process:
    """One recipe or repair of a station type; `name` is the name of its variable."""

    name: str
    station_type: str
    recipe: Recipe
    is_repair: bool


class CeilingConstraints:
    """Limits that every episode of a mission meets, one method each."""

    def __init__(self, mission: Mission):
        self.mission = mission
        self.agents = mission.num_agents
        distances = WalkingDistances if mission.layout is None else ZeroDistances
        self.distances = distances(mission)
        self.cells: dict[str, list[Cell]] = {}
        self.assemblers: dict[str, Assembler] = {}
        self.chests: list[tuple[Chest, Cell]] = []
        for row, column, name in mission.find_cells_with(*mission.stations):
            self.cells.setdefault(name, []).append((row, column))
            station = mission.stations[name]
            if isinstance(station, Assembler):
                self.assemblers[name] = station
            else:
                self.chests.append((station, (row, column)))
        self.limits = list_all_inventory_limits(mission)
        self.start = starting_inventory(mission)
        self.capacity = {name: limit.limit for limit in self.limits for name in limit.resources}
        self.processes = [*self._reachable_recipe_processes(), *self._repair_processes()]
        self.deposits = self._heart_deposit_cells()
        self.steps_from_producers = {
            resource: self.distances.min_steps_from(self._reachable_cells_at_producers(resource))
            for resource in RESOURCES
        }
        self.delivery_steps = self._min_steps_from_producer("heart", self.deposits)

    def build_program(self) -> LinearProgram:
        """Build the linear program with all limits."""
        program = LinearProgram(variable_upper_bound=255 * self.agents * self.mission.max_steps)
        for resource in RESOURCES:
            self._limit_resource_balance(program, resource)
        self._limit_station_uses(program)
        self._limit_repairs_to_clipped_stations(program)
        self._limit_hearts_by_chests_and_deposits(program)
        self._limit_actions(program)
        self._limit_transport_by_walking(program)
        self._limit_repairs_to_whole_numbers(program)
        return program

    def _reachable_recipe_processes(self) -> Iterator[_Process]:
        """Yield the recipes of stations on the map whose formations agents can reach."""
        for name, station in self.assemblers.items():
            masks = (
                self.distances.reachable_neighbor_masks(cell, self.agents)
                for cell in self.cells[name]
            )
            table = recipe_index_by_neighbor_mask(station)
            indices = {table[mask] for mask in frozenset().union(*masks)}
            for index in sorted(index for index in indices if index is not None):
                yield _Process(f"{name} {index}", name, station.recipes[index], is_repair=False)

    def _repair_processes(self) -> Iterator[_Process]:
        for name, station in self.assemblers.items():
            is_clippable = station.is_initially_clipped or (
                self.mission.clipping.rate and not station.clip_immune
            )
            for index, recipe in enumerate(self.mission.clipping.repairs if is_clippable else ()):
                yield _Process(f"{name} repair {index}", name, recipe, is_repair=True)

    def _heart_deposit_cells(self) -> list[Cell]:
        """Return the cells from which agents deposit hearts."""
        return [
            cell
            for chest, station in self.chests
            if chest.resource == "heart"
            for side, delta in chest.sides.items()
            if delta > 0
            for cell in self.distances.select_reachable_neighbors(station, [POSITIONS.index(side)])
        ]

    def _min_input_per_use(self, process: _Process, resource: Resource) -> Fraction:
        """Return the minimum amount that one use consumes."""
        return process.recipe.inputs.get(resource, 0) / self._max_float32_error_factor(process)

    def _max_output_per_use(self, process: _Process, resource: Resource) -> Fraction:
        """Return the maximum amount that one use adds to the inventory of its user."""
        amount = min(process.recipe.outputs.get(resource, 0), self.capacity[resource])
        return amount * self._max_float32_error_factor(process)

    def _max_float32_error_factor(self, process: _Process) -> Fraction:
        """Return the bound of float32 rounding errors of amounts; 1 if all amounts are exact."""
        partial = self.assemblers[process.station_type].partial and not process.is_repair
        return FLOAT32_ERROR_FACTOR if partial else Fraction(1)

    def _reachable_cells_at_producers(self, resource: Resource) -> list[Cell]:
        """Return the reachable cells beside the producers of a resource."""
        names = {p.station_type for p in self.processes if self._max_output_per_use(p, resource)}
        return self._reachable_cells_around(names, SIDES)

    def _reachable_cells_around(
        self, station_types: Iterable[str], neighbor_indices: Iterable[int]
    ) -> list[Cell]:
        stations = [cell for name in station_types for cell in self.cells[name]]
        select = self.distances.select_reachable_neighbors
        return [cell for station in stations for cell in select(station, neighbor_indices)]

    def _min_steps_from_producer(self, resource: Resource, destinations: list[Cell]) -> int:
        """Return the minimum steps from a producer of a resource to one of these cells."""
        steps = self.steps_from_producers[resource]
        return min((int(steps[cell]) for cell in destinations), default=UNREACHABLE)

    def _supply_of_agents(self, resource: Resource) -> int:
        """Return the total initial inventory and regeneration of all agents in an episode."""
        mission = self.mission
        interval = mission.regeneration.interval
        payments = (mission.max_steps - 1) // interval if interval else 0
        per_agent = self.start[resource] + payments * mission.regeneration.amounts.get(resource, 0)
        return self.agents * per_agent

    def _limit_resource_balance(self, program: LinearProgram, resource: Resource) -> None:
        """Limit net use (and stored hearts) to initial amounts, free supply and production."""
        terms = {
            p.name: self._min_input_per_use(p, resource) - self._max_output_per_use(p, resource)
            for p in self.processes
        }
        supply = self._supply_of_agents(resource)
        if resource == "heart":
            terms["hearts"] = Fraction(1)
        else:
            supply += sum(c.initial for c, _ in self.chests if c.resource == resource)
        if resource == "energy":
            for process in self.processes:
                if not process.recipe.inputs.get("energy"):  # else no energy may be left
                    terms[process.name] += self.mission.move_energy
            terms |= dict.fromkeys(("deposits", "steps"), Fraction(self.mission.move_energy))
        program.add_limit(resource, terms, supply)

    def _limit_station_uses(self, program: LinearProgram) -> None:
        """Limit the uses of each station by its maximum and by time, for hearts by less time."""
        last = self.mission.max_steps
        for name in dict.fromkeys(p.station_type for p in self.processes if not p.is_repair):
            uses = [p for p in self.processes if p.station_type == name and not p.is_repair]
            terms = {p.name: 1 for p in uses}
            program.add_limit(f"uses of {name}", terms, sum(self._max_uses_by_station(uses, last)))
            hearts = [process for process in uses if self._max_output_per_use(process, "heart")]
            if hearts:
                terms = {process.name: 1 for process in hearts}
                max_uses = self._max_uses_by_station(hearts, last - self.delivery_steps - 1)
                program.add_limit(f"uses of {name} in time", terms, sum(max_uses))

    def _max_uses_by_station(
        self, processes_sharing_stations: list[_Process], end_step: int
    ) -> list[Fraction]:
        """Return the maximum uses by these processes, per station, until step `end_step`."""
        name = processes_sharing_stations[0].station_type
        station = self.assemblers[name]
        all_uses = [p for p in self.processes if p.station_type == name and not p.is_repair]
        if station.partial:  # the output of a use depends on the cooldown of the previous use
            processes_sharing_stations = all_uses
        cooldown = min(process.recipe.cooldown for process in processes_sharing_stations)
        min_cooldown = 0 if station.partial else min(p.recipe.cooldown for p in all_uses)
        from_starts = self.distances.from_starts
        max_uses = []
        for cell in self.cells[name]:
            sides = self.distances.select_reachable_neighbors(cell, SIDES)
            first = 1 + min((int(from_starts[side]) for side in sides), default=UNREACHABLE)
            time = max(end_step - first + 1, 0)
            possible = Fraction(min(self.agents, len(sides)) * time)
            possible = min(possible, Fraction(station.max_uses or UNREACHABLE**2))
            if time and cooldown and not self.mission.clipping.rate:  # clipping ends a cooldown
                count = Fraction(time - 1, cooldown) + 1
                total_uses = possible
                if min_cooldown:
                    total_uses = min(possible, Fraction(time - 1, min_cooldown) + 1)
                if not self._can_cooldown_overflow(all_uses, total_uses):
                    possible = min(possible, count if station.partial else Fraction(floor(count)))
            max_uses.append(possible)
        return max_uses

    def _can_cooldown_overflow(self, type_processes: list[_Process], num_uses: Fraction) -> bool:
        """Return whether exhaustion can push a cooldown beyond 32 bits within `num_uses` uses.

        Such a cooldown wraps around (RULES 5); a factor of 2 covers rounding.
        """
        growth = 1 + self.assemblers[type_processes[0].station_type].exhaustion
        longest = max(process.recipe.cooldown for process in type_processes)
        return growth > 1 and log2(longest) + num_uses * log2(growth) > 31

    def _limit_repairs_to_clipped_stations(self, program: LinearProgram) -> None:
        """Limit repairs to clipped stations, and uses of clipped stations to repaired ones."""
        clips = self.mission.max_steps if self.mission.clipping.rate else 0
        for name in dict.fromkeys(p.station_type for p in self.processes if p.is_repair):
            repairs = {p.name: 1 for p in self.processes if p.station_type == name and p.is_repair}
            uses = [p for p in self.processes if p.station_type == name and not p.is_repair]
            clipped = self.assemblers[name].is_initially_clipped * len(self.cells[name])
            program.add_limit(f"repairs of {name}", repairs, clipped + clips)
            if clipped and uses:
                max_uses = max(self._max_uses_by_station(uses, self.mission.max_steps))
                terms = dict.fromkeys(repairs, -max_uses) | {process.name: 1 for process in uses}
                program.add_limit(f"clipped {name}", terms, 0)

    def _limit_repairs_to_whole_numbers(self, program: LinearProgram) -> None:
        """Round the maximum number of each repair under all other limits down to an integer."""
        repairs = [process.name for process in self.processes if process.is_repair]
        maxima = [floor(program.prove_upper_bound(name).value) for name in repairs]
        for name, maximum in zip(repairs, maxima):
            program.add_limit(f"whole {name}", {name: 1}, maximum)

    def _limit_hearts_by_chests_and_deposits(self, program: LinearProgram) -> None:
        """Limit stored hearts to the capacity of the chests, and to the hearts per deposit."""
        chests = [(chest, cell) for chest, cell in self.chests if chest.resource == "heart"]
        select = self.distances.select_reachable_neighbors
        capacity = sum(
            chest.capacity - chest.initial
            for chest, cell in chests
            if any(d > 0 and select(cell, [POSITIONS.index(s)]) for s, d in chest.sides.items())
        )
        program.add_limit("room in chests", {"hearts": 1}, capacity)
        largest = max((d for chest, _ in chests for d in chest.sides.values()), default=0)
        per_deposit = min(max(largest, 0), self.capacity["heart"])
        program.add_limit("deposits", {"hearts": 1, "deposits": -per_deposit}, 0)

    def _limit_actions(self, program: LinearProgram) -> None:
        """Limit uses, deposits and steps together to the number of actions of all agents."""
        terms = {p.name: 1 for p in self.processes} | {"deposits": 1, "steps": 1}
        program.add_limit("actions", terms, self.agents * self.mission.max_steps)

    def _limit_transport_by_walking(self, program: LinearProgram) -> None:
        """Limit the transport from producers to users by walking steps and inventory limits."""
        used: dict[Resource, dict[str, Fraction]] = {"heart": {"hearts": Fraction(1)}}
        self._add_transport_limit(program, ["heart"], self.deposits, used)
        stored = {chest.resource for chest, _ in self.chests}
        for group in (list(limit.resources) for limit in self.limits):
            # Agents can share energy, and chests can forward stored resources without walking.
            if {"heart", "energy", *stored} & set(group):
                continue
            used = {
                r: {p.name: self._min_input_per_use(p, r) for p in self.processes} for r in group
            }
            users = {p.station_type for p in self.processes if {*p.recipe.inputs} & {*group}}
            use_cells = self._reachable_cells_around(users, range(len(POSITIONS)))
            self._add_transport_limit(program, group, use_cells, used)

    def _add_transport_limit(
        self,
        program: LinearProgram,
        resources_sharing_limit: list[Resource],
        use_cells: list[Cell],
        used_amount_by_variable: dict[Resource, dict[str, Fraction]],
    ) -> None:
        """Add the limit of transport: round trips with at most one full inventory limit each.

        Args:
            program: linear program to extend.
            resources_sharing_limit: resources that share one inventory limit.
            use_cells: cells from which agents use or deposit the resources.
            used_amount_by_variable: used amount of each resource, as coefficients by variable.
        """
        capacity = self.capacity[resources_sharing_limit[0]]
        min_steps = [self._min_steps_from_producer(r, use_cells) for r in resources_sharing_limit]
        distances: dict[Resource, int] = {
            r: s for r, s in zip(resources_sharing_limit, min_steps) if 0 < s < UNREACHABLE
        }
        if not capacity or not distances:
            return
        terms: dict[str, Fraction] = {"steps": Fraction(-capacity)}
        for resource, steps in distances.items():
            for name, amount in used_amount_by_variable[resource].items():
                terms[name] = terms.get(name, Fraction(0)) + 2 * steps * amount
        # The first trip of an agent can start closer to the producer than the users are.
        saved = sum(
            max(0, *(s - int(self.steps_from_producers[r][start]) for r, s in distances.items()))
            for start in self.distances.starts
        )
        free = sum(2 * steps * self._supply_of_agents(name) for name, steps in distances.items())
        program.add_limit(f"carrying {resources_sharing_limit[0]}", terms, free + capacity * saved)
