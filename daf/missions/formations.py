"""Recipe of a station by the formation of the agents around it."""

from daf.missions.stations import POSITIONS, Assembler


def recipe_index_by_neighbor_mask(station: Assembler) -> list[int | None]:
    """Return the recipe index of each of the 256 neighbor masks; None without a recipe.

    A later recipe overrides an earlier one (RULES 5: recipes are entered in list order).
    """
    recipes: list[int | None] = [None] * 256
    for index, recipe in enumerate(station.recipes):
        for formation in recipe.formations:
            fixed = sum(
                1 << POSITIONS.index(position) for position in formation if position != "any"
            )
            for mask in range(256):
                if mask & fixed == fixed and mask.bit_count() == len(formation):
                    recipes[mask] = index
    return recipes
