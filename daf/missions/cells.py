"""What the cells of a map may be, and how many there may be of each."""

WALL, FLOOR, AGENT = "wall", "floor", "agent"
MAX_SIDE, MAX_AGENTS, MAX_STATIONS = 255, 64, 4096
