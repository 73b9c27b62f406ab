"""Loads: resources that each agent of a formation gathers, derived from the heart recipe."""

import math

from daf.missions import Assembler
from daf.missions.stations import Recipe, Resource
from daf.policies.baseline.roles import (
    CARRYING_CAPACITY,
    HEARTS_PER_TRIP,
    input_amounts_without_energy,
    min_team_size,
)
from daf.policies.game import Game

Load = dict[str, int]
"""Resource -> amount."""

MIN_FULL_TRIP_YIELD = 0.25
"""Part of a heart's largest input that one use must give, so that full trips are worth the time."""

SLOW_COOLDOWN = 10
"""Longest cooldown, in steps, of a source that is not slow: a charger's."""


def hearts_per_trip(game: Game, recipe: Recipe) -> int:
    """Return the hearts for which a formation gathers at a time.

    Full agents carry the most, but small sources take too long to fill them.
    """
    inputs = input_amounts_without_energy(recipe)
    main = max(inputs, key=lambda name: inputs[name])
    outputs = [
        source_recipe.outputs.get(main, 0)
        for source in find_sources(game, main)
        for source_recipe in source.recipes
    ]
    is_fast = max(outputs, default=0) >= MIN_FULL_TRIP_YIELD * inputs[main]
    return (
        _max_hearts_carried_by_formation(recipe)
        if is_fast
        else min(HEARTS_PER_TRIP, _max_hearts_carried_by_formation(recipe))
    )


def split_into_loads(recipe: Recipe, hearts: int) -> list[Load]:
    """Split the resources of some hearts into one load per agent of a formation.

    The largest resource goes first. Each resource fills empty agents; without empty agents, all
    agents with room share it. The loads of a full trip are scaled to the number of hearts.

    Args:
        recipe: heart recipe.
        hearts: number of hearts.
    """
    loads: list[Load] = [{} for _ in range(min_team_size(recipe))]
    full_trip = _max_hearts_carried_by_formation(recipe)
    inputs = input_amounts_without_energy(recipe)
    for name in sorted(inputs, key=lambda name: -inputs[name]):
        amount = inputs[name] * full_trip
        carriers = [load for load in loads if not load][: math.ceil(amount / CARRYING_CAPACITY)]
        if not carriers:
            carriers = [load for load in loads if sum(load.values()) < CARRYING_CAPACITY] or loads
        for load in carriers:
            load[name] = math.ceil(amount / len(carriers))
    return [
        {name: math.ceil(amount * hearts / full_trip) for name, amount in load.items()}
        for load in loads
    ]


def find_slow_resources(game: Game, recipe: Recipe) -> set[str]:
    """Find the resources of a heart that all sources give slowly, and without end."""
    return {
        name
        for name in input_amounts_without_energy(recipe)
        if find_sources(game, name)
        and all(
            station.max_uses == 0
            and all(
                source_recipe.cooldown > SLOW_COOLDOWN
                and source_recipe.outputs.get(name, 0) < CARRYING_CAPACITY
                for source_recipe in station.recipes
            )
            for station in find_sources(game, name)
        )
    }


def find_sources(game: Game, resource: Resource) -> list[Assembler]:
    """Find the station types that make a resource."""
    return [
        station
        for station in game.stations.values()
        if isinstance(station, Assembler) and any(resource in r.outputs for r in station.recipes)
    ]


def _max_hearts_carried_by_formation(recipe: Recipe) -> int:
    """Return the hearts for which full agents of a formation carry the resources; at least 1."""
    capacity = min_team_size(recipe) * CARRYING_CAPACITY
    return max(1, capacity // sum(input_amounts_without_energy(recipe).values()))
