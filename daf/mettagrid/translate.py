"""Translation of a mission to a mettagrid configuration, as plain data of `MettaGridConfig`.

Handlers can express exactly: the cost of moves, energy sharing, regeneration, limits, cooldowns,
partial uses, numbers of uses, chests by side, and recipes by the agents around. All other rules
raise an error. Observations are those of mettagrid. Rewards are translated where possible.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from daf.config import ConfigError
from daf.mettagrid.assembler_handlers import COOLDOWN, USES
from daf.mettagrid.handlers import (
    TARGET_IS_EMPTY,
    TARGET_IS_USABLE,
    USE,
    WALK,
    ConfigData,
    HandlerData,
    ValueData,
    add_resources,
    build_first_match_handler,
    build_handler,
    carries_at_least,
    negate,
    total_stored_amount,
    transfer_resource,
    weighted_sum,
)
from daf.mettagrid.station_handlers import build_station_object_config
from daf.missions import RESOURCES, Assembler, Chest, Mission, Resource
from daf.missions.inventory import starting_inventory
from daf.missions.mission import AGENT, FLOOR, WALL
from daf.provenance.mettagrid_version import require_mettagrid

if TYPE_CHECKING:
    from mettagrid.config.mettagrid_config import MettaGridConfig

TIMED = "timed"
"""Tag of the stations with a cooldown."""

FIRST_SYMBOL = 0xE000  # private-use characters: every station has its own symbol in the map
MAX_TAGS = 256


def translate_mission(mission: Mission) -> ConfigData:
    """Translate a mission to the data of a `MettaGridConfig`, without importing mettagrid.

    Cooldowns and remaining uses become amounts that stations carry, `cooldown` and
    `remaining_uses`. Glyphs become vibes.

    Raises:
        ConfigError: mettagrid cannot express a rule exactly; one line.
    """
    _check_translatable(mission)
    stations = mission.find_cells_with(*mission.stations)
    objects: dict[str, ConfigData] = {"wall": {"pydantic_type": "wall", "name": "wall"}}
    symbols = {"#": "wall", ".": "empty", "@": "agent.agent"}
    rows = [
        [_mettagrid_symbol_or_floor(mission, character) for character in row] for row in mission.map
    ]
    for index, (row, column, name) in enumerate(stations):
        key, symbol = f"{name}.{index}", chr(FIRST_SYMBOL + index)
        station = build_station_object_config(mission, name, f"station:{index}")
        timed = [TIMED] if _has_cooldown(mission, name) else []
        objects[key] = {**station, "map_name": key, "tags": [*station["tags"], *timed]}
        symbols[symbol] = key
        rows[row][column] = symbol
    tags = {f"type:{station['name']}" for station in objects.values()} | {"type:agent", TIMED}
    tags |= {tag for station in objects.values() for tag in station.get("tags", [])}
    if len(tags) > MAX_TAGS:
        raise _unsupported_error(mission, f"it needs {len(tags)} tags; the limit is {MAX_TAGS}")
    game = {
        "resource_names": [*RESOURCES, COOLDOWN, USES],
        "num_agents": mission.num_agents,
        "max_steps": mission.max_steps,
        "episode_truncates": mission.truncates,
        "obs": {
            "height": mission.window_height,
            "width": mission.window_width,
            "num_tokens": _bound_num_observation_tokens(mission),
        },
        "agent": _agent_config(mission),
        "actions": {
            "move": {"handlers": _move_handlers(mission)},
            "change_vibe": {"vibes": _vibe_configs(mission.glyphs)},
        },
        "objects": objects,
        "tags": [TIMED],
        "on_tick": _cooldown_tick_handler(),
        "protocol_details_obs": False,
        "map_builder": {
            "type": "mettagrid.map_builder.ascii.AsciiMapBuilderConfig",
            "map_data": rows,
            "char_to_map_name": symbols,
        },
    }
    return {"label": mission.name, "game": game}


def build_mettagrid_config(mission: Mission) -> "MettaGridConfig":
    """Build the `MettaGridConfig` of a mission.

    Use each configuration for one simulation only: mettagrid modifies it.

    Raises:
        ConfigError: mettagrid is not installed, or cannot express a rule exactly; one line.
    """
    require_mettagrid(f"mission {mission.name} in mettagrid")
    from mettagrid.config.filter import AnyFilter
    from mettagrid.config.handler_config import Handler
    from mettagrid.config.mettagrid_config import MettaGridConfig
    from pydantic import TypeAdapter

    filters = TypeAdapter(AnyFilter)

    def build_models(data: Any) -> Any:
        # Mettagrid silently drops nested filters and handlers that are plain data.
        if isinstance(data, list):
            return [build_models(item) for item in data]
        if not isinstance(data, dict):
            return data
        parts = {key: build_models(value) for key, value in data.items()}
        if "filter_type" in parts:
            return filters.validate_python(parts)
        return Handler.model_validate(parts) if "mutations" in parts else parts

    return MettaGridConfig.model_validate(build_models(translate_mission(mission)))


def try_translate_rewards(mission: Mission) -> ValueData | None:
    """Build the value whose changes are the reward of all agents; None if it is not translatable.

    Mettagrid rewards the stock of a chest. DAF rewards the stock of the last used chest, from the
    first transfer on (RULES 8). Both are equal for a single chest that is empty at the start.
    """
    terms = []
    stations = list(enumerate(mission.find_cells_with(*mission.stations)))
    for statistic, weight in mission.rewards.items():
        source, _, resource = statistic.removesuffix(".amount").partition(".")
        chests = [
            (index, station)
            for index, (_, _, name) in stations
            if isinstance(station := mission.stations[name], Chest) and station.resource == resource
        ]
        if source != "chest" or len(chests) != 1 or chests[0][1].initial:
            return None
        terms.append((weight, total_stored_amount(resource, f"station:{chests[0][0]}")))
    return weighted_sum(terms) if terms and not mission.reward_caps else None


def _unsupported_error(mission: Mission, reason: str) -> ConfigError:
    """Return the error of a mission that mettagrid cannot express."""
    return ConfigError(f"mission {mission.name}: cannot be translated to mettagrid: {reason}")


def _check_translatable(mission: Mission) -> None:
    """Check the rules of a mission that no handler can express.

    Raises:
        ConfigError: a rule cannot be translated; one line.
    """
    if mission.layout is not None:
        raise _unsupported_error(mission, "it has several layouts; select one by its seed")
    names_on_map = {name for _, _, name in mission.find_cells_with(*mission.stations)}
    assemblers = {n: s for n in names_on_map if isinstance(s := mission.stations[n], Assembler)}
    if mission.clipping.rate > 0 and any(not s.clip_immune for s in assemblers.values()):
        raise _unsupported_error(mission, "stations break down at random (clipping.rate)")
    for name, station in sorted(assemblers.items()):
        if station.is_initially_clipped:
            raise _unsupported_error(mission, f"{name} starts clipped, its repair is random")


def _bound_num_observation_tokens(mission: Mission) -> int:
    """Return an upper bound of tokens per observation; mettagrid fails with more tokens."""
    cells = mission.window_height * mission.window_width
    stations = min(len(mission.find_cells_with(*mission.stations)), cells)
    return 16 + cells + 6 * stations + (4 + len(RESOURCES)) * mission.num_agents


def _mettagrid_symbol_or_floor(mission: Mission, character: str) -> str:
    return {WALL: "#", FLOOR: ".", AGENT: "@"}.get(mission.legend[character], ".")


def _has_cooldown(mission: Mission, station_type: str) -> bool:
    return any(
        recipe.cooldown > 0 for recipe in getattr(mission.stations[station_type], "recipes", ())
    )


def _vibe_configs(num_glyphs: int) -> list[ConfigData]:
    return [{"symbol": "?", "name": f"glyph_{index}"} for index in range(num_glyphs)]


def _agent_config(mission: Mission) -> ConfigData:
    limits = {
        f"limit_{index}": {"resources": list(limit.resources), "base": limit.limit}
        for index, limit in enumerate(mission.limits)
    }
    agent = {
        "name": "agent",
        "inventory": {
            "default_limit": mission.default_limit,
            "limits": limits,
            "initial": _nonzero_in_resource_order(starting_inventory(mission)),
        },
        "on_use_handler": _energy_sharing_handler(mission),
    }
    if reward := try_translate_rewards(mission):
        agent["rewards"] = {"stored": {"reward": reward}}
    amounts = _nonzero_in_resource_order(mission.regeneration.amounts)
    if mission.regeneration.interval and amounts:
        period = {"filter_type": "periodic", "period": mission.regeneration.interval}
        agent["on_tick"] = build_handler("regenerate", [period], [add_resources("actor", amounts)])
    return agent


def _nonzero_in_resource_order(amounts: Mapping[Resource, int]) -> dict[str, int]:
    return {r: amounts[r] for r in RESOURCES if amounts.get(r, 0)}


def _energy_sharing_handler(mission: Mission) -> HandlerData:
    """Build the handlers of energy sharing: transfer half the energy, rounded down."""
    energy_limits = (limit.limit for limit in mission.limits if "energy" in limit.resources)
    max_energy = next(energy_limits, mission.default_limit)
    offers = [
        build_handler(
            f"offer_{half}",
            [carries_at_least("actor", {"energy": 2 * half})],
            [transfer_resource("actor", "target", "energy", half)],
        )
        for half in range(max_energy // 2, 0, -1)
    ]
    return build_first_match_handler([*offers, build_handler("offer_nothing", [], [])])


def _move_handlers(mission: Mission) -> list[HandlerData]:
    """Build the handlers of a move: walking and using cost energy.

    Mettagrid appends its free handlers to this list. Handlers without mutations match first for
    agents without energy.
    """
    cost = mission.move_energy
    pay = [add_resources("actor", {"energy": -cost})] if cost else []
    lacks_energy = [negate(carries_at_least("actor", {"energy": cost}))]
    no_energy_handlers = [
        build_handler("too_tired_to_walk", [TARGET_IS_EMPTY, *lacks_energy], []),
        build_handler("too_tired_to_use", lacks_energy, []),
    ]
    return [
        *(no_energy_handlers if cost else []),
        build_handler("walk", [TARGET_IS_EMPTY], [WALK, *pay]),
        build_handler("use", [TARGET_IS_USABLE], [USE, *pay]),
    ]


def _cooldown_tick_handler() -> HandlerData:
    """Build the handler that lowers all cooldowns by 1 at the end of a step."""
    query = {"query_type": "query", "source": TIMED}
    lower = {"mutation_type": "query_inventory", "query": query, "deltas": {COOLDOWN: -1}}
    return build_handler("cooldowns_run", [], [lower])
