"""Stations in the language of mettagrid: what a use does, as handlers."""

from collections.abc import Iterator

import numpy as np

from daf.config import ConfigError
from daf.mettagrid.handlers import (
    Data,
    add_resources,
    agents,
    agents_in_line,
    at_least,
    carried,
    exactly,
    first_of,
    handler,
    has,
    near,
    negate,
    transfer,
    weighted,
)
from daf.missions import POSITIONS, RESOURCES, Assembler, Chest, Mission, Recipe
from daf.missions.formations import recipe_by_neighbor_byte

COOLDOWN, USES = "cooldown", "remaining_uses"
"""Amounts that a station carries. Mettagrid can lower the cooldown at the end of a step only, so
during a step it is one more than what is left, and between steps just that."""

MAX_COOLDOWN = 65534  # mettagrid's amounts have 16 bits
DIRECTIONS = {"N": "north", "W": "west", "E": "east", "S": "south"}
SIDES = tuple(side for side in POSITIONS if side in DIRECTIONS)
STRAIGHT = sum(1 << POSITIONS.index(side) for side in SIDES)


def station_object(mission: Mission, name: str, tag: str) -> Data:
    """A station as one of mettagrid's objects.

    Args:
        mission: it stands in.
        name: of its kind.
        tag: its own, by which its handlers find it.

    Raises:
        ConfigError: mettagrid cannot express its rule exactly; one line.
    """
    station = mission.stations[name]
    if isinstance(station, Chest):
        handlers = _chest(mission, station, tag)
        stock = {"resources": [station.resource], "base": station.capacity}
        inventory = {"limits": {"stock": stock}, "initial": {station.resource: station.initial}}
    else:
        try:
            handlers = list(_assembler(mission, name, station, tag))
        except NotTranslatable as error:
            raise ConfigError(
                f"mission {mission.name}: cannot be translated to mettagrid: {name}: {error}"
            ) from None
        inventory = {"initial": {USES: station.max_uses}}
    inventory["initial"] = {what: n for what, n in inventory["initial"].items() if n}
    return {
        "name": name,
        "tags": [tag],
        "inventory": inventory,
        "on_use_handler": first_of(handlers) if handlers else None,
    }


class NotTranslatable(ValueError):
    """A rule that mettagrid's handlers cannot express; the message says which."""


def _chest(mission: Mission, chest: Chest, tag: str) -> list[Data]:
    """One handler for each side and, for deposits, each amount that the agent may have left."""
    what = chest.resource
    group = next((x for x in mission.limits if what in x.resources), None)
    together = group.resources if group else (what,)
    limit = group.limit if group else mission.default_limit
    room = negate(at_least("actor", weighted([(1, carried(r)) for r in together]), limit))
    handlers = []
    for side, delta in chest.sides.items():
        # Agents on that cell within one step of the actor: the actor itself, if it stands there.
        here = at_least("actor", agents_in_line(tag, 1, [DIRECTIONS[side]], near(1)), 1)
        for amount in range(delta, 0, -1):
            # What the chest has no room for is destroyed.
            moved = [
                add_resources("actor", {what: -amount}),
                add_resources("target", {what: amount}),
            ]
            handlers.append(
                handler(f"put_{side}_{amount}", [here, has("actor", {what: amount})], moved)
            )
        if delta < 0:
            filters = [here, has("target", {what: 1}), room]
            taken = [transfer("target", "actor", what, -delta)]
            handlers.append(handler(f"take_{side}", filters, taken))
    return handlers


def _assembler(mission: Mission, name: str, station: Assembler, tag: str) -> Iterator[Data]:
    if station.exhaustion:
        raise NotTranslatable("its cooldown grows by a factor (exhaustion)")
    rows, columns = mission.height - 1, mission.width - 1
    for row, column, _ in mission.cells_with(name):
        if row in (0, rows) or column in (0, columns):
            raise NotTranslatable("it stands on the edge of the map")
    wanted = list(_recipes(station, mission.num_agents, tag))
    cooldowns = {recipe.cooldown for recipe, _, _ in wanted}
    if max(cooldowns, default=0) > MAX_COOLDOWN:
        raise NotTranslatable(f"its cooldown is above {MAX_COOLDOWN}")
    if station.partial and len(cooldowns) > 1:
        raise NotTranslatable("partial uses of recipes with different cooldowns")
    left = [has("target", {USES: 1})] if station.max_uses else []
    for number, (recipe, crowd, around) in enumerate(wanted):
        if crowd > 1 and any(recipe.inputs.values()):
            raise NotTranslatable(
                "several agents pay one bill, in an order mettagrid does not know"
            )
        for phase, share in _phases(recipe, station.partial, max(cooldowns)):
            inputs = _amounts(recipe.inputs, share, np.ceil)
            outputs = _amounts(recipe.outputs, share, np.floor)
            if any(recipe.outputs.values()) and not outputs:
                continue
            payable = [has("actor", inputs)] if inputs else []
            changes = [
                *(
                    [add_resources("actor", {what: -n for what, n in inputs.items()})]
                    if inputs
                    else []
                ),
                *([add_resources("actor", outputs)] if outputs else []),
                *([add_resources("target", {COOLDOWN: -1 - MAX_COOLDOWN})] if phase else []),
                *(
                    [add_resources("target", {COOLDOWN: recipe.cooldown + 1})]
                    if recipe.cooldown
                    else []
                ),
                *([add_resources("target", {USES: -1})] if station.max_uses else []),
            ]
            filters = [*left, *phase, *payable, *around]
            yield handler(f"use_{number}_{share:.6f}", filters, changes)


def _recipes(
    station: Assembler, num_agents: int, tag: str
) -> Iterator[tuple[Recipe, int, list[Data]]]:
    """Every recipe that can be used: itself, how many agents may be around, and the filters that
    say who has to be where.

    Mettagrid can tell on which straight sides agents stand, and how many stand around in all, but
    not on which corner.
    """
    table = recipe_by_neighbor_byte(station)
    known: dict[tuple[int, int], int | None] = {}
    for byte in range(256):
        place = byte & STRAIGHT, byte.bit_count()
        if (
            place[0]
            and place[1] <= num_agents
            and known.setdefault(place, table[byte]) != table[byte]
        ):
            raise NotTranslatable("its recipe depends on the corner that an agent stands on")
    for number, recipe in enumerate(station.recipes):
        places = [place for place, found in known.items() if found == number]
        if len(places) == len(known):
            yield recipe, max(crowd for _, crowd in places), []
            continue
        for crowd in sorted({crowd for _, crowd in places}):
            here = [straight for straight, n in places if n == crowd]
            if len(here) == sum(n == crowd for _, n in known):
                yield recipe, crowd, exactly("target", _agents_around(tag), crowd)
                continue
            for straight in here:
                yield (
                    recipe,
                    crowd,
                    [
                        *_agents_on_sides(tag, straight),
                        *exactly("target", _agents_around(tag), crowd),
                    ],
                )


def _agents_around(tag: str) -> Data:
    """How many agents stand on the 8 cells around: those within a distance of 2, but for the ones
    two cells straight away."""
    every = list(DIRECTIONS.values())
    return weighted(
        [
            (1, agents(near(2))),
            (-1, agents_in_line(tag, 2, every)),
            (1, agents_in_line(tag, 1, every)),
        ]
    )


def _agents_on_sides(tag: str, straight: int) -> Iterator[Data]:
    """Agents stand on just these straight sides."""
    for side in SIDES:
        there = at_least("target", agents_in_line(tag, 1, [DIRECTIONS[side]]), 1)
        yield there if straight >> POSITIONS.index(side) & 1 else negate(there)


def _phases(recipe: Recipe, partial: bool, cooldown: int) -> Iterator[tuple[list[Data], float]]:
    """When the station may be used: filters on what is left of the cooldown, and the share of
    inputs and outputs then. Neighbouring moments with equal amounts are one phase."""
    ready = [negate(has("target", {COOLDOWN: 2}))] if cooldown else []
    yield ready, 1.0
    if not partial:
        return
    moments = [(left, _share(left, cooldown)) for left in range(1, cooldown + 1)]
    while moments:
        first, share = moments[0]
        amounts = _scaled(recipe, share)
        same = [left for left, other in moments if _scaled(recipe, other) == amounts]
        lower, upper = {COOLDOWN: first + 1}, {COOLDOWN: same[-1] + 2}
        yield [has("target", lower), negate(has("target", upper))], share
        moments = [moment for moment in moments if moment[0] > same[-1]]


def _share(left: int, cooldown: int) -> float:
    """Share of the cooldown that has passed, in float32 like the simulator."""
    return float(np.float32(cooldown - left) / np.float32(cooldown))


def _scaled(recipe: Recipe, share: float) -> tuple:
    return _amounts(recipe.inputs, share, np.ceil), _amounts(recipe.outputs, share, np.floor)


def _amounts(amounts: dict[str, int], share: float, rounded) -> dict[str, int]:
    """What is taken or given for a share, in the order of resources; zeros left out."""
    scaled = {r: int(rounded(np.float32(amounts.get(r, 0)) * np.float32(share))) for r in RESOURCES}
    return {resource: amount for resource, amount in scaled.items() if amount}
