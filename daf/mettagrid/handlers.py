"""Building blocks of mettagrid handlers as plain data: filters, mutations, values and queries.

A handler applies its mutations if all its filters pass. When an agent uses a station, the actor is
the agent and the target is the station. The argument `entity` is "actor" or "target".
"""

from collections.abc import Mapping
from typing import Any

Data = dict[str, Any]

TARGET_IS_EMPTY = {"filter_type": "target_loc_empty"}
TARGET_IS_USABLE = {"filter_type": "target_is_usable"}
WALK = {"mutation_type": "relocate"}
USE = {"mutation_type": "use_target"}
IS_AGENT = {"filter_type": "tag", "target": "target", "tag": "type:agent"}


def handler(name: str, filters: list[Data], mutations: list[Data]) -> Data:
    """Build a handler: apply the mutations in order if all filters pass."""
    return {"name": name, "filters": filters, "mutations": mutations}


def first_match(handlers: list[Data]) -> Data:
    """Build the handler that applies the first match; the use fails if no handler matches."""
    return {"handler_type": "first_match", "handlers": handlers}


def has_resources(entity: str, amounts: Mapping[str, int]) -> Data:
    """Build the filter: the entity carries at least these amounts."""
    return {"filter_type": "resource", "target": entity, "resources": dict(amounts)}


def negate(condition: Data) -> Data:
    """Build the negation of a filter."""
    return {"filter_type": "not", "inner": condition}


def at_least(entity: str, value: Data, minimum: int) -> Data:
    """Build the filter: the value, evaluated for the entity, is at least the minimum."""
    return {"filter_type": "game_value", "target": entity, "value": value, "min": minimum}


def equals(entity: str, value: Data, amount: int) -> list[Data]:
    """Build the filters: the value, evaluated for the entity, equals the amount."""
    return [at_least(entity, value, amount), negate(at_least(entity, value, amount + 1))]


def add_resources(entity: str, amounts: Mapping[str, int]) -> Data:
    """Build the mutation: add (or remove) resources within the limits; the excess is lost."""
    return {"mutation_type": "resource_delta", "target": entity, "deltas": dict(amounts)}


def transfer(source: str, receiver: str, resource: str, amount: int) -> Data:
    """Build the mutation: move a resource, limited by the source's stock and receiver's room."""
    return {
        "mutation_type": "resource_transfer",
        "from_target": source,
        "to_target": receiver,
        "resources": {resource: amount},
    }


def weighted_sum(terms: list[tuple[float, Data]]) -> Data:
    """Build the weighted sum of values from pairs (weight, value)."""
    return {"values": [v for _, v in terms], "weights": [float(w) for w, _ in terms]}


def carried_amount(resource: str) -> Data:
    """Build the value: amount of a resource that the entity carries."""
    return {"item": resource, "scope": "agent"}


def stored_amount(resource: str, tag: str) -> Data:
    """Build the value: total amount of a resource in all objects with a tag."""
    return {"query": {"query_type": "query", "source": tag}, "item": resource}


def within_distance(radius: int) -> Data:
    """Build the filter: the Euclidean distance from the entity is at most the radius."""
    return {"filter_type": "max_distance", "target": "target", "radius": radius}


def count_agents(*conditions: Data) -> Data:
    """Build the value: number of agents that pass the filters."""
    return {"query": {"query_type": "query", "source": "type:agent", "filters": list(conditions)}}


def count_agents_in_line(
    tag: str, max_range: int, directions: list[str], *conditions: Data
) -> Data:
    """Build the value: number of agents on rays from the object with a tag.

    Args:
        tag: tag of the object.
        max_range: length of the rays, in cells.
        directions: directions of the rays.
        conditions: filters that the agents must pass.
    """
    ray = {
        "query_type": "raycast",
        "source": {"query_type": "query", "source": tag},
        "max_range": max_range,
        "directions": directions,
    }
    filters = [IS_AGENT, *conditions]
    return {"query": {"query_type": "query", "source": ray, "filters": filters}}
