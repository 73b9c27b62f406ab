"""Pictures of a world: text, or an image with the glyphs of the replay viewer."""

from typing import Any, Literal

import numpy as np

from daf.errors import ConfigError
from daf.missions import RESOURCES
from daf.missions.cells import AGENT as AGENT_CONTENT
from daf.missions.cells import FLOOR as FLOOR_CONTENT
from daf.missions.cells import WALL as WALL_CONTENT
from daf.sim.simulation import Simulation

RenderMode = Literal["ansi", "rgb_array"] | None
RENDER_METADATA: dict[str, Any] = {"render_modes": ["ansi", "rgb_array"], "render_fps": 10}

CELL_PIXELS = 24
OVERSAMPLING = 3
DIRECTIONS = ((-1, 0), (1, 0), (0, -1), (0, 1))
"""Row and column step of the orientations N, S, W, E."""
FLOOR, WALL, INK, PAGE = "#eceef0", "#4b535c", "#1b1f24", "#fdfdfc"
HEART = "#d1274b"
AGENT_COLORS = (
    "#0064a8",
    "#c04e00",
    "#007a58",
    "#a3427f",
    "#7d6200",
    "#3b83b8",
    "#4a4f57",
    "#7253b5",
)
STATION_COLORS = (
    "#77aadd",
    "#ee8866",
    "#eedd88",
    "#44bb99",
    "#ffaabb",
    "#bbcc33",
    "#99ddff",
    "#dddddd",
)


def parse_render_mode(render_mode: RenderMode) -> RenderMode:
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
    """Return the map as an image uint8 [H * 24, W * 24, 3].

    Stations are squares with their symbols, pale during a cooldown and crossed out while clipped.
    Agents are disks with their numbers and a beak in their direction, with a heart if they carry
    one.
    """
    from PIL import Image, ImageDraw, ImageFont

    mission, state = simulation.mission, simulation.state
    rows = _map_rows_without_agents(simulation, world)
    size = CELL_PIXELS * OVERSAMPLING
    image = Image.new("RGB", (len(rows[0]) * size, len(rows) * size), FLOOR)
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(0.55 * size)
    contents = [
        (row, column, symbol) for row, line in enumerate(rows) for column, symbol in enumerate(line)
    ]

    # walls
    for row, column, symbol in contents:
        if mission.legend[symbol] == WALL_CONTENT:
            corner = (column * size, row * size)
            draw.rectangle((*corner, corner[0] + size - 1, corner[1] + size - 1), fill=WALL)

    # stations, in the order of the state tensors
    names = {s: mission.legend[s] for *_, s in contents if mission.legend[s] in mission.stations}
    symbols = sorted(names, key=lambda symbol: (names[symbol], symbol))
    stations = [cell for cell in contents if cell[2] in symbols]
    step = int(state.now[world])
    for station, (row, column, symbol) in enumerate(stations):
        color = STATION_COLORS[symbols.index(symbol) % len(STATION_COLORS)]
        is_clipped = int(state.repair[world, station]) >= 0
        # The step is the bits of a uint32.
        cooldown_end = int(state.cooldown_end[world, station]) % 2**32
        if is_clipped or cooldown_end > step:
            color = _mix_colors(color, FLOOR)
        x, y = column * size, row * size
        box = (x + 0.05 * size, y + 0.05 * size, x + 0.95 * size, y + 0.95 * size)
        draw.rounded_rectangle(box, 0.16 * size, fill=color)
        if is_clipped:
            draw.line(box, fill=HEART, width=size // 12)
            draw.line((box[0], box[3], box[2], box[1]), fill=HEART, width=size // 12)
        draw.text((x + size / 2, y + size / 2), symbol, fill=INK, font=font, anchor="mm")

    # agents
    heart = RESOURCES.index("heart")
    for agent, (row, column) in enumerate(_agent_cells(simulation, world)):
        x, y = (column + 0.5) * size, (row + 0.5) * size
        color = AGENT_COLORS[agent % len(AGENT_COLORS)]
        dy, dx = DIRECTIONS[int(state.orientation[world, agent])]
        tip = (x + 0.5 * size * dx, y + 0.5 * size * dy)
        side = (0.24 * size * dy, 0.24 * size * dx)
        base = (x + 0.2 * size * dx, y + 0.2 * size * dy)
        beak = [tip, (base[0] + side[0], base[1] + side[1]), (base[0] - side[0], base[1] - side[1])]
        draw.polygon(beak, fill=color)
        radius = 0.34 * size
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=color)
        draw.text((x, y), str(agent), fill=PAGE, font=font, anchor="mm")
        if int(state.inventory[world, agent, heart]):
            draw.regular_polygon((x + 0.3 * size, y - 0.3 * size, 0.18 * size), 4, 45, fill=HEART)
    image = image.reduce(OVERSAMPLING)
    return np.asarray(image)


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


def _mix_colors(first: str, second: str) -> str:
    """Return the color between two colors #rrggbb."""
    pairs = zip(bytes.fromhex(first[1:]), bytes.fromhex(second[1:]))
    return "#" + bytes((a + b) // 2 for a, b in pairs).hex()
