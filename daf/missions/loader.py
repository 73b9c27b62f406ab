"""Loading of missions: name or YAML file in, `Mission` out."""

from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from daf.config import (
    ConfigError,
    check_plain_data,
    load_yaml,
    short_json,
    suggest_choice,
)
from daf.config.paths import expand_home
from daf.config.plain import as_plain_data
from daf.errors import describe_validation_error
from daf.missions.ceiling import choose_declared_or_proven_ceiling
from daf.missions.layout_registry import parse_layout
from daf.missions.mission import AGENT, FLOOR, WALL, Mission
from daf.missions.names import split_layout_seed

BUILT_IN = Path(str(files("daf.missions"))) / "built_in"
STATION_CATALOG = load_yaml(Path(str(files("daf.missions"))) / "stations.yaml")
NOT_INHERITED_KEYS = ("name", "description", "ceiling")
"""Keys that a mission does not inherit from the mission that it extends."""


def built_in_missions() -> list[str]:
    """Return the names of the missions that come with DAF, sorted."""
    return sorted(path.stem for path in BUILT_IN.glob("*.yaml"))


def built_in_mission_description(mission_name: str) -> str:
    """Return the description of a built-in mission without building its map."""
    return load_yaml(BUILT_IN / f"{mission_name}.yaml")["description"]


def load_mission(mission: str | Path) -> Mission:
    """Load a mission by its built-in name or by the path of a YAML file.

    The suffix `@SEED` selects one layout; the suffix `@FIRST-LAST` makes one mission of all these
    layouts. The name of the mission keeps the suffix.

    Args:
        mission: built-in name or path, with an optional suffix.

    Raises:
        ConfigError: unknown mission or invalid file; one line with file, key, value, expectation.
    """
    path, seed = find_file_and_layout_seed(str(mission))
    source = str(path) if seed is None else f"{path}@{seed}"
    return build_mission(
        load_yaml(path), name=path.stem, source=source, folder=path.parent, layout_seed=seed
    )


def find_file_and_layout_seed(name_or_path: str) -> tuple[Path, str | None]:
    """Return the YAML file of a mission, and the layout seed or seeds behind '@' (else None).

    Args:
        name_or_path: built-in name or path, with an optional suffix `@SEED` or `@FIRST-LAST`.

    Raises:
        ConfigError: neither a built-in name nor the path of a YAML file.
    """
    name, seed = split_layout_seed(name_or_path)
    if name.endswith((".yaml", ".yml")):
        return Path(expand_home(name)), seed
    if name not in built_in_missions():
        base, at, _ = name.partition("@")
        if at and base in built_in_missions():
            raise ConfigError(
                f"unknown mission {short_json(name_or_path)}; expected a layout seed behind '@', "
                f"such as {base}@7, or a range of seeds, such as {base}@1-1000"
            )
        raise ConfigError(
            f"unknown mission {short_json(name_or_path)}; "
            f"{suggest_choice(name, built_in_missions())}, "
            "or the path of a .yaml file"
        )
    return BUILT_IN / f"{name}.yaml", seed


def build_mission(
    data: Any, *, name: str, source: str, folder: Path = Path(), layout_seed: str | None = None
) -> Mission:
    """Build a mission from the plain data of its YAML file; see `load_mission`.

    The key `extends` names a base mission (built-in, or a file relative to `folder`) that supplies
    missing keys. `stations` override the station catalog key by key. `layout` selects a generator
    instead of a `map`. `legend` adds to the symbols of the stations.

    Args:
        data: content of the file.
        name: name of the mission, unless the file has one.
        source: origin of the data, the prefix of error messages.
        folder: folder of the file.
        layout_seed: layout seed or range FIRST-LAST that replaces the one in the file.

    Raises:
        ConfigError: the data are invalid; one line.
    """
    data = as_plain_data(data)
    check_plain_data(data, source)
    if not isinstance(data, dict):
        raise ConfigError(f"{source}: got {short_json(data)}; expected a mapping of keys")
    try:
        data = {"name": name} | _resolve_extends(data, folder, ())
        if isinstance(data["name"], str) and split_layout_seed(data["name"])[1] is not None:
            raise ConfigError(
                f"key 'name': got {short_json(data['name'])}; expected no '@' and number"
            )
        if layout_seed is not None:
            data = _replace_layout_seed(data, layout_seed) | {
                "name": f"{data['name']}@{layout_seed}"
            }
        data["stations"] = _override_station_catalog(data.get("stations", {}))
        data["legend"] = _build_legend(data["stations"], data.get("legend", {}))
        if ("layout" in data) == ("map" in data):
            count = "both" if "map" in data else "neither"
            raise ConfigError(f"keys 'map' and 'layout': got {count}; expected one of them")
        if "layout" in data:
            layout = parse_layout(data.pop("layout"))
            data["map"] = layout.build_map(data["legend"], layout.seeds[0])
            if isinstance(layout.seed, str):
                data["layout"] = layout
        elif isinstance(data["map"], str):
            data["map"] = data["map"].splitlines()
        mission = Mission.model_validate(data)
        _ = mission.maps  # raises the errors of all layouts at load time
        return mission.model_copy(update={"ceiling": choose_declared_or_proven_ceiling(mission)})
    except ConfigError as error:
        raise ConfigError(f"{source}: {error}") from None
    except ValidationError as error:
        raise ConfigError(f"{source}: {describe_validation_error(error, Mission)}") from None


def _resolve_extends(data: dict, folder: Path, extending_files: tuple[Path, ...]) -> dict:
    """Return the keys of a mission merged with those of all missions that it extends.

    Args:
        data: content of the mission file.
        folder: folder of the mission file.
        extending_files: files of the missions that extend this one, outermost first.

    Raises:
        ConfigError: the base mission is unknown, invalid, or extends this one.
    """
    if "extends" not in data:
        return data
    base = data["extends"]
    overrides = {key: value for key, value in data.items() if key != "extends"}
    if not isinstance(base, str):
        raise ConfigError(f"key 'extends': got {short_json(base)}; expected the name of a mission")
    try:
        file, seed = find_file_and_layout_seed(base)
        path = (folder / file).resolve()
        if path in extending_files:
            names = ", ".join(short_json(file.name) for file in extending_files)
            raise ConfigError(f"got {short_json(base)}, which extends itself through {names}")
        inherited = load_yaml(path)
        if not isinstance(inherited, dict):
            raise ConfigError(f"{path}: got {short_json(inherited)}; expected a mapping of keys")
    except ConfigError as error:
        raise ConfigError(f"key 'extends': {error}") from None
    inherited = _resolve_extends(inherited, path.parent, (*extending_files, path))
    if seed is not None:
        inherited = _replace_layout_seed(inherited, seed)
    for key in NOT_INHERITED_KEYS:
        inherited.pop(key, None)
    replaced_by = {"map": "layout", "layout": "map"}
    inherited = {k: v for k, v in inherited.items() if replaced_by.get(k) not in overrides}
    return _deep_merge(inherited, overrides)


def _replace_layout_seed(data: dict, seed_or_range: str) -> dict:
    """Return the keys of a mission with another layout seed or range of seeds."""
    if not isinstance(data.get("layout"), dict):
        raise ConfigError(
            f"got '@{seed_or_range}' for a mission without 'layout'; "
            "expected a mission with a layout"
        )
    return _deep_merge(
        data, {"layout": {"seed": int(seed_or_range) if seed_or_range.isdigit() else seed_or_range}}
    )


def _deep_merge(base: Any, overrides: Any) -> Any:
    """Merge mappings key by key; other values of `overrides` replace those of `base`."""
    if not (isinstance(base, dict) and isinstance(overrides, dict)):
        return overrides
    if base.get("generator") != overrides.get("generator", base.get("generator")):
        return overrides  # generators share no parameters
    return base | {key: _deep_merge(base.get(key), value) for key, value in overrides.items()}


def _override_station_catalog(overrides: Any) -> dict[str, dict]:
    if not isinstance(overrides, dict):
        raise ConfigError(
            f"key 'stations': got {short_json(overrides)}; expected a mapping of names to stations"
        )
    for name, station in overrides.items():
        if not isinstance(station, dict):
            raise ConfigError(
                f"key 'stations.{name}': got {short_json(station)}; expected a mapping of its keys"
            )
        if name not in STATION_CATALOG and "kind" not in station:
            raise ConfigError(
                f"key 'stations': unknown station {short_json(name)}; "
                f"{suggest_choice(name, sorted(STATION_CATALOG))}, "
                "or a new station with its 'kind'"
            )
    return _deep_merge(STATION_CATALOG, overrides)


def _build_legend(stations: dict[str, dict], extra_symbols: Any) -> dict[str, Any]:
    if not isinstance(extra_symbols, dict):
        raise ConfigError(
            f"key 'legend': got {short_json(extra_symbols)}; "
            "expected a mapping of characters to names"
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
    return legend | extra_symbols
