"""Names of missions, and of the layout seeds in them."""

import re
from typing import Annotated

from pydantic import AfterValidator

from daf.config.model import check_name
from daf.missions.layouts import SEED_PATTERN


def split_layout_seed(name: str) -> tuple[str, str | None]:
    """`assembler_2@7` -> ("assembler_2", "7"): a mission, and the seed of its layout, or the seeds
    of its layouts (`1-1000`), if they are not the mission's own."""
    found = re.fullmatch(f"(.*)@({SEED_PATTERN}(?:-{SEED_PATTERN})?)", name, re.DOTALL)
    return (found[1], found[2]) if found else (name, None)


def _mission_name(name: str) -> str:
    check_name(split_layout_seed(name)[0])
    return name


MissionName = Annotated[str, AfterValidator(_mission_name)]
"""A `Name`, which '@' and the seed of a layout, or the seeds of several, may follow."""
