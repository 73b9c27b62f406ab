"""From a mission's name or YAML file to a `Mission`."""

from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from daf.config import ConfigError, check_plain, load_yaml, nearest, shown
from daf.config.errors import describe
from daf.missions.layouts import generate
from daf.missions.mission import AGENT, FLOOR, WALL, Mission

BUILT_IN = Path(str(files("daf.missions"))) / "built_in"
CATALOG = load_yaml(Path(str(files("daf.missions"))) / "stations.yaml")


def built_in_missions() -> list[str]:
    """Names of the missions that come with DAF, sorted."""
    return sorted(path.stem for path in BUILT_IN.glob("*.yaml"))


def load_mission(mission: str | Path) -> Mission:
    """A mission by its built-in name, or by the path of a YAML file.

    Raises:
        ConfigError: no such mission, or the file is wrong; one line naming file, key, value and
            what would be accepted.
    """
    text = str(mission)
    if not text.endswith((".yaml", ".yml")):
        if text not in built_in_missions():
            raise ConfigError(
                f"unknown mission {shown(text)}; {nearest(text, built_in_missions())}, "
                "or the path of a .yaml file"
            )
        return load_mission(BUILT_IN / f"{text}.yaml")
    path = Path(mission)
    return build_mission(load_yaml(path), name=path.stem, source=text)


def build_mission(data: Any, *, name: str, source: str) -> Mission:
    """A mission from the plain data of its YAML file; see `load_mission`.

    `stations` of the file override, key by key, the game's own of the same name; `layout` calls a
    generator where there is no `map`; `legend` adds to the symbols of the stations.
    """
    check_plain(data, source)
    if not isinstance(data, dict):
        raise ConfigError(f"{source}: expected a mapping of keys, got {shown(data)}")
    data = {"name": name, **data}
    try:
        data["stations"] = _stations(data.get("stations", {}))
        data["legend"] = _legend(data["stations"], data.get("legend", {}))
        if ("layout" in data) == ("map" in data):
            found = "both" if "map" in data else "neither"
            raise ConfigError(f"keys 'map' and 'layout': got {found}; give one of them")
        if "layout" in data:
            data["map"] = generate(data.pop("layout"), data["legend"])
        elif isinstance(data["map"], str):
            data["map"] = data["map"].splitlines()
        return Mission.model_validate(data)
    except ConfigError as error:
        raise ConfigError(f"{source}: {error}") from None
    except ValidationError as error:
        raise ConfigError(f"{source}: {describe(error, Mission)}") from None


def _stations(overrides: Any) -> dict[str, dict]:
    if not isinstance(overrides, dict):
        raise ConfigError(
            f"key 'stations': got {shown(overrides)}; should be a mapping of names to stations"
        )
    for name, station in overrides.items():
        if not isinstance(station, dict):
            raise ConfigError(
                f"key 'stations.{name}': got {shown(station)}; should be a mapping of its keys"
            )
        if name not in CATALOG and "kind" not in station:
            raise ConfigError(
                f"key 'stations': unknown station {shown(name)}; "
                f"{nearest(name, sorted(CATALOG))}, or a new one with its 'kind'"
            )
    merged = {name: {**station, **overrides.get(name, {})} for name, station in CATALOG.items()}
    return merged | {name: new for name, new in overrides.items() if name not in CATALOG}


def _legend(stations: dict[str, dict], extra: Any) -> dict[str, Any]:
    if not isinstance(extra, dict):
        raise ConfigError(
            f"key 'legend': got {shown(extra)}; should be a mapping of characters to names"
        )
    legend = {"#": WALL, ".": FLOOR, "@": AGENT}
    for name, station in stations.items():
        symbol = station.get("symbol")
        if isinstance(symbol, str) and len(symbol) == 1:
            if symbol in legend:
                raise ConfigError(
                    f"key 'stations.{name}.symbol': got {shown(symbol)}, which is already "
                    f"'{legend[symbol]}'; taken: {' '.join(sorted(legend))}"
                )
            legend[symbol] = name
    return legend | extra
