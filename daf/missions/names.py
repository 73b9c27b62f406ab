"""Names of missions with optional layout seeds."""

import re
from typing import Annotated

from pydantic import AfterValidator

from daf.config.model import check_folder_name
from daf.missions.layout_generator import SEED_PATTERN


def split_layout_seed(name: str) -> tuple[str, str | None]:
    """Split `assembler_2@7` into ("assembler_2", "7"): the mission and its layout seed.

    Returns:
        (mission, seed or range of seeds such as `1-1000`); the seed is None without '@'.
    """
    match = re.fullmatch(f"(.*)@({SEED_PATTERN}(?:-{SEED_PATTERN})?)", name, re.DOTALL)
    return (match[1], match[2]) if match else (name, None)


def _check_mission_name(name: str) -> str:
    check_folder_name(split_layout_seed(name)[0])
    return name


MissionName = Annotated[str, AfterValidator(_check_mission_name)]
"""A `Name`, optionally with '@' and a layout seed or a range of layout seeds."""
