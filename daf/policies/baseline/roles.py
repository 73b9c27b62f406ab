"""Role of each station type in making hearts, derived from recipes and chest sides."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from daf.missions import RESOURCES, Assembler, Chest
from daf.missions.stations import Recipe, Resource
from daf.policies.game import Game

CARRYING_CAPACITY = 100
"""Units of all resources together that an agent carries; the default limit of missions."""

HEARTS_PER_TRIP = 2
"""Hearts for which agents without a place in the team gather at a time."""

APPROACH_SIDES = ("S", "N", "E", "W")  # side of a station from which the move N, S, W, E enters it


@dataclass(frozen=True)
class StationRole:
    """Useful station type with its role.

    Attributes:
        role: "assembler" of hearts, "heart_chest", or the resource that the station gives.
        type_id: type id in observations.
        entry_moves: moves (0 to 3 for N S W E) that use the station.
        max_cooldown: with a longer remaining cooldown the station is no target.
        energy_cost: energy of one use.
        required_stock_resource: resource that the station must contain; None for no condition.
        team_size: agents around the station that maximize its output per agent.
        is_large: one use can fill an agent.
    """

    role: str
    type_id: int
    entry_moves: tuple[int, ...]
    max_cooldown: int = 0
    energy_cost: int = 0
    required_stock_resource: str | None = None
    team_size: int = 1
    is_large: bool = False


def list_feasible_heart_recipes(game: Game) -> list[Recipe]:
    """Return the heart recipes whose formations need at most the agents of the game."""
    assemblers = [s for s in game.stations.values() if isinstance(s, Assembler)]
    recipes = [r for station in assemblers for r in _possible_recipes(station, game.num_agents)]
    return [recipe for recipe in recipes if "heart" in recipe.outputs]


def cheapest_recipe(recipes: list[Recipe]) -> Recipe | None:
    """Return the recipe with the smallest sum of inputs, without energy; None for no recipes."""
    return min(
        recipes, key=lambda recipe: sum(input_amounts_without_energy(recipe).values()), default=None
    )


def input_amounts_without_energy(recipe: Recipe | None) -> dict[Resource, int]:
    """Return the inputs of a recipe without energy: resource -> amount."""
    inputs = recipe.inputs if recipe else {}
    return {name: inputs[name] for name in RESOURCES if name != "energy" and inputs.get(name)}


def min_team_size(recipe: Recipe | None) -> int:
    """Return the number of agents in the smallest formation of a recipe."""
    return min(map(len, recipe.formations)) if recipe else 0


def amounts_to_carry_per_agent(recipe: Recipe | None) -> dict[str, int]:
    """Return the resources that each agent gathers for a heart recipe: resource -> amount.

    The agents of a formation pay together. Each carries its part of `HEARTS_PER_TRIP` hearts, but
    never more than one heart needs.
    """
    part = min(1, HEARTS_PER_TRIP / min_team_size(recipe)) if recipe else 0
    return {
        name: math.ceil(amount * part)
        for name, amount in input_amounts_without_energy(recipe).items()
    }


def station_roles(game: Game) -> tuple[StationRole, ...]:
    """Return the station types that have a role in making hearts."""
    amounts = amounts_to_carry_per_agent(cheapest_recipe(list_feasible_heart_recipes(game)))
    roles = [
        _chest_role(station, amounts)
        if isinstance(station, Chest)
        else _assembler_role(station, _possible_recipes(station, game.num_agents), amounts)
        for station in game.stations.values()
    ]
    return tuple(role for role in roles if role is not None)


def _chest_role(chest: Chest, target_amounts: dict[str, int]) -> StationRole | None:
    """Return the role of a chest: store of hearts, or source of a resource.

    Args:
        chest: station type.
        target_amounts: amount of each resource that an agent gathers.
    """
    sides = {side: delta for side, delta in chest.sides.items() if side in APPROACH_SIDES}
    deposit, withdrawal = max(sides.values(), default=0), min(sides.values(), default=0)
    if chest.resource == "heart" and deposit > 0:
        moves = _find_entry_moves(side for side in sides if sides[side] == deposit)
        return StationRole("heart_chest", chest.type_id, moves)
    if chest.resource in target_amounts and withdrawal < 0:
        moves = _find_entry_moves(side for side in sides if sides[side] == withdrawal)
        return StationRole(
            chest.resource, chest.type_id, moves, required_stock_resource=chest.resource
        )
    return None


def _assembler_role(
    station: Assembler, recipes: list[Recipe], target_amounts: dict[str, int]
) -> StationRole | None:
    """Return the role of an assembler or extractor: maker of hearts, or source of a resource.

    Args:
        station: station type.
        recipes: recipes that the agents of the game can use.
        target_amounts: amount of each resource that an agent gathers.
    """
    energy_cost = max((recipe.inputs.get("energy", 0) for recipe in recipes), default=0)
    hearts = [recipe for recipe in recipes if "heart" in recipe.outputs]
    if hearts:
        cells = {cell for recipe in hearts for formation in recipe.formations for cell in formation}
        moves = _find_entry_moves(APPROACH_SIDES if "any" in cells else cells)
        return StationRole(
            "assembler",
            station.type_id,
            moves,
            energy_cost=energy_cost,
            team_size=min_team_size(cheapest_recipe(hearts)),
        )
    obtainable = {"energy", *target_amounts}
    useful: list[Resource] = sorted(n for r in recipes for n in r.outputs if n in obtainable)
    if not useful:
        return None
    # A partial use reduces the remaining uses by one, like a full use.
    is_partial = station.partial and station.max_uses == 0
    max_cooldown = max(recipe.cooldown for recipe in recipes) // 2 if is_partial else 0
    team_size = 1
    if station.max_uses:  # limited uses: wait for the formation with the largest output
        outputs = [recipe.outputs.get(useful[0], 0) for recipe in recipes]
        team_size = min_team_size(recipes[outputs.index(max(outputs))])
    max_output = max(recipe.outputs.get(useful[0], 0) for recipe in recipes)
    return StationRole(
        useful[0],
        station.type_id,
        (0, 1, 2, 3),
        max_cooldown,
        energy_cost,
        team_size=team_size,
        is_large=useful[0] != "energy" and max_output >= CARRYING_CAPACITY,
    )


def _possible_recipes(station: Assembler, num_agents: int) -> list[Recipe]:
    """Return the recipes with a formation of at most this number of agents."""
    return [recipe for recipe in station.recipes if min_team_size(recipe) <= num_agents]


def _find_entry_moves(approach_sides: Iterable[str]) -> tuple[int, ...]:
    """Find the moves that enter a station from these sides."""
    return tuple(
        sorted(APPROACH_SIDES.index(side) for side in approach_sides if side in APPROACH_SIDES)
    )
