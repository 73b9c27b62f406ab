"""From a mission's name or YAML file to a `Mission`."""

from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from daf.config import ConfigError, check_plain_data, load_yaml, short_json, suggest
from daf.config.paths import expanded
from daf.config.plain import as_plain
from daf.errors import describe
from daf.missions.ceiling import resolve_ceiling
from daf.missions.generators import parse_layout
from daf.missions.mission import AGENT, FLOOR, WALL, Mission
from daf.missions.names import split_layout_seed

BUILT_IN = Path(str(files("daf.missions"))) / "built_in"
STATION_CATALOG = load_yaml(Path(str(files("daf.missions"))) / "stations.yaml")
NOT_INHERITED_KEYS = ("name", "description", "ceiling")
"""Keys that a mission does not take over from the one it extends."""


def built_in_missions() -> list[str]:
    """Names of the missions that come with DAF, sorted."""
    return sorted(path.stem for path in BUILT_IN.glob("*.yaml"))


def built_in_description(name: str) -> str:
    """What a built-in mission says of itself; its map is not made for it."""
    return load_yaml(BUILT_IN / f"{name}.yaml")["description"]


def load_mission(mission: str | Path) -> Mission:
    """A mission by its built-in name, or by the path of a YAML file.

    Either may end in `@SEED`: the same mission in the layout of that seed, and its name ends so;
    or in `@FIRST-LAST`: one mission of all these layouts.

    Raises:
        ConfigError: no such mission, or the file is wrong; one line naming file, key, value and
            what would be accepted.
    """
    path, seed = find_mission_file(str(mission))
    source = str(path) if seed is None else f"{path}@{seed}"
    return build_mission(
        load_yaml(path), name=path.stem, source=source, folder=path.parent, layout_seed=seed
    )


def find_mission_file(mission: str) -> tuple[Path, str | None]:
    """The YAML file of a mission, and what is asked for behind '@', if anything is.

    Raises:
        ConfigError: neither a built-in name nor the path of a YAML file.
    """
    name, seed = split_layout_seed(mission)
    if name.endswith((".yaml", ".yml")):
        return Path(expanded(name)), seed
    if name not in built_in_missions():
        base, at, _ = name.partition("@")
        if at and base in built_in_missions():
            raise ConfigError(
                f"unknown mission {short_json(mission)}; behind '@' comes the seed of a layout, such as "
                f"{base}@7, or of several, such as {base}@1-1000"
            )
        raise ConfigError(
            f"unknown mission {short_json(mission)}; {suggest(name, built_in_missions())}, "
            "or the path of a .yaml file"
        )
    return BUILT_IN / f"{name}.yaml", seed


def build_mission(
    data: Any, *, name: str, source: str, folder: Path = Path(), layout_seed: str | None = None
) -> Mission:
    """A mission from the plain data of its YAML file; see `load_mission`.

    `extends` names a mission (built in, or a file as seen from `folder`) whose keys hold where
    this one has none; `stations` override, key by key, the game's own of the same name; `layout`
    calls a generator where there is no `map`, with another seed or seeds if `layout_seed` says so;
    `legend` adds to the symbols of the stations.
    """
    data = as_plain(data)
    check_plain_data(data, source)
    if not isinstance(data, dict):
        raise ConfigError(f"{source}: expected a mapping of keys, got {short_json(data)}")
    try:
        data = {"name": name} | _resolve_extends(data, folder, ())
        if isinstance(data["name"], str) and split_layout_seed(data["name"])[1] is not None:
            raise ConfigError(
                f"key 'name': got {short_json(data['name'])}; '@' and a number are for other layouts"
            )
        if layout_seed is not None:
            data = _with_layout_seed(data, layout_seed) | {"name": f"{data['name']}@{layout_seed}"}
        data["stations"] = _stations(data.get("stations", {}))
        data["legend"] = _legend(data["stations"], data.get("legend", {}))
        if ("layout" in data) == ("map" in data):
            found = "both" if "map" in data else "neither"
            raise ConfigError(f"keys 'map' and 'layout': got {found}; give one of them")
        if "layout" in data:
            layout = parse_layout(data.pop("layout"))
            data["map"] = layout.rows(data["legend"], layout.seeds[0])
            if isinstance(layout.seed, str):
                data["layout"] = layout
        elif isinstance(data["map"], str):
            data["map"] = data["map"].splitlines()
        mission = Mission.model_validate(data)
        _ = mission.maps  # what is wrong with one of them is to be known now
        return mission.model_copy(update={"ceiling": resolve_ceiling(mission)})
    except ConfigError as error:
        raise ConfigError(f"{source}: {error}") from None
    except ValidationError as error:
        raise ConfigError(f"{source}: {describe(error, Mission)}") from None


def _resolve_extends(data: dict, folder: Path, above: tuple[Path, ...]) -> dict:
    """The keys of a mission with those of all that it extends.

    Args:
        above: the files that have led here.
    """
    if "extends" not in data:
        return data
    base = data["extends"]
    own = {key: value for key, value in data.items() if key != "extends"}
    if not isinstance(base, str):
        raise ConfigError(f"key 'extends': got {short_json(base)}; should be a mission, as text")
    try:
        file, seed = find_mission_file(base)
        path = (folder / file).resolve()
        if path in above:
            chain = ", ".join(short_json(step.name) for step in above)
            raise ConfigError(f"got {short_json(base)}, which extends itself by way of {chain}")
        found = load_yaml(path)
        if not isinstance(found, dict):
            raise ConfigError(f"{path}: expected a mapping of keys, got {short_json(found)}")
    except ConfigError as error:
        raise ConfigError(f"key 'extends': {error}") from None
    found = _resolve_extends(found, path.parent, (*above, path))
    if seed is not None:
        found = _with_layout_seed(found, seed)
    for key in NOT_INHERITED_KEYS:
        found.pop(key, None)
    replaced = {"map": "layout", "layout": "map"}
    return _deep_merge({k: v for k, v in found.items() if replaced.get(k) not in own}, own)


def _with_layout_seed(data: dict, seed: str) -> dict:
    """The keys of a mission with another seed, or other seeds, of its layout."""
    if not isinstance(data.get("layout"), dict):
        raise ConfigError(
            f"got '@{seed}', but the mission has no 'layout'; only a layout has seeds"
        )
    return _deep_merge(data, {"layout": {"seed": int(seed) if seed.isdigit() else seed}})


def _deep_merge(base: Any, over: Any) -> Any:
    """Mappings joined key by key; what else stands in both is `over`'s."""
    if not (isinstance(base, dict) and isinstance(over, dict)):
        return over
    if base.get("generator") != over.get("generator", base.get("generator")):
        return over  # the keys of one layout mean nothing to another
    return base | {key: _deep_merge(base.get(key), value) for key, value in over.items()}


def _stations(overrides: Any) -> dict[str, dict]:
    if not isinstance(overrides, dict):
        raise ConfigError(
            f"key 'stations': got {short_json(overrides)}; should be a mapping of names to stations"
        )
    for name, station in overrides.items():
        if not isinstance(station, dict):
            raise ConfigError(
                f"key 'stations.{name}': got {short_json(station)}; should be a mapping of its keys"
            )
        if name not in STATION_CATALOG and "kind" not in station:
            raise ConfigError(
                f"key 'stations': unknown station {short_json(name)}; "
                f"{suggest(name, sorted(STATION_CATALOG))}, or a new one with its 'kind'"
            )
    return _deep_merge(STATION_CATALOG, overrides)


def _legend(stations: dict[str, dict], extra: Any) -> dict[str, Any]:
    if not isinstance(extra, dict):
        raise ConfigError(
            f"key 'legend': got {short_json(extra)}; should be a mapping of characters to names"
        )
    legend = {"#": WALL, ".": FLOOR, "@": AGENT}
    for name, station in stations.items():
        symbol = station.get("symbol")
        if isinstance(symbol, str) and len(symbol) == 1:
            if symbol in legend:
                raise ConfigError(
                    f"key 'stations.{name}.symbol': got {short_json(symbol)}, which is already "
                    f"'{legend[symbol]}'; taken: {' '.join(sorted(legend))}"
                )
            legend[symbol] = name
    return legend | extra
