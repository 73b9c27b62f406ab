"""What there is to do in a game, as a kernel takes it."""

import torch
import warp as wp

from daf.missions.stations import POSITIONS
from daf.policies.baseline.roles import (
    amounts_needed,
    best_recipe,
    heart_recipes,
    materials,
    min_team_size,
    useful_kinds,
)
from daf.policies.baseline.window import FEATURES, NO_PLANE
from daf.policies.game import Game

RESERVE = 15  # energy kept for the way to a charger


@wp.struct
class Strategy:
    """The useful kinds of stations, and the resources for a heart. Sets of kinds, moves and cells
    are bit masks.

    Attributes:
        type_id, patience, stock, moves, company: int32 [K], see `Kind`; `stock` is the plane of the
            resource.
        makers, depots, chargers, shared: sets of kinds by role; `shared` are those at which company
            helps.
        resource, amount, taken, sources: int32 [M]: the plane of a resource, how much an agent
            should carry, how much a heart takes of all together, the kinds that give it.
        team: so many make a heart together.
        berths: the cells around an assembler from which hearts are made, of POSITIONS.
        alone: the recipes want one agent alone there.
        low: with less energy an agent goes to a charger.
        move_energy: what a step takes.
        price: what a step takes less what comes back by itself.
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


def build_strategy(game: Game, device: str) -> tuple[Strategy, tuple[str, ...]]:
    """The strategy in a game, and the features to look at, by plane."""
    recipes = heart_recipes(game)
    best = best_recipe(recipes)
    amounts = amounts_needed(best)
    kinds = useful_kinds(game)
    features = FEATURES + tuple(name for name in amounts if name not in FEATURES)
    planes = {name: plane for plane, name in enumerate(features)}
    formations = [formation for recipe in recipes for formation in recipe.formations]
    berths = {cell for formation in formations for cell in formation}

    def numbers(values: list[int]) -> wp.array:
        return wp.from_torch(torch.tensor(values, dtype=torch.int32, device=device))

    def of_role(role: str) -> int:
        return bitmask(k for k, kind in enumerate(kinds) if kind.role == role)

    strategy = Strategy()
    strategy.type_id = numbers([kind.type_id for kind in kinds])
    strategy.max_cooldown = numbers([kind.patience for kind in kinds])
    strategy.stock_plane = numbers([planes.get(kind.stock, NO_PLANE) for kind in kinds])
    strategy.moves = numbers([bitmask(kind.moves) for kind in kinds])
    strategy.team_size = numbers([kind.company for kind in kinds])
    strategy.assemblers, strategy.heart_chests, strategy.chargers = map(
        of_role, ("maker", "depot", "energy")
    )
    strategy.team_stations = bitmask(k for k, kind in enumerate(kinds) if kind.company > 1)
    strategy.resource = numbers([planes[name] for name in amounts])
    strategy.amount = numbers(list(amounts.values()))
    strategy.recipe_amount = numbers(list(materials(best).values()))
    strategy.team = min_team_size(best)
    strategy.sources = numbers([of_role(name) for name in amounts])
    strategy.assembly_positions = bitmask(
        i for i, cell in enumerate(POSITIONS) if {cell, "any"} & berths
    )
    strategy.solo_assembly = all(len(formation) == 1 for formation in formations)
    strategy.low_energy = RESERVE + max((kind.cost for kind in kinds), default=0)
    strategy.move_energy = game.move_energy
    strategy.net_move_cost = game.move_energy - game.energy_regained
    return strategy, features


def bitmask(members) -> int:
    return sum(1 << member for member in members)
