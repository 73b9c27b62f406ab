"""Gear that repairs clipped stations, derived from the recipes of a game."""

from collections.abc import Sequence
from dataclasses import dataclass

from daf.missions import Assembler
from daf.policies.game import Game


@dataclass(frozen=True)
class Gear:
    """Gear that repairs clipped stations, and the recipe that two agents use to make it.

    Attributes:
        name: resource name of the gear.
        resource: resource that the recipe consumes.
        amount: amount that it consumes.
        helper_position: position around the assembler of the agent that only helps.
    """

    name: str
    resource: str
    amount: int
    helper_position: str


def find_repair_gear_made_by_two_agents(
    game: Game, gatherable_resources: Sequence[str]
) -> Gear | None:
    """Find the gear of a game with a single repair recipe; None if it cannot be made in pairs.

    Args:
        game: stations, recipes and repairs.
        gatherable_resources: resources that the agents gather.
    """
    if len(game.repairs) != 1 or len(game.repairs[0].inputs) != 1:
        return None
    (name,) = game.repairs[0].inputs
    for station in game.stations.values():
        for recipe in station.recipes if isinstance(station, Assembler) else ():
            shared = set.intersection(*(set(cells) for cells in recipe.formations or [()]))
            is_for_pairs = all(len(formation) == 2 for formation in recipe.formations)
            is_simple = is_for_pairs and len(shared - {"any"}) == len(recipe.inputs) == 1
            if name in recipe.outputs and is_simple:
                ((resource, amount),) = recipe.inputs.items()
                if resource in gatherable_resources:
                    return Gear(name, resource, amount, *(shared - {"any"}))
    return None
