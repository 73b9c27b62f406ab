"""Conversion of a recording of the reference engine to its mission.

Every key of the recorded configuration is read. A setting that `Mission` does not support raises a
`ConfigError` with its key.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, field_validator

from daf.config import ConfigError, Float, Int, Model, short_json
from daf.missions import RESOURCES, Assembler, Mission
from daf.missions.formations import recipe_index_by_neighbor_mask
from daf.missions.mission import AGENT, FLOOR, WALL
from daf.missions.stations import Position
from daf.sim.tables.codes import MOVES

ENGINE_NAMES = {"empty": FLOOR, "agent.agent": AGENT, "wall": WALL}
"""Names of the objects besides stations: engine name -> name in a mission."""


def _must_equal(expected: Any) -> AfterValidator:
    """Return the validator of a setting with a single supported value."""

    def check(value: Any) -> Any:
        if value != expected or isinstance(value, bool) != isinstance(expected, bool):
            raise ValueError(f"expected {short_json(expected)}")
        return value

    return AfterValidator(check)


def _convert_whole_number_to_int(value: float) -> int:
    if not value.is_integer():
        raise ValueError("expected a whole number")
    return int(value)


Flag = Annotated[bool, Field(strict=True)]
Cost = Annotated[Float, Field(ge=0, le=255), AfterValidator(_convert_whole_number_to_int)]
Amounts = dict[str, Int]
PositionDeltas = tuple[tuple[Position, Int], ...]


class _FreeAction(Model):
    """An action without a cost."""

    consumed: Annotated[Any, _must_equal({})] = {}


class _MoveCost(Model):
    energy: Cost = 0


class _Move(Model):
    consumed: _MoveCost = _MoveCost()


class _ChangeGlyph(_FreeAction):
    number_of_glyphs: Int


class _Actions(Model):
    noop: _FreeAction = _FreeAction()
    move: _Move
    change_glyph: _ChangeGlyph


class _Agent(Model):
    default_resource_limit: Int
    resource_limits: tuple[tuple[tuple[str, ...], Int], ...]
    stat_rewards: dict[str, Float]
    stat_reward_max: dict[str, Float]
    initial_inventory: Amounts
    shareable_resources: Annotated[Any, _must_equal(["energy"])] = ["energy"]
    inventory_regen_amounts: Amounts
    action_failure_penalty: Float


class _Recipe(Model):
    inputs: Amounts = Field(alias="in")
    outputs: Amounts = Field(alias="out")
    cooldown: Int

    def to_mission_data(self) -> dict[str, Any]:
        return self.model_dump()


class _RecipeWithAgentPositions(_Recipe):
    positions: tuple[str, ...]

    def to_mission_data(self) -> dict[str, Any]:
        formation = ["any" if position == "Any" else position for position in self.positions]
        return {"formations": [formation]} | self.model_dump(exclude={"positions"})


class _Clipper(Model):
    unclipping_recipes: tuple[_Recipe, ...]
    length_scale: Float
    cutoff_distance: Float
    clip_rate: Float


class _Wall(Model):
    kind: Literal["wall"] = "wall"
    type_id: Annotated[Any, _must_equal(1)]
    swappable: Annotated[Any, _must_equal(False)] = False


class _Assembler(Model):
    kind: Literal["assembler"] = "assembler"
    type_id: Int
    recipes: tuple[_RecipeWithAgentPositions, ...]
    table: tuple[Int, ...] | None = None
    allow_partial_usage: Flag
    max_uses: Int
    exhaustion: Float
    clip_immune: Flag
    start_clipped: Flag

    def to_mission_data(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "type_id": self.type_id,
            "recipes": [recipe.to_mission_data() for recipe in self.recipes],
            "partial": self.allow_partial_usage,
            "max_uses": self.max_uses,
            "exhaustion": self.exhaustion,
            "clip_immune": self.clip_immune,
            "starts_clipped": self.start_clipped,
        }


class _Chest(Model):
    kind: Literal["chest"] = "chest"
    type_id: Int
    resource: str
    position_deltas: PositionDeltas
    initial_inventory: Int
    max_inventory: Int

    @field_validator("position_deltas")
    @classmethod
    def _check_unique_positions(cls, deltas: PositionDeltas) -> PositionDeltas:
        positions = [position for position, _ in deltas]
        if len(set(positions)) < len(positions):
            raise ValueError("expected each position at most once")
        return deltas

    def to_mission_data(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "type_id": self.type_id,
            "resource": self.resource,
            # Agents do not move diagonally, so they cannot use the corners of a chest.
            "sides": {position: d for position, d in self.position_deltas if position in MOVES},
            "initial": self.initial_inventory,
            "capacity": self.max_inventory,
        }


_Object = Annotated[_Wall | _Assembler | _Chest, Field(discriminator="kind")]


class _GlobalTokens(Model):
    episode_completion_pct: Annotated[Any, _must_equal(True)] = True
    last_action: Annotated[Any, _must_equal(True)] = True
    last_reward: Annotated[Any, _must_equal(True)] = True
    visitation_counts: Annotated[Any, _must_equal(False)] = False


class _Config(Model):
    """The `config` of a recording."""

    resource_names: Annotated[Any, _must_equal(list(RESOURCES))]
    num_agents: Int
    max_steps: Int
    episode_truncates: Flag
    obs_width: Int
    obs_height: Int
    num_observation_tokens: Int
    global_obs: _GlobalTokens = _GlobalTokens()
    actions: _Actions
    agent: _Agent
    inventory_regen_interval: Int
    resource_loss_prob: Annotated[Any, _must_equal(0)] = 0
    allow_diagonals: Annotated[Any, _must_equal(False)] = False
    recipe_details_obs: Annotated[Any, _must_equal(False)] = False
    clipper: _Clipper
    objects: dict[str, _Object]

    @field_validator("objects")
    @classmethod
    def _check_kind_matches_name(cls, objects: dict[str, _Object]) -> dict[str, _Object]:
        for name, settings in objects.items():
            if isinstance(settings, _Wall) != (name == "wall") or name in (FLOOR, AGENT):
                raise ValueError(f"'{name}' is not a valid name of a {settings.kind}")
        return objects


def mission_from_recording(metadata: Mapping[str, Any]) -> Mission:
    """Build the mission of a recording.

    Args:
        metadata: parsed JSON of the recording.

    Raises:
        ConfigError: unsupported setting, or metadata that contradicts the map.
    """
    source = f"recording {metadata['name']}"
    config = _Config.parse(metadata["config"], source)
    engine_legend: dict[str, str] = metadata["legend"]
    legend = {
        symbol: ENGINE_NAMES.get(object_name, object_name)
        for symbol, object_name in engine_legend.items()
    }
    for symbol, object_name in engine_legend.items():
        if object_name not in ENGINE_NAMES and object_name not in config.objects:
            raise ConfigError(
                f"{source}: key 'legend.{symbol}': unknown object {short_json(object_name)}"
            )
    used_symbols = "".join(metadata["map"])
    used_legend = {symbol: name for symbol, name in legend.items() if symbol in used_symbols}
    mission = Mission.parse(_mission_data(metadata, config, used_legend), source)
    _check_recorded_sizes_match_map(metadata, config, mission, source)
    _check_recipe_tables(config, mission, source)
    return mission


def _mission_data(
    metadata: Mapping[str, Any], config: _Config, legend: dict[str, str]
) -> dict[str, Any]:
    agent, clipper, actions = config.agent, config.clipper, config.actions
    stations = {name: s for name, s in config.objects.items() if not isinstance(s, _Wall)}
    return {
        "name": metadata["name"],
        "map": metadata["map"],
        "legend": legend,
        "stations": {
            object_name: stations[object_name].to_mission_data() | {"symbol": symbol}
            for symbol, object_name in legend.items()
            if object_name not in ENGINE_NAMES.values()
        },
        "max_steps": config.max_steps,
        "truncates": config.episode_truncates,
        "window_height": config.obs_height,
        "window_width": config.obs_width,
        "tokens": config.num_observation_tokens,
        "glyphs": actions.change_glyph.number_of_glyphs,
        "move_energy": actions.move.consumed.energy,
        "failure_penalty": agent.action_failure_penalty,
        "limits": [
            {"resources": list(names), "limit": limit} for names, limit in agent.resource_limits
        ],
        "default_limit": agent.default_resource_limit,
        "initial_inventory": agent.initial_inventory,
        "regeneration": {
            "interval": config.inventory_regen_interval,
            "amounts": agent.inventory_regen_amounts,
        },
        "rewards": agent.stat_rewards,
        "reward_caps": agent.stat_reward_max,
        "clipping": {
            "rate": clipper.clip_rate,
            "length_scale": clipper.length_scale,
            "cutoff": clipper.cutoff_distance,
            "repairs": [recipe.to_mission_data() for recipe in clipper.unclipping_recipes],
        },
    }


def _check_recorded_sizes_match_map(
    metadata: Mapping[str, Any], config: _Config, mission: Mission, recording_label: str
) -> None:
    """Check that the recorded sizes match the map."""
    num_agents = mission.num_agents
    for key, recorded, from_map in (
        ("config.num_agents", config.num_agents, num_agents),
        ("num_agents", metadata.get("num_agents", num_agents), num_agents),
        ("height", metadata.get("height", mission.height), mission.height),
        ("width", metadata.get("width", mission.width), mission.width),
    ):
        if recorded != from_map:
            raise ConfigError(
                f"{recording_label}: key '{key}': got {short_json(recorded)}; "
                f"expected {from_map} from the map"
            )


def _check_recipe_tables(config: _Config, mission: Mission, recording_label: str) -> None:
    """Check that the recorded recipe tables match the recipes."""
    for name, station in mission.stations.items():
        recorded = getattr(config.objects[name], "table", None)
        if recorded is not None and isinstance(station, Assembler):
            table = tuple(-1 if i is None else i for i in recipe_index_by_neighbor_mask(station))
            if table != recorded:
                key = f"{recording_label}: key 'objects.{name}.table'"
                raise ConfigError(f"{key}: expected the table of its recipes")
