"""Pictures of a world: text, or an image with the glyphs of the replay viewer."""

from typing import Any, Literal

import numpy as np

from daf.errors import ConfigError
from daf.missions.cells import AGENT as AGENT_CONTENT
from daf.missions.cells import FLOOR as FLOOR_CONTENT
from daf.missions.world_image import WorldPainter, WorldSnapshot
from daf.sim.simulation import Simulation

RenderMode = Literal["ansi", "rgb_array"] | None
RENDER_METADATA: dict[str, Any] = {"render_modes": ["ansi", "rgb_array"], "render_fps": 10}


def check_render_mode(render_mode: RenderMode) -> RenderMode:
    """Check and return a render mode.

    Raises:
        ConfigError: unknown mode.
    """
    if render_mode not in (None, *RENDER_METADATA["render_modes"]):
        raise ConfigError(f"render_mode: got {render_mode!r}; expected ansi, rgb_array or None")
    return render_mode


def render_world(simulation: Simulation, world: int, render_mode: str | None) -> Any:
    """Return a world as text ("ansi") or image uint8 [H, W, 3] ("rgb_array"); None for no mode."""
    if render_mode is None:
        return None
    return (
        render_text(simulation, world) if render_mode == "ansi" else render_image(simulation, world)
    )


def render_text(simulation: Simulation, world: int) -> str:
    """Return the map with the agents' numbers, and step and score below it."""
    rows = [list(row) for row in _map_rows_without_agents(simulation, world)]
    for agent, (row, column) in enumerate(_agent_cells(simulation, world)):
        rows[row][column] = str(agent % 10)
    step, score = int(simulation.state.now[world]), int(simulation.score()[world])
    return "\n".join(["".join(row) for row in rows] + [f"step {step}, score {score}", ""])


def render_image(simulation: Simulation, world: int) -> np.ndarray:
    """Return the map as an image uint8 [H * 24, W * 24, 3], drawn as in the replay viewer."""
    mission, state = simulation.mission, simulation.state
    painter = WorldPainter(mission, mission.maps[int(state.layout[world])])
    snapshot = WorldSnapshot(
        step=int(state.now[world]),
        position=np.array(_agent_cells(simulation, world), dtype=float),
        orientation=state.orientation[world].cpu().numpy(),
        inventory=state.inventory[world].cpu().numpy(),
        # The step is the bits of a uint32.
        cooldown_end=state.cooldown_end[world].cpu().numpy().view(np.uint32),
        use_counts=state.uses[world].cpu().numpy(),
        chest_stock=state.stock[world].cpu().numpy(),
        repair_recipe_index=state.repair[world].cpu().numpy(),
    )
    return np.asarray(painter.paint(snapshot))


def _map_rows_without_agents(simulation: Simulation, world: int) -> tuple[str, ...]:
    """Return the map of a world, without agents."""
    mission = simulation.mission
    rows = mission.maps[int(simulation.state.layout[world])]
    floor = next(
        (symbol for symbol, content in mission.legend.items() if content == FLOOR_CONTENT), " "
    )
    agents = {symbol for symbol, content in mission.legend.items() if content == AGENT_CONTENT}
    return tuple("".join(floor if s in agents else s for s in row) for row in rows)


def _agent_cells(simulation: Simulation, world: int) -> list[tuple[int, int]]:
    """Return row and column of every agent on the map."""
    tables = simulation.tables
    cells = simulation.state.cell[world].tolist()
    rows_and_columns = [divmod(cell, tables.padded_width) for cell in cells]
    return [
        (row - tables.pad_rows, column - tables.pad_columns) for row, column in rows_and_columns
    ]
