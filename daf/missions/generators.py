"""The generators of layouts, by name."""

from typing import Any

from daf.config import ConfigError, nearest, shown
from daf.missions.caves import Cave
from daf.missions.layouts import Room

GENERATORS = {"cave": Cave, "room": Room}


def generate(layout: Any, legend: dict[str, str]) -> list[str]:
    """The map of a mission's `layout` key, as rows of characters.

    Raises:
        ConfigError: unknown generator or wrong parameters, in one line.
    """
    if not isinstance(layout, dict):
        raise ConfigError(f"key 'layout': got {shown(layout)}; should be a mapping of its keys")
    name = layout.get("generator")
    if not isinstance(name, str) or name not in GENERATORS:
        raise ConfigError(
            f"key 'layout.generator': got {shown(name)}; {nearest(name, sorted(GENERATORS))}"
        )
    return GENERATORS[name].parse(layout, "key 'layout'").rows(legend)
