"""What each kind of station is good for when hearts are the aim: read from recipes and sides."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from daf.missions import RESOURCES, Assembler, Chest
from daf.missions.stations import Recipe
from daf.policies.game import Game

HEARTS_PER_TRIP = 2
"""Hearts that a formation is to make before its agents gather again."""

APPROACH_SIDES = ("S", "N", "E", "W")  # where an agent stands to move N, S, W, E into a station


@dataclass(frozen=True)
class StationRole:
    """A useful kind of station.

    Attributes:
        role: "maker" of hearts, "depot" for hearts, or the resource that it gives.
        type_id: as agents see it.
        moves: the moves (0 to 3 for N S W E) that use it.
        patience: with a longer cooldown it is left alone.
        cost: the energy that one use takes.
        stock: the resource that has to be in it; None if it needs none.
        company: so many agents should stand around it: more get no more, fewer get less for it.
    """

    role: str
    type_id: int
    moves: tuple[int, ...]
    patience: int = 0
    cost: int = 0
    stock: str | None = None
    company: int = 1


def heart_recipes(game: Game) -> list[Recipe]:
    """The recipes of the game that make hearts, and for which there are agents enough."""
    assemblers = [s for s in game.stations.values() if isinstance(s, Assembler)]
    possible = [r for station in assemblers for r in _possible(station, game.num_agents)]
    return [recipe for recipe in possible if "heart" in recipe.outputs]


def best_recipe(recipes: list[Recipe]) -> Recipe | None:
    """The one that takes least, energy aside, which comes back; None if there is none."""
    return min(recipes, key=lambda recipe: sum(materials(recipe).values()), default=None)


def materials(recipe: Recipe | None) -> dict[str, int]:
    """What it takes but for energy: resource -> amount."""
    inputs = recipe.inputs if recipe else {}
    return {name: inputs[name] for name in RESOURCES if name != "energy" and inputs.get(name)}


def min_team_size(recipe: Recipe | None) -> int:
    """The fewest agents that can stand in one of its formations."""
    return min(map(len, recipe.formations)) if recipe else 0


def amounts_needed(recipe: Recipe | None) -> dict[str, int]:
    """What an agent should carry to make hearts by the recipe: resource -> amount.

    All who stand in the formation pay together: a part of what they need for `HEARTS_PER_TRIP` hearts is
    enough, but never more than one heart takes.
    """
    part = min(1, HEARTS_PER_TRIP / min_team_size(recipe)) if recipe else 0
    return {name: math.ceil(amount * part) for name, amount in materials(recipe).items()}


def useful_kinds(game: Game) -> tuple[StationRole, ...]:
    """The kinds of the game that have a role in making hearts."""
    needs = amounts_needed(best_recipe(heart_recipes(game)))
    kinds = [
        _chest(station, needs)
        if isinstance(station, Chest)
        else _assembler(station, _possible(station, game.num_agents), needs)
        for station in game.stations.values()
    ]
    return tuple(kind for kind in kinds if kind is not None)


def _chest(chest: Chest, needs: dict[str, int]) -> StationRole | None:
    sides = {side: change for side, change in chest.sides.items() if side in APPROACH_SIDES}
    give, take = max(sides.values(), default=0), min(sides.values(), default=0)
    if chest.resource == "heart" and give > 0:
        return StationRole("depot", chest.type_id, _moves(s for s in sides if sides[s] == give))
    if chest.resource in needs and take < 0:
        moves = _moves(s for s in sides if sides[s] == take)
        return StationRole(chest.resource, chest.type_id, moves, stock=chest.resource)
    return None


def _assembler(
    station: Assembler, recipes: list[Recipe], needs: dict[str, int]
) -> StationRole | None:
    cost = max((recipe.inputs.get("energy", 0) for recipe in recipes), default=0)
    hearts = [recipe for recipe in recipes if "heart" in recipe.outputs]
    if hearts:
        cells = {cell for recipe in hearts for formation in recipe.formations for cell in formation}
        moves = _moves(APPROACH_SIDES if "any" in cells else cells)
        company = min_team_size(best_recipe(hearts))
        return StationRole("maker", station.type_id, moves, cost=cost, company=company)
    useful = sorted({"energy", *needs} & {name for r in recipes for name in r.outputs})
    if not useful:
        return None
    # A partial use counts in full where the uses are limited.
    partial = station.partial and station.max_uses == 0
    patience = max(recipe.cooldown for recipe in recipes) // 2 if partial else 0
    company = 1
    if station.max_uses:  # no use is to be wasted on less than it could give
        given = [recipe.outputs.get(useful[0], 0) for recipe in recipes]
        company = min_team_size(recipes[given.index(max(given))])
    return StationRole(useful[0], station.type_id, (0, 1, 2, 3), patience, cost, company=company)


def _possible(station: Assembler, agents: int) -> list[Recipe]:
    """The recipes for which so many agents are enough."""
    return [recipe for recipe in station.recipes if min_team_size(recipe) <= agents]


def _moves(sides: Iterable[str]) -> tuple[int, ...]:
    return tuple(sorted(APPROACH_SIDES.index(side) for side in sides if side in APPROACH_SIDES))
