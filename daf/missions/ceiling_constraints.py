"""What every episode of a mission keeps to, as a linear program.

docs/ceilings.md gives the reason for each limit, under the same names.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import floor, log2

from daf.missions.distances import SIDES, UNREACHABLE, AnyLayoutDistances, Cell, WalkingDistances
from daf.missions.formations import recipe_by_neighbor_byte
from daf.missions.inventory import inventory_limits, starting_inventory
from daf.missions.linear_program import LinearProgram
from daf.missions.mission import Mission
from daf.missions.stations import POSITIONS, RESOURCES, Assembler, Chest, Recipe

FLOAT32 = Fraction(1_000_001, 1_000_000)
"""A part of an amount is rounded in float32 before it is cut; two roundings are less than this."""


@dataclass(frozen=True)
class _Process:
    """One recipe of a kind of station, or the repair of one; `name` is that of its variable."""

    name: str
    station: str
    recipe: Recipe
    repairs: bool


class CeilingConstraints:
    """What every episode of a mission keeps to, one method each."""

    def __init__(self, mission: Mission):
        self.mission = mission
        self.agents = mission.num_agents
        self.ground = (
            WalkingDistances(mission) if mission.layout is None else AnyLayoutDistances(mission)
        )
        self.cells: dict[str, list[Cell]] = {}
        for row, column, name in mission.cells_with(*mission.stations):
            self.cells.setdefault(name, []).append((row, column))
        self.limits = inventory_limits(mission)
        self.start = starting_inventory(mission)
        self.room = {name: limit.limit for limit in self.limits for name in limit.resources}
        self.processes = [*self._uses(), *self._repairs()]
        self.deposits = self._deposits()
        self.steps_from_producers = {
            resource: self.ground.steps_from(self._producer_cells(resource))
            for resource in RESOURCES
        }
        self.delivery_steps = self._min_steps("heart", self.deposits)

    def program(self) -> LinearProgram:
        """All of them together."""
        program = LinearProgram(most=255 * self.agents * self.mission.max_steps)
        for resource in RESOURCES:
            self._limit_material(program, resource)
        self._limit_uses(program)
        self._repair(program)
        self._limit_storage(program)
        self._limit_actions(program)
        self._limit_walking(program)
        self._whole_repairs(program)
        return program

    def _uses(self) -> Iterator[_Process]:
        """The recipes of the stations on the map that agents can get around in formation."""
        for name, cells in self.cells.items():
            station = self.mission.stations[name]
            if isinstance(station, Chest):
                continue
            formations = {
                byte for cell in cells for byte in self.ground.formations(cell, self.agents)
            }
            table = recipe_by_neighbor_byte(station)
            for index in sorted({table[byte] for byte in formations} - {None}):
                yield _Process(f"{name} {index}", name, station.recipes[index], False)

    def _repairs(self) -> Iterator[_Process]:
        for name in self.cells:
            station = self.mission.stations[name]
            breaks = isinstance(station, Assembler) and (
                station.begins_clipped or (self.mission.clipping.rate and not station.clip_immune)
            )
            for index, recipe in enumerate(self.mission.clipping.repairs if breaks else ()):
                yield _Process(f"{name} repair {index}", name, recipe, True)

    def _deposits(self) -> list[Cell]:
        """Where agents stand who put hearts into a chest."""
        return [
            cell
            for name, chest, station in self._chests()
            if chest.resource == "heart"
            for side, delta in chest.sides.items()
            if delta > 0
            for cell in self.ground.reachable_neighbors(station, [POSITIONS.index(side)])
        ]

    def _chests(self) -> Iterator[tuple[str, Chest, Cell]]:
        for name, cells in self.cells.items():
            station = self.mission.stations[name]
            if isinstance(station, Chest):
                yield from ((name, station, cell) for cell in cells)

    def _input(self, process: _Process, resource: str) -> Fraction:
        """What one use consumes at least."""
        return process.recipe.inputs.get(resource, 0) / self._rounding(process)

    def _output(self, process: _Process, resource: str) -> Fraction:
        """What one use can add to its activator's inventory."""
        amount = min(process.recipe.outputs.get(resource, 0), self.room[resource])
        return amount * self._rounding(process)

    def _rounding(self, process: _Process) -> Fraction:
        partial = self.mission.stations[process.station].partial and not process.repairs
        return FLOAT32 if partial else Fraction(1)

    def _producer_cells(self, resource: str) -> list[Cell]:
        """Where agents stand who get a resource from a station that makes it."""
        names = {process.station for process in self.processes if self._output(process, resource)}
        return self._around(names, SIDES)

    def _around(self, names: Iterable[str], positions: Iterable[int]) -> list[Cell]:
        places = [place for name in names for place in self.cells[name]]
        return [
            cell for place in places for cell in self.ground.reachable_neighbors(place, positions)
        ]

    def _min_steps(self, resource: str, users: list[Cell]) -> int:
        """The least steps from where a resource is made to one of these cells."""
        return min(
            (int(self.steps_from_producers[resource][cell]) for cell in users), default=UNREACHABLE
        )

    def _given(self, resource: str) -> int:
        """What agents have at the start and get with time."""
        mission = self.mission
        interval = mission.regeneration.interval
        times = (mission.max_steps - 1) // interval if interval else 0
        each = self.start[resource] + times * mission.regeneration.amounts.get(resource, 0)
        return self.agents * each

    def _limit_material(self, program: LinearProgram, resource: str) -> None:
        """No more is used, and of hearts stored, than there is, was given, or is made."""
        terms = {
            process.name: self._input(process, resource) - self._output(process, resource)
            for process in self.processes
        }
        supply = self._given(resource)
        if resource == "heart":
            terms["hearts"] = Fraction(1)
        else:
            supply += sum(c.initial for _, c, _ in self._chests() if c.resource == resource)
        if resource == "energy":
            for process in self.processes:
                if not process.recipe.inputs.get("energy"):  # else the cost may find nothing left
                    terms[process.name] += self.mission.move_energy
            terms |= dict.fromkeys(("deposits", "steps"), Fraction(self.mission.move_energy))
        program.limit(resource, terms, supply)

    def _limit_uses(self, program: LinearProgram) -> None:
        """Each station has so many uses, and so much time for them; for hearts less time."""
        last = self.mission.max_steps
        for name in dict.fromkeys(p.station for p in self.processes if not p.repairs):
            uses = [p for p in self.processes if p.station == name and not p.repairs]
            terms = {process.name: 1 for process in uses}
            program.limit(f"uses of {name}", terms, sum(self._most_uses(uses, last)))
            hearts = [process for process in uses if self._output(process, "heart")]
            if hearts:
                terms = {process.name: 1 for process in hearts}
                most = self._most_uses(hearts, last - self.delivery_steps - 1)
                program.limit(f"uses of {name} in time", terms, sum(most))

    def _most_uses(self, uses: list[_Process], last: int) -> list[Fraction]:
        """How often each station of a kind can be used, in one of these ways, until step `last`."""
        name = uses[0].station
        station = self.mission.stations[name]
        every = [p for p in self.processes if p.station == name and not p.repairs]
        if station.partial:  # what a use gives depends on the cooldown of the one before
            uses = every
        cooldown = min(process.recipe.cooldown for process in uses)
        least = 0 if station.partial else min(process.recipe.cooldown for process in every)
        most = []
        for cell in self.cells[name]:
            sides = self.ground.reachable_neighbors(cell, SIDES)
            first = 1 + min(
                (int(self.ground.from_starts[side]) for side in sides), default=UNREACHABLE
            )
            time = max(last - first + 1, 0)
            possible = Fraction(min(self.agents, len(sides)) * time)
            possible = min(possible, Fraction(station.max_uses or UNREACHABLE**2))
            if time and cooldown and not self.mission.clipping.rate:  # clipping ends a cooldown
                times = Fraction(time - 1, cooldown) + 1
                uses_in_all = min(possible, Fraction(time - 1, least) + 1) if least else possible
                if not self._overflows(every, uses_in_all):
                    possible = min(possible, times if station.partial else Fraction(floor(times)))
            most.append(possible)
        return most

    def _overflows(self, uses: list[_Process], count: Fraction) -> bool:
        """Whether exhaustion can bring a cooldown beyond 32 bits within so many uses.

        Only the low bits of such a cooldown remain (RULES 5); a factor of 2 is for rounding.
        """
        growth = 1 + self.mission.stations[uses[0].station].exhaustion
        longest = max(process.recipe.cooldown for process in uses)
        return growth > 1 and log2(longest) + count * log2(growth) > 31

    def _repair(self, program: LinearProgram) -> None:
        """A station that starts clipped is repaired before it is used; only clipped ones are."""
        clips = self.mission.max_steps if self.mission.clipping.rate else 0
        for name in dict.fromkeys(p.station for p in self.processes if p.repairs):
            repairs = {p.name: 1 for p in self.processes if p.station == name and p.repairs}
            uses = [p for p in self.processes if p.station == name and not p.repairs]
            clipped = self.mission.stations[name].begins_clipped * len(self.cells[name])
            program.limit(f"repairs of {name}", repairs, clipped + clips)
            if clipped and uses:
                most = max(self._most_uses(uses, self.mission.max_steps))
                terms = dict.fromkeys(repairs, -most) | {process.name: 1 for process in uses}
                program.limit(f"clipped {name}", terms, 0)

    def _whole_repairs(self, program: LinearProgram) -> None:
        """No station is repaired by half: of what all other limits allow, the whole part counts."""
        repairs = [process.name for process in self.processes if process.repairs]
        most = [floor(program.maximize(name)[0]) for name in repairs]
        for name, whole in zip(repairs, most):
            program.limit(f"whole {name}", {name: 1}, whole)

    def _limit_storage(self, program: LinearProgram) -> None:
        """Hearts fit into the chests, a few at a time."""
        chests = [(chest, cell) for _, chest, cell in self._chests() if chest.resource == "heart"]
        room = sum(
            chest.capacity - chest.initial
            for chest, cell in chests
            if any(
                delta > 0 and self.ground.reachable_neighbors(cell, [POSITIONS.index(side)])
                for side, delta in chest.sides.items()
            )
        )
        program.limit("room in chests", {"hearts": 1}, room)
        largest = max((d for chest, _ in chests for d in chest.sides.values()), default=0)
        at_once = min(max(largest, 0), self.room["heart"])
        program.limit("deposits", {"hearts": 1, "deposits": -at_once}, 0)

    def _limit_actions(self, program: LinearProgram) -> None:
        """Every use, deposit and step is an action of an agent."""
        terms = {process.name: 1 for process in self.processes}
        terms |= {"deposits": 1, "steps": 1}
        program.limit("actions", terms, self.agents * self.mission.max_steps)

    def _limit_walking(self, program: LinearProgram) -> None:
        """What is made in one place and used in another is carried, and not all at once."""
        self._limit_carrying(program, ["heart"], self.deposits, {"heart": {"hearts": Fraction(1)}})
        stored = {chest.resource for _, chest, _ in self._chests()}
        for resources in (list(limit.resources) for limit in self.limits):
            # Energy is handed on, and what chests take goes through them.
            if {"heart", "energy", *stored} & set(resources):
                continue
            used = {
                resource: {p.name: self._input(p, resource) for p in self.processes}
                for resource in resources
            }
            names = {p.station for p in self.processes if set(p.recipe.inputs) & set(resources)}
            self._limit_carrying(
                program, resources, self._around(names, range(len(POSITIONS))), used
            )

    def _limit_carrying(
        self,
        program: LinearProgram,
        resources: list[str],
        users: list[Cell],
        used: dict[str, dict[str, Fraction]],
    ) -> None:
        """Steps there and back for what one limit of the inventory holds.

        Args:
            users: where agents stand when it is used up.
            used: for each resource the terms of how much is used.
        """
        room = self.room[resources[0]]
        ways = {resource: self._min_steps(resource, users) for resource in resources}
        ways = {resource: way for resource, way in ways.items() if 0 < way < UNREACHABLE}
        if not room or not ways:
            return
        terms: dict[str, Fraction] = {"steps": Fraction(-room)}
        for resource, way in ways.items():
            for name, amount in used[resource].items():
                terms[name] = terms.get(name, Fraction(0)) + 2 * way * amount
        saved = sum(
            max(0, *(way - int(self.steps_from_producers[r][start]) for r, way in ways.items()))
            for start in self.ground.starts
        )
        free = sum(2 * way * self._given(resource) for resource, way in ways.items())
        program.limit(f"carrying {resources[0]}", terms, free + room * saved)
