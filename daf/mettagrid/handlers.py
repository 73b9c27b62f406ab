"""Building blocks of mettagrid handlers as plain data: filters, mutations, values and queries.

A handler applies its mutations if all its filters pass. When an agent uses a station, the actor is
the agent and the target is the station.
"""

from collections.abc import Mapping
from typing import Any, Literal

ConfigData = dict[str, Any]
"""Plain data of any mettagrid configuration."""

HandlerData = dict[str, Any]
FilterData = dict[str, Any]
MutationData = dict[str, Any]
ValueData = dict[str, Any]
Entity = Literal["actor", "target"]

DIRECTIONS = {"N": "north", "W": "west", "E": "east", "S": "south"}
"""Names of the directions in mettagrid."""

TARGET_IS_EMPTY = {"filter_type": "target_loc_empty"}
TARGET_IS_USABLE = {"filter_type": "target_is_usable"}
WALK = {"mutation_type": "relocate"}
USE = {"mutation_type": "use_target"}
IS_AGENT = {"filter_type": "tag", "target": "target", "tag": "type:agent"}


def build_handler(
    name: str, filters: list[FilterData], mutations: list[MutationData]
) -> HandlerData:
    """Build a handler: apply the mutations in order if all filters pass."""
    return {"name": name, "filters": filters, "mutations": mutations}


def build_first_match_handler(handlers: list[HandlerData]) -> HandlerData:
    """Build the handler that applies the first match; the use fails if no handler matches."""
    return {"handler_type": "first_match", "handlers": handlers}


def carries_at_least(entity: Entity, amounts: Mapping[str, int]) -> FilterData:
    """Build the filter: the entity carries at least these amounts."""
    return {"filter_type": "resource", "target": entity, "resources": dict(amounts)}


def negate(condition: FilterData) -> FilterData:
    """Build the negation of a filter."""
    return {"filter_type": "not", "inner": condition}


def value_at_least(entity: Entity, value: ValueData, minimum: int) -> FilterData:
    """Build the filter: the value, evaluated for the entity, is at least the minimum."""
    return {"filter_type": "game_value", "target": entity, "value": value, "min": minimum}


def value_equals(entity: Entity, value: ValueData, amount: int) -> list[FilterData]:
    """Build the filters: the value, evaluated for the entity, equals the amount."""
    return [
        value_at_least(entity, value, amount),
        negate(value_at_least(entity, value, amount + 1)),
    ]


def add_resources(entity: Entity, amounts: Mapping[str, int]) -> MutationData:
    """Build the mutation: add (or remove) resources within the limits; the excess is lost."""
    return {"mutation_type": "resource_delta", "target": entity, "deltas": dict(amounts)}


def transfer_resource(source: Entity, receiver: Entity, resource: str, amount: int) -> MutationData:
    """Build the mutation: move a resource, limited by the source's stock and receiver's room."""
    return {
        "mutation_type": "resource_transfer",
        "from_target": source,
        "to_target": receiver,
        "resources": {resource: amount},
    }


def weighted_sum(terms: list[tuple[float, ValueData]]) -> ValueData:
    """Build the weighted sum of values from pairs (weight, value)."""
    return {"values": [v for _, v in terms], "weights": [float(w) for w, _ in terms]}


def carried_amount(resource: str) -> ValueData:
    """Build the value: amount of a resource that the entity carries."""
    return {"item": resource, "scope": "agent"}


def total_stored_amount(resource: str, object_tag: str) -> ValueData:
    """Build the value: total amount of a resource in all objects with a tag."""
    return {"query": {"query_type": "query", "source": object_tag}, "item": resource}


def counted_agent_within_radius(radius: int) -> FilterData:
    """Build the filter: the Euclidean distance from the entity is at most the radius."""
    return {"filter_type": "max_distance", "target": "target", "radius": radius}


def count_agents(*conditions: FilterData) -> ValueData:
    """Build the value: number of agents that pass the filters."""
    return {"query": {"query_type": "query", "source": "type:agent", "filters": list(conditions)}}


def count_agents_in_line(
    object_tag: str, max_range: int, directions: list[str], *conditions: FilterData
) -> ValueData:
    """Build the value: number of agents on rays from the object with a tag.

    Args:
        object_tag: tag of the object.
        max_range: length of the rays, in cells.
        directions: directions of the rays.
        conditions: filters that the agents must pass.
    """
    ray = {
        "query_type": "raycast",
        "source": {"query_type": "query", "source": object_tag},
        "max_range": max_range,
        "directions": directions,
    }
    filters = [IS_AGENT, *conditions]
    return {"query": {"query_type": "query", "source": ray, "filters": filters}}
