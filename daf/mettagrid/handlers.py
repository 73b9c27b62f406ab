"""Mettagrid's language of rules, as plain data: filters, mutations, values and queries.

A handler is applied if all its filters pass; of several handlers the first that passes is. In a use
the actor is the agent and the target the station.
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
    """Mutations that happen, one after the other, if all filters pass."""
    return {"name": name, "filters": filters, "mutations": mutations}


def first_of(handlers: list[Data]) -> Data:
    """The first handler whose filters pass; the use fails if none's do."""
    return {"handler_type": "first_match", "handlers": handlers}


def has(who: str, amounts: Mapping[str, int]) -> Data:
    """`who` ("actor" or "target") carries at least these amounts."""
    return {"filter_type": "resource", "target": who, "resources": dict(amounts)}


def negate(condition: Data) -> Data:
    """The filter fails."""
    return {"filter_type": "not", "inner": condition}


def at_least(who: str, value: Data, least: int) -> Data:
    """The value, asked for `who`, is at least so much."""
    return {"filter_type": "game_value", "target": who, "value": value, "min": least}


def exactly(who: str, value: Data, amount: int) -> list[Data]:
    """The value, asked for `who`, is just that much."""
    return [at_least(who, value, amount), negate(at_least(who, value, amount + 1))]


def add_resources(who: str, amounts: Mapping[str, int]) -> Data:
    """Add to what `who` carries, or take, as far as its limits allow; the rest vanishes."""
    return {"mutation_type": "resource_delta", "target": who, "deltas": dict(amounts)}


def transfer(giver: str, taker: str, resource: str, amount: int) -> Data:
    """Move as much as there is and as the taker has room for."""
    return {
        "mutation_type": "resource_transfer",
        "from_target": giver,
        "to_target": taker,
        "resources": {resource: amount},
    }


def weighted(terms: list[tuple[float, Data]]) -> Data:
    """A sum of values."""
    return {"values": [v for _, v in terms], "weights": [float(w) for w, _ in terms]}


def carried(resource: str) -> Data:
    """What the one who is asked carries."""
    return {"item": resource, "scope": "agent"}


def stored(resource: str, tag: str) -> Data:
    """What the things with a tag carry together."""
    return {"query": {"query_type": "query", "source": tag}, "item": resource}


def near(radius: int) -> Data:
    """Within this Euclidean distance of the one who is asked."""
    return {"filter_type": "max_distance", "target": "target", "radius": radius}


def agents(*conditions: Data) -> Data:
    """How many agents there are that pass the filters."""
    return {"query": {"query_type": "query", "source": "type:agent", "filters": list(conditions)}}


def agents_in_line(tag: str, reach: int, directions: list[str], *conditions: Data) -> Data:
    """How many agents stand up to `reach` cells straight from the thing with `tag`."""
    ray = {
        "query_type": "raycast",
        "source": {"query_type": "query", "source": tag},
        "max_range": reach,
        "directions": directions,
    }
    filters = [IS_AGENT, *conditions]
    return {"query": {"query_type": "query", "source": ray, "filters": filters}}
