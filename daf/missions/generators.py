"""Layout generators by name."""

from typing import Annotated, Any

from pydantic import Field

from daf.config import ConfigError, short_json, suggest
from daf.missions.caves import Cave
from daf.missions.layouts import Layout, Room

GENERATORS = {"cave": Cave, "room": Room}
AnyLayout = Annotated[Cave | Room, Field(discriminator="generator")]


def parse_layout(layout: Any) -> Layout:
    """Validate the `layout` key of a mission.

    Args:
        layout: raw content of the key.

    Raises:
        ConfigError: unknown generator or invalid parameters; one line.
    """
    if not isinstance(layout, dict):
        raise ConfigError(f"key 'layout': got {short_json(layout)}; expected a mapping of its keys")
    name = layout.get("generator")
    if not isinstance(name, str) or name not in GENERATORS:
        raise ConfigError(
            f"key 'layout.generator': got {short_json(name)}; {suggest(name, sorted(GENERATORS))}"
        )
    return GENERATORS[name].parse(layout, "key 'layout'")
