"""Inventory limits and starting inventory of the agents of a mission."""

from daf.missions.mission import Mission
from daf.missions.stations import RESOURCES, InventoryLimit, Resource


def list_all_inventory_limits(mission: Mission) -> list[InventoryLimit]:
    """Return all inventory limits, including the default limit of resources without a named one."""
    limited = {resource for limit in mission.limits for resource in limit.resources}
    unlimited = [resource for resource in RESOURCES if resource not in limited]
    default = mission.default_limit
    return [
        *mission.limits,
        *(InventoryLimit(resources=(resource,), limit=default) for resource in unlimited),
    ]


def starting_inventory(mission: Mission) -> dict[Resource, int]:
    """Return the inventory of every agent at the start: the initial inventory within the limits.

    Resources are entered in the order of ids; the excess is lost (RULES 4).
    """
    limits = list_all_inventory_limits(mission)
    limit_by_resource = {resource: limit for limit in limits for resource in limit.resources}
    amounts: dict[Resource, int] = {}
    for resource in RESOURCES:
        limit = limit_by_resource[resource]
        group_amount = sum(amounts.get(name, 0) for name in limit.resources)
        amounts[resource] = min(
            mission.initial_inventory.get(resource, 0), limit.limit - group_amount
        )
    return amounts
