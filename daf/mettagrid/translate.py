"""A mission in the language of mettagrid, as plain data of its `MettaGridConfig`.

Only what its handlers can say exactly is translated: the cost of moves, sharing, regeneration,
limits, cooldowns, partial uses, numbers of uses, chests by side, and recipes by the agents around.
Anything else is refused with the reason. Observations are mettagrid's own; rewards are translated
where they can be.
"""

from collections.abc import Mapping
from typing import Any

from daf.config import ConfigError
from daf.mettagrid.handlers import (
    TARGET_IS_EMPTY,
    TARGET_IS_USABLE,
    USE,
    WALK,
    Data,
    add_resources,
    first_of,
    handler,
    has,
    negate,
    stored,
    transfer,
    weighted,
)
from daf.mettagrid.station_handlers import COOLDOWN, USES, station_object
from daf.missions import RESOURCES, Assembler, Mission
from daf.missions.inventory import starting_inventory
from daf.missions.mission import AGENT, FLOOR, WALL
from daf.provenance.mettagrid_version import require_mettagrid

TIMED = "timed"
"""Tag of the stations whose cooldown runs."""

FIRST_SYMBOL = 0xE000  # private characters: every station is a kind of its own in the map
MAX_TAGS = 256
MAX_AMOUNT = 65535


def translate(mission: Mission) -> dict[str, Any]:
    """The mission for mettagrid, see `mettagrid_config`. Needs no mettagrid.

    Its cooldowns and uses left are amounts that stations carry, `cooldown` and `remaining_uses`;
    its glyphs are vibes.

    Raises:
        ConfigError: it has a rule that mettagrid cannot express exactly; one line.
    """
    _check(mission)
    stations = mission.cells_with(*mission.stations)
    objects: dict[str, Data] = {"wall": {"pydantic_type": "wall", "name": "wall"}}
    symbols = {"#": "wall", ".": "empty", "@": "agent.agent"}
    rows = [[_symbol(mission, cell) for cell in row] for row in mission.map]
    for number, (row, column, name) in enumerate(stations):
        key, symbol = f"{name}.{number}", chr(FIRST_SYMBOL + number)
        with_rule = station_object(mission, name, f"station:{number}")
        timed = [TIMED] if _has_cooldown(mission, name) else []
        objects[key] = {**with_rule, "map_name": key, "tags": [*with_rule["tags"], *timed]}
        symbols[symbol] = key
        rows[row][column] = symbol
    tags = {f"type:{station['name']}" for station in objects.values()} | {"type:agent", TIMED}
    tags |= {tag for station in objects.values() for tag in station.get("tags", [])}
    if len(tags) > MAX_TAGS:
        raise _unsupported(mission, f"{len(tags)} tags are needed and {MAX_TAGS} possible")
    game = {
        "resource_names": [*RESOURCES, COOLDOWN, USES],
        "num_agents": mission.num_agents,
        "max_steps": mission.max_steps,
        "episode_truncates": mission.truncates,
        "obs": {
            "height": mission.window_height,
            "width": mission.window_width,
            "num_tokens": _token_bound(mission),
        },
        "agent": _agent(mission),
        "actions": {
            "move": {"handlers": _move_handlers(mission)},
            "change_vibe": {"vibes": _vibes(mission.glyphs)},
        },
        "objects": objects,
        "tags": [TIMED],
        "on_tick": _cooldown_handler(),
        "protocol_details_obs": False,
        "map_builder": {
            "type": "mettagrid.map_builder.ascii.AsciiMapBuilderConfig",
            "map_data": rows,
            "char_to_map_name": symbols,
        },
    }
    return {"label": mission.name, "game": game}


def mettagrid_config(mission: Mission) -> Any:
    """The mission as a `MettaGridConfig`, a new one: its first simulation changes it.

    Raises:
        ConfigError: mettagrid is not installed, or cannot express a rule exactly; one line.
    """
    require_mettagrid(f"mission {mission.name} in mettagrid")
    from mettagrid.config.filter import AnyFilter
    from mettagrid.config.handler_config import Handler
    from mettagrid.config.mettagrid_config import MettaGridConfig
    from pydantic import TypeAdapter

    filters = TypeAdapter(AnyFilter)

    def built(data: Any) -> Any:
        # Mettagrid keeps some of these as plain data where it nests them, and drops that silently.
        if isinstance(data, list):
            return [built(item) for item in data]
        if not isinstance(data, dict):
            return data
        parts = {key: built(value) for key, value in data.items()}
        if "filter_type" in parts:
            return filters.validate_python(parts)
        return Handler.model_validate(parts) if "mutations" in parts else parts

    return MettaGridConfig.model_validate(built(translate(mission)))


def rewards(mission: Mission) -> Data | None:
    """What is paid, as a value whose changes all agents get; None where mettagrid has none such.

    It has one for the stock of chests. Ours is that of the chest touched last, and begins to count
    with the first transfer (RULES 8): the same if there is one chest of the kind, empty at first.
    """
    terms = []
    stations = list(enumerate(mission.cells_with(*mission.stations)))
    for statistic, weight in mission.rewards.items():
        kind, _, resource = statistic.removesuffix(".amount").partition(".")
        chests = [
            (number, mission.stations[name])
            for number, (_, _, name) in stations
            if getattr(mission.stations[name], "resource", None) == resource
        ]
        if kind != "chest" or len(chests) != 1 or chests[0][1].initial:
            return None
        terms.append((weight, stored(resource, f"station:{chests[0][0]}")))
    return weighted(terms) if terms and not mission.reward_caps else None


def _unsupported(mission: Mission, reason: str) -> ConfigError:
    return ConfigError(f"mission {mission.name}: cannot be translated to mettagrid: {reason}")


def _check(mission: Mission) -> None:
    if mission.layout is not None:
        raise _unsupported(mission, "it has several layouts; name one of them")
    present = {name for _, _, name in mission.cells_with(*mission.stations)}
    machines = {n: s for n in present if isinstance(s := mission.stations[n], Assembler)}
    if mission.clipping.rate > 0 and any(not s.clip_immune for s in machines.values()):
        raise _unsupported(mission, "stations break down by chance (clipping.rate)")
    for name, station in sorted(machines.items()):
        if station.begins_clipped:
            raise _unsupported(mission, f"{name} starts clipped, its repair is drawn by chance")


def _token_bound(mission: Mission) -> int:
    """No observation of mettagrid has more tokens; it refuses to go on with more."""
    cells = mission.window_height * mission.window_width
    stations = min(len(mission.cells_with(*mission.stations)), cells)
    return 16 + cells + 6 * stations + (4 + len(RESOURCES)) * mission.num_agents


def _symbol(mission: Mission, cell: str) -> str:
    return {WALL: "#", FLOOR: ".", AGENT: "@"}.get(mission.legend[cell], ".")


def _has_cooldown(mission: Mission, name: str) -> bool:
    return any(recipe.cooldown > 0 for recipe in getattr(mission.stations[name], "recipes", ()))


def _vibes(count: int) -> list[Data]:
    return [{"symbol": "?", "name": f"glyph_{number}"} for number in range(count)]


def _agent(mission: Mission) -> Data:
    limits = {
        f"limit_{number}": {"resources": list(limit.resources), "base": limit.limit}
        for number, limit in enumerate(mission.limits)
    }
    agent = {
        "name": "agent",
        "inventory": {
            "default_limit": mission.default_limit,
            "limits": limits,
            "initial": _ordered(starting_inventory(mission)),
        },
        "on_use_handler": _energy_sharing_handler(mission),
    }
    if paid := rewards(mission):
        agent["rewards"] = {"stored": {"reward": paid}}
    amounts = _ordered(mission.regeneration.amounts)
    if mission.regeneration.interval and amounts:
        period = {"filter_type": "periodic", "period": mission.regeneration.interval}
        agent["on_tick"] = handler("regenerate", [period], [add_resources("actor", amounts)])
    return agent


def _ordered(amounts: Mapping[str, int]) -> dict[str, int]:
    return {r: amounts[r] for r in RESOURCES if amounts.get(r, 0)}


def _energy_sharing_handler(mission: Mission) -> Data:
    """Half of the energy, rounded down, is offered; what there is no room for stays."""
    most = next((x.limit for x in mission.limits if "energy" in x.resources), mission.default_limit)
    offers = [
        handler(
            f"offer_{half}",
            [has("actor", {"energy": 2 * half})],
            [transfer("actor", "target", "energy", half)],
        )
        for half in range(most // 2, 0, -1)
    ]
    return first_of([*offers, handler("offer_nothing", [], [])])


def _move_handlers(mission: Mission) -> list[Data]:
    """Walking and using cost energy. Mettagrid tries its own, free handlers behind these, so those
    who cannot pay are kept from them by handlers that do nothing."""
    price = mission.move_energy
    paid = [add_resources("actor", {"energy": -price})] if price else []
    tired = [negate(has("actor", {"energy": price}))]
    stop = [
        handler("too_tired_to_walk", [TARGET_IS_EMPTY, *tired], []),
        handler("too_tired_to_use", tired, []),
    ]
    return [
        *(stop if price else []),
        handler("walk", [TARGET_IS_EMPTY], [WALK, *paid]),
        handler("use", [TARGET_IS_USABLE], [USE, *paid]),
    ]


def _cooldown_handler() -> Data:
    query = {"query_type": "query", "source": TIMED}
    run = {"mutation_type": "query_inventory", "query": query, "deltas": {COOLDOWN: -1}}
    return handler("cooldowns_run", [], [run])
