"""Layout generators by name."""

from typing import Annotated, Any

from pydantic import Field

from daf.config import ConfigError, short_json, suggest_choice
from daf.missions.cave_generator import Cave
from daf.missions.layout_generator import LayoutGenerator
from daf.missions.room_generator import Room

GENERATORS = {"cave": Cave, "room": Room}
AnyLayout = Annotated[Cave | Room, Field(discriminator="generator")]


def parse_layout(raw_layout: Any) -> LayoutGenerator:
    """Validate the `layout` key of a mission.

    Args:
        raw_layout: raw content of the key.

    Raises:
        ConfigError: unknown generator or invalid parameters; one line.
    """
    if not isinstance(raw_layout, dict):
        raise ConfigError(
            f"key 'layout': got {short_json(raw_layout)}; expected a mapping of its keys"
        )
    name = raw_layout.get("generator")
    if not isinstance(name, str) or name not in GENERATORS:
        hint = suggest_choice(str(name), sorted(GENERATORS))
        raise ConfigError(f"key 'layout.generator': got {short_json(name)}; {hint}")
    return GENERATORS[name].parse(raw_layout, "key 'layout'")
