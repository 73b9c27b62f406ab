"""The mission that a recording of the reference engine was made on.

Every key of the recorded configuration is read. What a `Mission` cannot say is refused by name.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, field_validator

from daf.config import ConfigError, Float, Int, Model, short_json
from daf.missions import POSITIONS, RESOURCES, Assembler, Mission
from daf.missions.formations import recipe_by_neighbor_byte
from daf.missions.mission import AGENT, FLOOR, WALL
from daf.sim.tables.codes import MOVES

ENGINE_NAMES = {"empty": FLOOR, "agent.agent": AGENT, "wall": WALL}
"""What stands on a map besides stations: the engine's name and ours."""


def _only(expected: Any) -> Any:
    """The type of a setting that has one value in every mission."""

    def check(value: Any) -> Any:
        if value != expected or isinstance(value, bool) != isinstance(expected, bool):
            raise ValueError(f"only {short_json(expected)} can be played")
        return value

    return Annotated[Any, AfterValidator(check)]


def _whole(value: float) -> int:
    if not value.is_integer():
        raise ValueError("should be a whole number")
    return int(value)


Flag = Annotated[bool, Field(strict=True)]
Cost = Annotated[Float, Field(ge=0, le=255), AfterValidator(_whole)]
Amounts = dict[str, Int]


class _Free(Model):
    """An action that costs nothing."""

    consumed: _only({}) = {}


class _MoveCost(Model):
    energy: Cost = 0


class _Move(Model):
    consumed: _MoveCost = _MoveCost()


class _Glyph(_Free):
    number_of_glyphs: Int


class _Actions(Model):
    noop: _Free = _Free()
    move: _Move
    change_glyph: _Glyph


class _Agent(Model):
    default_resource_limit: Int
    resource_limits: tuple[tuple[tuple[str, ...], Int], ...]
    stat_rewards: dict[str, Float]
    stat_reward_max: dict[str, Float]
    initial_inventory: Amounts
    shareable_resources: _only(["energy"]) = ["energy"]
    inventory_regen_amounts: Amounts
    action_failure_penalty: Float


class _Recipe(Model):
    inputs: Amounts = Field(alias="in")
    outputs: Amounts = Field(alias="out")
    cooldown: Int

    def resolved(self) -> dict[str, Any]:
        return self.model_dump()


class _PlacedRecipe(_Recipe):
    positions: tuple[str, ...]

    def resolved(self) -> dict[str, Any]:
        formation = ["any" if position == "Any" else position for position in self.positions]
        return {"formations": [formation]} | self.model_dump(exclude={"positions"})


class _Clipper(Model):
    unclipping_recipes: tuple[_Recipe, ...]
    length_scale: Float
    cutoff_distance: Float
    clip_rate: Float


class _Wall(Model):
    kind: Literal["wall"] = "wall"
    type_id: _only(1)
    swappable: _only(False) = False


class _Assembler(Model):
    kind: Literal["assembler"] = "assembler"
    type_id: Int
    recipes: tuple[_PlacedRecipe, ...]
    table: tuple[Int, ...] | None = None
    allow_partial_usage: Flag
    max_uses: Int
    exhaustion: Float
    clip_immune: Flag
    start_clipped: Flag

    def resolved(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "type_id": self.type_id,
            "recipes": [recipe.resolved() for recipe in self.recipes],
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
    position_deltas: tuple[tuple[Literal[POSITIONS], Int], ...]
    initial_inventory: Int
    max_inventory: Int

    @field_validator("position_deltas")
    @classmethod
    def _check_sides_differ(cls, deltas):
        positions = [position for position, _ in deltas]
        if len(set(positions)) < len(positions):
            raise ValueError("should name no position twice")
        return deltas

    def resolved(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "type_id": self.type_id,
            "resource": self.resource,
            # Nobody uses a chest from a corner: there are no diagonal moves.
            "sides": {position: d for position, d in self.position_deltas if position in MOVES},
            "initial": self.initial_inventory,
            "capacity": self.max_inventory,
        }


class _GlobalTokens(Model):
    episode_completion_pct: _only(True) = True
    last_action: _only(True) = True
    last_reward: _only(True) = True
    visitation_counts: _only(False) = False


class _Config(Model):
    """The `config` of a recording (TRACES)."""

    resource_names: _only(list(RESOURCES))
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
    resource_loss_prob: _only(0) = 0
    allow_diagonals: _only(False) = False
    recipe_details_obs: _only(False) = False
    clipper: _Clipper
    objects: dict[str, Annotated[_Wall | _Assembler | _Chest, Field(discriminator="kind")]]

    @field_validator("objects")
    @classmethod
    def _check_walls(cls, objects):
        for name, thing in objects.items():
            if isinstance(thing, _Wall) != (name == "wall") or name in (FLOOR, AGENT):
                raise ValueError(f"'{name}' cannot be the name of a {thing.kind}")
        return objects


def mission_of(meta: Mapping[str, Any]) -> Mission:
    """The mission a recording was made on.

    Args:
        meta: the parsed json of the recording.

    Raises:
        ConfigError: it uses a setting that this simulator does not have; one line that names it.
    """
    source = f"recording {meta['name']}"
    config = _Config.parse(meta["config"], source)
    legend = {symbol: ENGINE_NAMES.get(what, what) for symbol, what in meta["legend"].items()}
    for symbol, what in meta["legend"].items():
        if what not in ENGINE_NAMES and what not in config.objects:
            raise ConfigError(f"{source}: key 'legend.{symbol}': unknown object {short_json(what)}")
    drawn = {symbol: what for symbol, what in legend.items() if symbol in "".join(meta["map"])}
    mission = Mission.parse(_mission_data(meta, config, drawn), source)
    _check_map(meta, config, mission, source)
    _check_tables(config, mission, source)
    return mission


def _mission_data(meta: Mapping[str, Any], config: _Config, legend: dict[str, str]) -> dict:
    agent, clipper, actions = config.agent, config.clipper, config.actions
    return {
        "name": meta["name"],
        "map": meta["map"],
        "legend": legend,
        "stations": {
            what: config.objects[what].resolved() | {"symbol": symbol}
            for symbol, what in legend.items()
            if what not in ENGINE_NAMES.values()
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
            "repairs": [recipe.resolved() for recipe in clipper.unclipping_recipes],
        },
    }


def _check_map(meta: Mapping[str, Any], config: _Config, mission: Mission, source: str) -> None:
    """Make sure that the sizes which a recording states are those of its map."""
    agents = mission.num_agents
    for key, stated, drawn in (
        ("config.num_agents", config.num_agents, agents),
        ("num_agents", meta.get("num_agents", agents), agents),
        ("height", meta.get("height", mission.height), mission.height),
        ("width", meta.get("width", mission.width), mission.width),
    ):
        if stated != drawn:
            raise ConfigError(
                f"{source}: key '{key}': got {short_json(stated)}; the map has {drawn}"
            )


def _check_tables(config: _Config, mission: Mission, source: str) -> None:
    """Make sure that the recorded recipe tables are those that follow from the recipes."""
    for name, station in mission.stations.items():
        recorded = getattr(config.objects[name], "table", None)
        if recorded is not None and isinstance(station, Assembler):
            table = tuple(-1 if n is None else n for n in recipe_by_neighbor_byte(station))
            if table != recorded:
                raise ConfigError(
                    f"{source}: key 'objects.{name}.table': is not that of its recipes"
                )
