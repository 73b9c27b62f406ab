"""Layout generator `room`: one open room."""

from typing import Literal

import numpy as np
from pydantic import Field

from daf.config import Int
from daf.missions.cells import AGENT, FLOOR, MAX_AGENTS
from daf.missions.layout_generator import LayoutGenerator, choose_random_cell


class Room(LayoutGenerator):
    """One open room with stations and agents at random positions."""

    generator: Literal["room"] = Field(default="room", description="name of the generator")
    agents: Int = Field(ge=1, le=MAX_AGENTS, description="number of agents")

    def draw_into(
        self, interior: np.ndarray, symbol_by_content: dict[str, str], random: np.random.Generator
    ) -> None:
        """Draw floor, stations and agents in place; see `LayoutGenerator.draw_into`."""
        interior[:] = symbol_by_content[FLOOR]
        free = np.zeros(interior.shape, dtype=bool)
        free[1:-1, 1:-1] = True
        names = self.repeat_station_names_by_count()
        for name in names:
            row, column = choose_random_cell(free, random, f"the {len(names)} stations")
            interior[row, column] = symbol_by_content[name]
            free[row - 1 : row + 2, column - 1 : column + 2] = False
        for _ in range(self.agents):
            cell = choose_random_cell(
                interior == symbol_by_content[FLOOR], random, f"the {self.agents} agents"
            )
            interior[cell] = symbol_by_content[AGENT]
