"""Handlers of stations in mettagrid: the effects of a use."""

from collections.abc import Iterator

import numpy as np

from daf.config import ConfigError
from daf.mettagrid.handlers import (
    Data,
    add_resources,
    at_least,
    carried_amount,
    count_agents,
    count_agents_in_line,
    equals,
    first_match,
    handler,
    has_resources,
    negate,
    transfer,
    weighted_sum,
    within_distance,
)
from daf.missions import POSITIONS, RESOURCES, Assembler, Chest, Mission, Recipe
from daf.missions.formations import recipe_by_neighbor_byte

COOLDOWN, USES = "cooldown", "remaining_uses"
"""Amounts that a station carries. Mettagrid can lower the cooldown only at the end of a step, so
the amount is the remaining cooldown + 1 during a step, and the remaining cooldown between steps."""

MAX_COOLDOWN = 65534  # amounts of mettagrid have 16 bits
DIRECTIONS = {"N": "north", "W": "west", "E": "east", "S": "south"}
SIDES = tuple(side for side in POSITIONS if side in DIRECTIONS)
SIDES_MASK = sum(1 << POSITIONS.index(side) for side in SIDES)


def station_object(mission: Mission, name: str, tag: str) -> Data:
    """Build the mettagrid object of a station.

    Args:
        mission: mission of the station.
        name: name of the station type.
        tag: unique tag of the station; its handlers use it in queries.

    Raises:
        ConfigError: mettagrid cannot express a rule of the station exactly; one line.
    """
    station = mission.stations[name]
    if isinstance(station, Chest):
        handlers = _chest_handlers(mission, station, tag)
        stock = {"resources": [station.resource], "base": station.capacity}
        inventory = {"limits": {"stock": stock}, "initial": {station.resource: station.initial}}
    else:
        try:
            handlers = list(_assembler_handlers(mission, name, station, tag))
        except NotTranslatableError as error:
            raise ConfigError(
                f"mission {mission.name}: cannot be translated to mettagrid: {name}: {error}"
            ) from None
        inventory = {"initial": {USES: station.max_uses}}
    inventory["initial"] = {
        resource: amount for resource, amount in inventory["initial"].items() if amount
    }
    return {
        "name": name,
        "tags": [tag],
        "inventory": inventory,
        "on_use_handler": first_match(handlers) if handlers else None,
    }


class NotTranslatableError(ValueError):
    """Rule that mettagrid's handlers cannot express; the message names it."""


def _chest_handlers(mission: Mission, chest: Chest, tag: str) -> list[Data]:
    """Build one handler per withdrawal side, and per deposit side and deposited amount."""
    resource = chest.resource
    limit_group = next((limit for limit in mission.limits if resource in limit.resources), None)
    limited_resources = limit_group.resources if limit_group else (resource,)
    limit = limit_group.limit if limit_group else mission.default_limit
    carried = weighted_sum([(1, carried_amount(r)) for r in limited_resources])
    has_room = negate(at_least("actor", carried, limit))
    handlers = []
    for side, delta in chest.sides.items():
        # The agent on this side within one step of the actor is the actor itself.
        agents_on_side = count_agents_in_line(tag, 1, [DIRECTIONS[side]], within_distance(1))
        is_on_side = at_least("actor", agents_on_side, 1)
        for amount in range(delta, 0, -1):
            # The chest destroys what exceeds its capacity.
            deposit = [
                add_resources("actor", {resource: -amount}),
                add_resources("target", {resource: amount}),
            ]
            filters = [is_on_side, has_resources("actor", {resource: amount})]
            handlers.append(handler(f"put_{side}_{amount}", filters, deposit))
        if delta < 0:
            filters = [is_on_side, has_resources("target", {resource: 1}), has_room]
            withdrawal = [transfer("target", "actor", resource, -delta)]
            handlers.append(handler(f"take_{side}", filters, withdrawal))
    return handlers


def _assembler_handlers(
    mission: Mission, name: str, station: Assembler, tag: str
) -> Iterator[Data]:
    """Yield one handler per recipe, formation and phase of the cooldown.

    Args:
        mission: mission of the station.
        name: name of the station type.
        station: rules of the station type.
        tag: tag of the station.

    Raises:
        NotTranslatableError: mettagrid cannot express a rule.
    """
    _check_assembler(mission, name, station)
    recipes = list(_recipes_with_filters(station, mission.num_agents, tag))
    cooldowns = {recipe.cooldown for recipe, _, _ in recipes}
    if max(cooldowns, default=0) > MAX_COOLDOWN:
        raise NotTranslatableError(f"its cooldown is above {MAX_COOLDOWN}")
    if station.partial and len(cooldowns) > 1:
        raise NotTranslatableError("partial uses of recipes with different cooldowns")
    has_uses = [has_resources("target", {USES: 1})] if station.max_uses else []
    for index, (recipe, num_neighbors, formation) in enumerate(recipes):
        if num_neighbors > 1 and any(recipe.inputs.values()):
            raise NotTranslatableError(
                "several agents pay the inputs, in an order unknown to mettagrid"
            )
        for phase, progress in _cooldown_phases(recipe, station.partial, max(cooldowns)):
            inputs = _scaled_amounts(recipe.inputs, progress, np.ceil)
            outputs = _scaled_amounts(recipe.outputs, progress, np.floor)
            if any(recipe.outputs.values()) and not outputs:
                continue
            can_pay = [has_resources("actor", inputs)] if inputs else []
            mutations = []
            if inputs:
                costs = {resource: -amount for resource, amount in inputs.items()}
                mutations.append(add_resources("actor", costs))
            if outputs:
                mutations.append(add_resources("actor", outputs))
            if phase:
                mutations.append(add_resources("target", {COOLDOWN: -1 - MAX_COOLDOWN}))
            if recipe.cooldown:
                mutations.append(add_resources("target", {COOLDOWN: recipe.cooldown + 1}))
            if station.max_uses:
                mutations.append(add_resources("target", {USES: -1}))
            filters = [*has_uses, *phase, *can_pay, *formation]
            yield handler(f"use_{index}_{progress:.6f}", filters, mutations)


def _check_assembler(mission: Mission, name: str, station: Assembler) -> None:
    """Check that an assembler has no exhaustion and is not on the edge of the map.

    Args:
        mission: mission of the station.
        name: name of the station type.
        station: rules of the station type.

    Raises:
        NotTranslatableError: a rule that mettagrid cannot express.
    """
    if station.exhaustion:
        raise NotTranslatableError("its cooldown grows by a factor (exhaustion)")
    last_row, last_column = mission.height - 1, mission.width - 1
    for row, column, _ in mission.cells_with(name):
        if row in (0, last_row) or column in (0, last_column):
            raise NotTranslatableError("it is on the edge of the map")


def _recipes_with_filters(
    station: Assembler, num_agents: int, tag: str
) -> Iterator[tuple[Recipe, int, list[Data]]]:
    """Yield every usable recipe with the formations that select it.

    Mettagrid can count the agents on each straight side and all agents around, but cannot tell the
    corners apart.

    Args:
        station: rules of the station type.
        num_agents: agents of the mission.
        tag: tag of the station.

    Yields:
        recipe;
        number of agents around the station;
        filters on the positions of agents.

    Raises:
        NotTranslatableError: the recipe depends on a corner.
    """
    table = recipe_by_neighbor_byte(station)
    # (occupied sides, number of agents around) -> recipe
    recipe_of_formation: dict[tuple[int, int], int | None] = {}
    for byte in range(256):
        formation = byte & SIDES_MASK, byte.bit_count()
        if (
            formation[0]
            and formation[1] <= num_agents
            and recipe_of_formation.setdefault(formation, table[byte]) != table[byte]
        ):
            raise NotTranslatableError("its recipe depends on the corner that an agent occupies")
    for index, recipe in enumerate(station.recipes):
        formations = [
            formation
            for formation, recipe_index in recipe_of_formation.items()
            if recipe_index == index
        ]
        if len(formations) == len(recipe_of_formation):
            yield recipe, max(count for _, count in formations), []
            continue
        for count in sorted({count for _, count in formations}):
            sides_masks = [sides for sides, n in formations if n == count]
            has_count = equals("target", _agents_around(tag), count)
            if len(sides_masks) == sum(n == count for _, n in recipe_of_formation):
                yield recipe, count, has_count
                continue
            for sides in sides_masks:
                yield recipe, count, [*_agents_on_sides(tag, sides), *has_count]


def _agents_around(tag: str) -> Data:
    """Build the value: number of agents on the 8 cells around a station.

    These are the agents within a distance of 2, without those exactly two cells straight away.
    """
    directions = list(DIRECTIONS.values())
    return weighted_sum(
        [
            (1, count_agents(within_distance(2))),
            (-1, count_agents_in_line(tag, 2, directions)),
            (1, count_agents_in_line(tag, 1, directions)),
        ]
    )


def _agents_on_sides(tag: str, sides: int) -> Iterator[Data]:
    """Yield the filters: exactly these straight sides are occupied.

    Args:
        tag: tag of the station.
        sides: bit mask of POSITIONS.
    """
    for side in SIDES:
        is_occupied = at_least("target", count_agents_in_line(tag, 1, [DIRECTIONS[side]]), 1)
        yield is_occupied if sides >> POSITIONS.index(side) & 1 else negate(is_occupied)


def _cooldown_phases(
    recipe: Recipe, is_partial: bool, cooldown: int
) -> Iterator[tuple[list[Data], float]]:
    """Yield the phases of the cooldown in which the station can be used.

    Adjacent moments with equal amounts are one phase.

    Args:
        recipe: recipe of the use.
        is_partial: the station can be used during its cooldown.
        cooldown: cooldown of the station, in steps.

    Yields:
        filters on the remaining cooldown;
        progress of the cooldown, which scales inputs and outputs.
    """
    is_ready = [negate(has_resources("target", {COOLDOWN: 2}))] if cooldown else []
    yield is_ready, 1.0
    if not is_partial:
        return
    moments = [
        (remaining, _cooldown_progress(remaining, cooldown)) for remaining in range(1, cooldown + 1)
    ]
    while moments:
        first, progress = moments[0]
        amounts = _scaled_recipe(recipe, progress)
        same = [remaining for remaining, p in moments if _scaled_recipe(recipe, p) == amounts]
        lower, upper = {COOLDOWN: first + 1}, {COOLDOWN: same[-1] + 2}
        yield [has_resources("target", lower), negate(has_resources("target", upper))], progress
        moments = [moment for moment in moments if moment[0] > same[-1]]


def _cooldown_progress(remaining: int, cooldown: int) -> float:
    """Compute the elapsed fraction of the cooldown, in float32 like the simulator."""
    return float(np.float32(cooldown - remaining) / np.float32(cooldown))


def _scaled_recipe(recipe: Recipe, progress: float) -> tuple:
    """Return inputs and outputs of a recipe, scaled by the progress of the cooldown."""
    return (
        _scaled_amounts(recipe.inputs, progress, np.ceil),
        _scaled_amounts(recipe.outputs, progress, np.floor),
    )


def _scaled_amounts(amounts: dict[str, int], progress: float, rounding: np.ufunc) -> dict[str, int]:
    """Scale and round amounts, in the order of RESOURCES; zeros are omitted."""
    scaled = {
        r: int(rounding(np.float32(amounts.get(r, 0)) * np.float32(progress))) for r in RESOURCES
    }
    return {resource: amount for resource, amount in scaled.items() if amount}
