"""Stations and amounts of a game, as a Warp struct for the kernel."""

from collections.abc import Iterable

import torch
import warp as wp

from daf.missions.stations import POSITIONS
from daf.policies.baseline.roles import (
    amounts_to_carry,
    cheapest_recipe,
    input_amounts_without_energy,
    list_feasible_heart_recipes,
    min_team_size,
    station_roles,
)
from daf.policies.baseline.window import FEATURES, NO_PLANE
from daf.policies.game import Game

ENERGY_RESERVE = 15  # energy for the path to a charger


@wp.struct
class Strategy:
    """Useful station types and the resources of a heart.

    A kind is the index of a useful station type, B in number. Sets of kinds, moves and positions
    are bit masks; R is the number of resources that a heart needs.

    Attributes:
        type_id: int32 [B], type id in observations.
        max_cooldown: int32 [B], longest remaining cooldown of a target.
        stock_plane: int32 [B], plane of the resource that the station must contain, or NO_PLANE.
        moves: int32 [B], set of moves that use the station.
        team_size: int32 [B], agents that should be around the station.
        assemblers: set of kinds that make hearts.
        heart_chests: set of kinds that store hearts.
        chargers: set of kinds that give energy.
        team_stations: set of kinds with a team size above 1.
        resource: int32 [R], plane of the resource.
        amount: int32 [R], amount that each agent gathers.
        recipe_amount: int32 [R], amount of one heart.
        sources: int32 [R], set of kinds that give the resource.
        team: agents that make a heart together.
        assembly_positions: set of positions around an assembler from which hearts are made, see
            POSITIONS.
        solo_assembly: all heart recipes need exactly one agent.
        low_energy: below this energy an agent recharges.
        move_energy: energy of one move.
        net_move_cost: energy of one move less the energy regained per step.
    """

    type_id: wp.array(dtype=wp.int32)
    max_cooldown: wp.array(dtype=wp.int32)
    stock_plane: wp.array(dtype=wp.int32)
    moves: wp.array(dtype=wp.int32)
    team_size: wp.array(dtype=wp.int32)
    assemblers: int
    heart_chests: int
    chargers: int
    team_stations: int
    resource: wp.array(dtype=wp.int32)
    amount: wp.array(dtype=wp.int32)
    recipe_amount: wp.array(dtype=wp.int32)
    sources: wp.array(dtype=wp.int32)
    team: int
    assembly_positions: int
    solo_assembly: bool
    low_energy: int
    move_energy: int
    net_move_cost: int


def list_observed_features(game: Game) -> tuple[str, ...]:
    """Return the names of the features that the policy observes, one per plane."""
    amounts = amounts_to_carry(cheapest_recipe(list_feasible_heart_recipes(game)))
    return FEATURES + tuple(name for name in amounts if name not in FEATURES)


def build_strategy(game: Game, features: tuple[str, ...], device: str) -> Strategy:
    """Build the strategy of a game.

    Args:
        game: stations, recipes and observation interface.
        features: names of the observed features, one per plane.
        device: torch device of the arrays.
    """
    recipes = list_feasible_heart_recipes(game)
    recipe = cheapest_recipe(recipes)
    amounts = amounts_to_carry(recipe)
    roles = station_roles(game)
    planes = {name: plane for plane, name in enumerate(features)}
    formations = [formation for recipe in recipes for formation in recipe.formations]
    cells = {cell for formation in formations for cell in formation}

    def int_array(values: list[int]) -> wp.array:
        return wp.from_torch(torch.tensor(values, dtype=torch.int32, device=device))

    def kinds_with_role(name: str) -> int:
        return bitmask(kind for kind, role in enumerate(roles) if role.role == name)

    strategy = Strategy()
    # useful station types
    strategy.type_id = int_array([role.type_id for role in roles])
    strategy.max_cooldown = int_array([role.max_cooldown for role in roles])
    strategy.stock_plane = int_array([planes.get(role.stock, NO_PLANE) for role in roles])
    strategy.moves = int_array([bitmask(role.moves) for role in roles])
    strategy.team_size = int_array([role.team_size for role in roles])
    strategy.assemblers, strategy.heart_chests, strategy.chargers = map(
        kinds_with_role, ("assembler", "heart_chest", "energy")
    )
    strategy.team_stations = bitmask(kind for kind, role in enumerate(roles) if role.team_size > 1)
    # resources of a heart
    strategy.resource = int_array([planes[name] for name in amounts])
    strategy.amount = int_array(list(amounts.values()))
    strategy.recipe_amount = int_array(list(input_amounts_without_energy(recipe).values()))
    strategy.team = min_team_size(recipe)
    strategy.sources = int_array([kinds_with_role(name) for name in amounts])
    # formations
    strategy.assembly_positions = bitmask(
        i for i, position in enumerate(POSITIONS) if {position, "any"} & cells
    )
    strategy.solo_assembly = all(len(formation) == 1 for formation in formations)
    # energy
    strategy.low_energy = ENERGY_RESERVE + max((role.energy_cost for role in roles), default=0)
    strategy.move_energy = game.move_energy
    strategy.net_move_cost = game.move_energy - game.energy_regained
    return strategy


def bitmask(members: Iterable[int]) -> int:
    """Return the bit mask of a set of small integers."""
    return sum(1 << member for member in members)
