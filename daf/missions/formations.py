"""Which recipe a station follows, by who stands around it."""

from daf.missions.stations import POSITIONS, Assembler


def recipe_by_neighbor_byte(station: Assembler) -> list[int | None]:
    """Number of the recipe for each of the 256 neighbour bytes, None where there is none.

    A later recipe wins over an earlier one (RULES 5: recipes are entered in list order).
    """
    found: list[int | None] = [None] * 256
    for number, recipe in enumerate(station.recipes):
        for formation in recipe.formations:
            fixed = sum(1 << POSITIONS.index(place) for place in formation if place != "any")
            for byte in range(256):
                if byte & fixed == fixed and byte.bit_count() == len(formation):
                    found[byte] = number
    return found
