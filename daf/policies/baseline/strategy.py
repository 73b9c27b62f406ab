"""Stations, loads and limits of a game, as a Warp struct for the kernel."""

from collections.abc import Iterable

import torch
import warp as wp

from daf.missions.stations import POSITIONS, Recipe
from daf.policies.baseline.gear import find_repair_gear_made_by_two_agents
from daf.policies.baseline.loads import (
    find_slow_resources,
    find_sources,
    hearts_per_trip,
    split_into_loads,
)
from daf.policies.baseline.roles import (
    StationRole,
    amounts_to_carry_per_agent,
    cheapest_recipe,
    input_amounts_without_energy,
    list_feasible_heart_recipes,
    min_team_size,
    station_roles,
)
from daf.policies.baseline.window import FEATURES, NO_PLANE
from daf.policies.game import Game

ENERGY_RESERVE = 15  # energy for the path to a charger
FIRST_GLYPH_ACTION = 5  # noop, 4 moves, then glyph 0

SHORT_WAIT, LONG_WAIT = 20, 200
"""Steps to wait for others at a station: with many stations, and with few."""

SHORT_TRIP, CROWDED_TRIP, LONG_TRIP = 150, 100, 600
"""Steps of a trip with many stations, with more agents than a team needs, and with few stations."""


@wp.struct
class Strategy:
    """Useful station types, the resources of a heart, and how the agents share the work.

    A kind is the index of a useful station type, B in number. Sets of kinds, moves, positions,
    resources and carriers are bit masks; R is the number of resources that a heart needs. A carrier
    is a row of the loads: an agent of a formation, C in number, or any other agent (the last row).

    Attributes:
        type_id: int32 [B], type id in observations.
        max_cooldown: int32 [B], longest remaining cooldown of a target.
        stock_plane: int32 [B], plane of the resource that the station must contain, or NO_PLANE.
        moves: int32 [B], set of moves that use the station.
        team_size: int32 [B], agents that should be around the station.
        assemblers: set of kinds that make hearts.
        heart_chests: set of kinds that store hearts.
        chargers: set of kinds that give energy.
        large_sources: set of kinds of which one use can fill an agent.
        team_sources: set of kinds that give more to more agents.
        resource: int32 [R], plane of the resource.
        load: int32 [C + 1, R], amount that each carrier gathers.
        recipe_amount: int32 [R], amount of one heart.
        sources: int32 [R], set of kinds that give the resource.
        team_resources: set of resources that the team sources give.
        team_collectors: set of carriers with a team resource in their load.
        staying_carriers: set of carriers that stay at a slow source.
        team_stock_of_heart: amount of team resources of one heart.
        low_team_stock: below this amount of team resources agents lead others to a team source.
        full_team_stock: amount of team resources at which leaders stop.
        team: agents that make a heart together.
        num_agents: agents of a world.
        assembly_positions: set of positions around an assembler from which hearts are made, see
            POSITIONS.
        solo_assembly: all heart recipes need exactly one agent.
        waits_for_team: agents that know a team source wait for all others there.
        wait_limit: steps to wait at a station for other agents.
        trip_limit: steps after which an agent returns with an incomplete load.
        max_steps: length of an episode in steps, 0 for no limit.
        gear_plane: plane of the gear that repairs clipped stations, or NO_PLANE.
        gear_resource: index of the resource that the gear consumes.
        gear_amount: amount that the gear consumes.
        helper_position: position around an assembler of the agent that helps to make gear.
        num_glyphs: number of glyphs that agents can show.
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
    large_sources: int
    team_sources: int
    resource: wp.array(dtype=wp.int32)
    load: wp.array2d(dtype=wp.int32)
    recipe_amount: wp.array(dtype=wp.int32)
    sources: wp.array(dtype=wp.int32)
    team_resources: int
    team_collectors: int
    staying_carriers: int
    team_stock_of_heart: int
    low_team_stock: int
    full_team_stock: int
    team: int
    num_agents: int
    assembly_positions: int
    solo_assembly: bool
    waits_for_team: bool
    wait_limit: int
    trip_limit: int
    max_steps: int
    gear_plane: int
    gear_resource: int
    gear_amount: int
    helper_position: int
    num_glyphs: int
    low_energy: int
    move_energy: int
    net_move_cost: int


def list_observed_features(game: Game) -> tuple[str, ...]:
    """Return the names of the features that the policy observes, one per plane."""
    amounts = amounts_to_carry_per_agent(cheapest_recipe(list_feasible_heart_recipes(game)))
    gear = find_repair_gear_made_by_two_agents(game, list(amounts))
    names = [*amounts, *([gear.name] if gear else [])]
    return FEATURES + tuple(name for name in names if name not in FEATURES)


def build_strategy(game: Game, plane_features: tuple[str, ...], device: str) -> Strategy:
    """Build the strategy of a game.

    Args:
        game: stations, recipes and observation interface.
        plane_features: names of the observed features, one per plane.
        device: torch device of the arrays.
    """
    recipes = list_feasible_heart_recipes(game)
    recipe = cheapest_recipe(recipes)
    names = list(amounts_to_carry_per_agent(recipe))
    roles = station_roles(game)
    planes = {name: plane for plane, name in enumerate(plane_features)}
    formations = [formation for recipe in recipes for formation in recipe.formations]
    cells = {cell for formation in formations for cell in formation}

    def make_int_array(values: list) -> wp.array:
        return wp.from_torch(torch.tensor(values, dtype=torch.int32, device=device))

    def build_kind_mask_for_role(role_name: str) -> int:
        return bitmask(kind for kind, role in enumerate(roles) if role.role == role_name)

    strategy = Strategy()
    # useful station types
    strategy.type_id = make_int_array([role.type_id for role in roles])
    strategy.max_cooldown = make_int_array([role.max_cooldown for role in roles])
    strategy.stock_plane = make_int_array(
        [planes.get(role.required_stock_resource, NO_PLANE) for role in roles]
    )
    strategy.moves = make_int_array([bitmask(role.entry_moves) for role in roles])
    strategy.assemblers, strategy.heart_chests, strategy.chargers = map(
        build_kind_mask_for_role, ("assembler", "heart_chest", "energy")
    )
    strategy.large_sources = bitmask(kind for kind, role in enumerate(roles) if role.is_large)
    # resources of a heart
    strategy.resource = make_int_array([planes[name] for name in names])
    strategy.recipe_amount = make_int_array(list(input_amounts_without_energy(recipe).values()))
    strategy.sources = make_int_array([build_kind_mask_for_role(name) for name in names])
    # formations
    strategy.team = min_team_size(recipe)
    strategy.num_agents = game.num_agents
    strategy.assembly_positions = bitmask(
        i for i, position in enumerate(POSITIONS) if {position, "any"} & cells
    )
    strategy.solo_assembly = all(len(formation) == 1 for formation in formations)
    # repair
    gear = find_repair_gear_made_by_two_agents(game, names)
    strategy.gear_plane = planes[gear.name] if gear else NO_PLANE
    if gear:
        strategy.gear_resource = names.index(gear.resource)
        strategy.gear_amount = gear.amount
        strategy.helper_position = POSITIONS.index(gear.helper_position)
    # energy
    strategy.low_energy = ENERGY_RESERVE + max((role.energy_cost for role in roles), default=0)
    strategy.move_energy = game.move_energy
    strategy.net_move_cost = game.move_energy - game.energy_regained
    # loads and teamwork
    strategy.max_steps = game.max_steps
    strategy.load = make_int_array([[0] * len(names)])
    strategy.team_size = make_int_array([role.team_size for role in roles])
    if names:
        _set_loads_and_teamwork_rules(strategy, game, roles, recipe, make_int_array)
    return strategy


def _set_loads_and_teamwork_rules(
    strategy: Strategy, game: Game, roles: tuple[StationRole, ...], recipe: Recipe, int_array
) -> None:
    """Set the loads of the carriers, and the rules of teamwork.

    Args:
        strategy: strategy of the game; the fields of loads and teamwork are set.
        game: stations and recipes.
        roles: roles of the useful station types.
        recipe: cheapest heart recipe.
        int_array: function that makes an array of a list.
    """
    names = list(amounts_to_carry_per_agent(recipe))
    hearts = hearts_per_trip(game, recipe)
    loads = [*split_into_loads(recipe, hearts), amounts_to_carry_per_agent(recipe)]
    # sources that give more to more agents
    team_roles = {role.role for role in roles if role.team_size > 1} & set(names)
    has_many_stations = any(role.is_large for role in roles)
    strategy.team_sources = bitmask(
        kind for kind, role in enumerate(roles) if role.team_size > 1 and role.role in names
    )
    strategy.team_resources = bitmask(r for r, name in enumerate(names) if name in team_roles)
    # carriers of slow resources carry nothing else, if the team needs many trips
    slow = (
        find_slow_resources(game, recipe)
        if _are_all_team_sources_reusable(game, team_roles)
        else set()
    )
    staying = [c for c, load in enumerate(loads[:-1]) if slow & set(load)]
    for carrier in staying:
        loads[carrier] = {name: loads[carrier][name] for name in slow & set(loads[carrier])}
    strategy.staying_carriers = bitmask(staying)
    max_team = strategy.team - len(staying)
    strategy.team_size = int_array(
        [min(role.team_size, max_team) if role.role in names else role.team_size for role in roles]
    )
    strategy.load = int_array([[load.get(name, 0) for name in names] for load in loads])
    strategy.team_collectors = bitmask(c for c, load in enumerate(loads) if team_roles & set(load))
    # limits
    amounts = input_amounts_without_energy(recipe)
    strategy.team_stock_of_heart = sum(amounts[name] for name in team_roles)
    strategy.low_team_stock = (1 + has_many_stations) * strategy.team_stock_of_heart
    strategy.full_team_stock = hearts * strategy.team_stock_of_heart
    strategy.waits_for_team = not has_many_stations
    # where stations are few, all agents know the same ones and need no leader
    strategy.num_glyphs = game.num_actions - FIRST_GLYPH_ACTION if has_many_stations else 0
    strategy.wait_limit = SHORT_WAIT if has_many_stations else LONG_WAIT
    strategy.trip_limit = SHORT_TRIP if has_many_stations else LONG_TRIP
    if game.num_agents > strategy.team:
        strategy.trip_limit = CROWDED_TRIP


def _are_all_team_sources_reusable(game: Game, team_resource_names: set[str]) -> bool:
    """Check whether all team sources can be used again and again."""
    sources = [
        source for resource in team_resource_names for source in find_sources(game, resource)
    ]
    return bool(sources) and all(source.max_uses > 1 for source in sources)


def bitmask(members: Iterable[int]) -> int:
    """Return the bit mask of a set of small integers."""
    return sum(1 << member for member in members)
