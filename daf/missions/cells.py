"""Contents of map cells, and maximum numbers of them."""

WALL, FLOOR, AGENT = "wall", "floor", "agent"
MAX_SIDE, MAX_AGENTS, MAX_STATIONS = 255, 64, 4096
