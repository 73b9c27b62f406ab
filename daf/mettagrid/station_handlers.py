"""Handlers of stations in mettagrid: the effects of a use."""

from daf.config import ConfigError
from daf.mettagrid.assembler_handlers import USES, NotTranslatableError, build_assembler_handlers
from daf.mettagrid.handlers import (
    DIRECTIONS,
    ConfigData,
    HandlerData,
    add_resources,
    build_first_match_handler,
    build_handler,
    carried_amount,
    carries_at_least,
    count_agents_in_line,
    counted_agent_within_radius,
    negate,
    transfer_resource,
    value_at_least,
    weighted_sum,
)
from daf.missions import Chest, Mission


def build_station_object_config(
    mission: Mission, station_type: str, station_tag: str
) -> ConfigData:
    """Build the mettagrid object of a station.

    Args:
        mission: mission of the station.
        station_type: name of the station type.
        station_tag: unique tag of the station; its handlers use it in queries.

    Raises:
        ConfigError: mettagrid cannot express a rule of the station exactly; one line.
    """
    station = mission.stations[station_type]
    if isinstance(station, Chest):
        handlers = _chest_handlers(mission, station, station_tag)
        stock = {"resources": [station.resource], "base": station.capacity}
        inventory = {"limits": {"stock": stock}, "initial": {station.resource: station.initial}}
    else:
        try:
            handlers = list(build_assembler_handlers(mission, station_type, station, station_tag))
        except NotTranslatableError as error:
            reason = f"cannot be translated to mettagrid: {station_type}: {error}"
            raise ConfigError(f"mission {mission.name}: {reason}") from None
        inventory = {"initial": {USES: station.max_uses}}
    inventory["initial"] = {
        resource: amount for resource, amount in inventory["initial"].items() if amount
    }
    return {
        "name": station_type,
        "tags": [station_tag],
        "inventory": inventory,
        "on_use_handler": build_first_match_handler(handlers) if handlers else None,
    }


def _chest_handlers(mission: Mission, chest: Chest, station_tag: str) -> list[HandlerData]:
    """Build one handler per withdrawal side, and per deposit side and deposited amount."""
    resource = chest.resource
    limit_group = next((limit for limit in mission.limits if resource in limit.resources), None)
    limited_resources = limit_group.resources if limit_group else (resource,)
    limit = limit_group.limit if limit_group else mission.default_limit
    carried = weighted_sum([(1, carried_amount(r)) for r in limited_resources])
    has_room = negate(value_at_least("actor", carried, limit))
    handlers = []
    for side, delta in chest.sides.items():
        # The agent on this side within one step of the actor is the actor itself.
        agents_on_side = count_agents_in_line(
            station_tag, 1, [DIRECTIONS[side]], counted_agent_within_radius(1)
        )
        is_on_side = value_at_least("actor", agents_on_side, 1)
        for amount in range(delta, 0, -1):
            # The chest destroys what exceeds its capacity.
            deposit = [
                add_resources("actor", {resource: -amount}),
                add_resources("target", {resource: amount}),
            ]
            filters = [is_on_side, carries_at_least("actor", {resource: amount})]
            handlers.append(build_handler(f"put_{side}_{amount}", filters, deposit))
        if delta < 0:
            filters = [is_on_side, carries_at_least("target", {resource: 1}), has_room]
            withdrawal = [transfer_resource("target", "actor", resource, -delta)]
            handlers.append(build_handler(f"take_{side}", filters, withdrawal))
    return handlers
