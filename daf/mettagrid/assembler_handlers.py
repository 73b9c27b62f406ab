"""Handlers of assemblers in mettagrid: recipes, formations of agents and phases of the cooldown."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from daf.mettagrid.handlers import (
    DIRECTIONS,
    FilterData,
    HandlerData,
    ValueData,
    add_resources,
    build_handler,
    carries_at_least,
    count_agents,
    count_agents_in_line,
    counted_agent_within_radius,
    negate,
    value_at_least,
    value_equals,
    weighted_sum,
)
from daf.missions import POSITIONS, RESOURCES, Assembler, Mission, Recipe, Resource
from daf.missions.formations import recipe_index_by_neighbor_mask

COOLDOWN, USES = "cooldown", "remaining_uses"
"""Amounts that a station carries. Mettagrid can lower the cooldown only at the end of a step, so
the amount is the remaining cooldown + 1 during a step, and the remaining cooldown between steps."""

MAX_COOLDOWN = 65534  # amounts of mettagrid have 16 bits
SIDES = tuple(side for side in POSITIONS if side in DIRECTIONS)
SIDES_MASK = sum(1 << POSITIONS.index(side) for side in SIDES)


class NotTranslatableError(ValueError):
    """Rule that mettagrid's handlers cannot express; the message names it."""


class _FormationRecipe(NamedTuple):
    """Recipe, and the number of agents around the station that select it."""

    recipe: Recipe
    num_neighbors: int
    agent_position_filters: list[FilterData]  # filters on the positions of the agents


class _CooldownPhase(NamedTuple):
    """Part of the cooldown with equal inputs and outputs of a use."""

    filters: list[FilterData]  # filters on the remaining cooldown
    progress: float  # elapsed fraction of the cooldown, which scales inputs and outputs


def build_assembler_handlers(
    mission: Mission, station_type: str, assembler: Assembler, station_tag: str
) -> Iterator[HandlerData]:
    """Yield one handler per recipe, formation and phase of the cooldown.

    Args:
        mission: mission of the station.
        station_type: name of the station type.
        assembler: rules of the station type.
        station_tag: tag of the station.

    Raises:
        NotTranslatableError: mettagrid cannot express a rule.
    """
    _check_translatable_assembler(mission, station_type, assembler)
    recipes = list(_recipes_with_filters(assembler, mission.num_agents, station_tag))
    cooldowns = {recipe.cooldown for recipe, _, _ in recipes}
    if max(cooldowns, default=0) > MAX_COOLDOWN:
        raise NotTranslatableError(f"its cooldown is above {MAX_COOLDOWN}")
    if assembler.partial and len(cooldowns) > 1:
        raise NotTranslatableError("partial uses of recipes with different cooldowns")
    has_uses = [carries_at_least("target", {USES: 1})] if assembler.max_uses else []
    for index, (recipe, num_neighbors, formation) in enumerate(recipes):
        if num_neighbors > 1 and any(recipe.inputs.values()):
            raise NotTranslatableError(
                "several agents pay the inputs, in an order unknown to mettagrid"
            )
        for phase, progress in _cooldown_phases(recipe, assembler.partial, max(cooldowns)):
            inputs, outputs = _scale_inputs_and_outputs(recipe, progress)
            if any(recipe.outputs.values()) and not outputs:
                continue
            can_pay = [carries_at_least("actor", inputs)] if inputs else []
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
            if assembler.max_uses:
                mutations.append(add_resources("target", {USES: -1}))
            filters = [*has_uses, *phase, *can_pay, *formation]
            yield build_handler(f"use_{index}_{progress:.6f}", filters, mutations)


def _check_translatable_assembler(
    mission: Mission, station_type: str, assembler: Assembler
) -> None:
    """Check that an assembler has no exhaustion and is not on the edge of the map.

    Args:
        mission: mission of the station.
        station_type: name of the station type.
        assembler: rules of the station type.

    Raises:
        NotTranslatableError: a rule that mettagrid cannot express.
    """
    if assembler.exhaustion:
        raise NotTranslatableError("its cooldown grows by a factor (exhaustion)")
    last_row, last_column = mission.height - 1, mission.width - 1
    for row, column, _ in mission.find_cells_with(station_type):
        if row in (0, last_row) or column in (0, last_column):
            raise NotTranslatableError("it is on the edge of the map")


def _recipes_with_filters(
    assembler: Assembler, num_agents: int, station_tag: str
) -> Iterator[_FormationRecipe]:
    """Yield every usable recipe with the formations that select it.

    Mettagrid can count the agents on each straight side and all agents around, but cannot tell the
    corners apart.

    Args:
        assembler: rules of the station type.
        num_agents: agents of the mission.
        station_tag: tag of the station.

    Raises:
        NotTranslatableError: the recipe depends on a corner.
    """
    table = recipe_index_by_neighbor_mask(assembler)
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
    for index, recipe in enumerate(assembler.recipes):
        formations = [
            formation
            for formation, recipe_index in recipe_of_formation.items()
            if recipe_index == index
        ]
        if len(formations) == len(recipe_of_formation):
            yield _FormationRecipe(recipe, max(count for _, count in formations), [])
            continue
        for count in sorted({count for _, count in formations}):
            sides_masks = [sides for sides, n in formations if n == count]
            has_count = value_equals("target", _count_neighbor_agents(station_tag), count)
            if len(sides_masks) == sum(n == count for _, n in recipe_of_formation):
                yield _FormationRecipe(recipe, count, has_count)
                continue
            for sides in sides_masks:
                filters = [*_exact_agent_side_filters(station_tag, sides), *has_count]
                yield _FormationRecipe(recipe, count, filters)


def _count_neighbor_agents(station_tag: str) -> ValueData:
    """Build the value: number of agents on the 8 cells around a station.

    These are the agents within a distance of 2, without those exactly two cells straight away.
    """
    directions = list(DIRECTIONS.values())
    return weighted_sum(
        [
            (1, count_agents(counted_agent_within_radius(2))),
            (-1, count_agents_in_line(station_tag, 2, directions)),
            (1, count_agents_in_line(station_tag, 1, directions)),
        ]
    )


def _exact_agent_side_filters(station_tag: str, side_mask: int) -> Iterator[FilterData]:
    """Yield the filters: exactly these straight sides are occupied.

    Args:
        station_tag: tag of the station.
        side_mask: bit mask of POSITIONS.
    """
    for side in SIDES:
        agents_on_side = count_agents_in_line(station_tag, 1, [DIRECTIONS[side]])
        is_occupied = value_at_least("target", agents_on_side, 1)
        yield is_occupied if side_mask >> POSITIONS.index(side) & 1 else negate(is_occupied)


def _cooldown_phases(
    recipe: Recipe, allows_partial_use: bool, cooldown_steps: int
) -> Iterator[_CooldownPhase]:
    """Yield the phases of the cooldown in which the station can be used.

    Adjacent moments with equal amounts are one phase.

    Args:
        recipe: recipe of the use.
        allows_partial_use: the station can be used during its cooldown.
        cooldown_steps: cooldown of the station.
    """
    is_ready = [negate(carries_at_least("target", {COOLDOWN: 2}))] if cooldown_steps else []
    yield _CooldownPhase(is_ready, 1.0)
    if not allows_partial_use:
        return
    moments = [
        (remaining, _cooldown_progress(remaining, cooldown_steps))
        for remaining in range(1, cooldown_steps + 1)
    ]
    while moments:
        first, progress = moments[0]
        amounts = _scale_inputs_and_outputs(recipe, progress)
        same = [
            remaining for remaining, p in moments if _scale_inputs_and_outputs(recipe, p) == amounts
        ]
        lower, upper = {COOLDOWN: first + 1}, {COOLDOWN: same[-1] + 2}
        filters = [carries_at_least("target", lower), negate(carries_at_least("target", upper))]
        yield _CooldownPhase(filters, progress)
        moments = [moment for moment in moments if moment[0] > same[-1]]


def _cooldown_progress(remaining_steps: int, cooldown_steps: int) -> float:
    """Compute the elapsed fraction of the cooldown, in float32 like the simulator."""
    return float(np.float32(cooldown_steps - remaining_steps) / np.float32(cooldown_steps))


def _scale_inputs_and_outputs(
    recipe: Recipe, progress: float
) -> tuple[dict[str, int], dict[str, int]]:
    """Return inputs and outputs of a recipe, scaled by the progress of the cooldown."""
    return (
        _scaled_amounts(recipe.inputs, progress, np.ceil),
        _scaled_amounts(recipe.outputs, progress, np.floor),
    )


def _scaled_amounts(
    amounts: Mapping[Resource, int], progress: float, rounding_function: np.ufunc
) -> dict[str, int]:
    """Scale and round amounts, in the order of RESOURCES; zeros are omitted."""
    scaled = {
        r: int(rounding_function(np.float32(amounts.get(r, 0)) * np.float32(progress)))
        for r in RESOURCES
    }
    return {resource: amount for resource, amount in scaled.items() if amount}
