"""What agents can hold, and what they begin with."""

from daf.missions.mission import Mission
from daf.missions.stations import RESOURCES, InventoryLimit


def inventory_limits(mission: Mission) -> list[InventoryLimit]:
    """The limits of the inventory, also for resources that none is named for."""
    named = {resource for limit in mission.limits for resource in limit.resources}
    others = [resource for resource in RESOURCES if resource not in named]
    default = mission.default_limit
    return [
        *mission.limits,
        *(InventoryLimit(resources=(other,), limit=default) for other in others),
    ]


def starting_inventory(mission: Mission) -> dict[str, int]:
    """What every agent holds at the start: the initial inventory as far as the limits allow.

    It is entered resource by resource, in the order of ids; the excess vanishes (RULES 4).
    """
    limits = inventory_limits(mission)
    room = {resource: limit for limit in limits for resource in limit.resources}
    held: dict[str, int] = {}
    for resource in RESOURCES:
        limit = room[resource]
        mates = sum(held.get(mate, 0) for mate in limit.resources)
        held[resource] = min(mission.initial_inventory.get(resource, 0), limit.limit - mates)
    return held
