"""How many tokens an observation can have: policies need not look at those behind."""

import numpy as np

from daf.missions import RESOURCES, Chest, Mission
from daf.missions.mission import WALL


def token_bound(mission: Mission) -> int:
    """An upper bound of the tokens in any observation of the mission.

    Four tokens of one's own, up to five and one per resource for each agent, and the fullest
    window of walls (1 each), chests (2) and other stations (4).
    """
    weight = np.zeros((mission.height, mission.width), dtype=np.int64)
    for row, column, name in mission.cells(WALL, *mission.stations):
        station = mission.stations.get(name)
        weight[row, column] = 1 if station is None else 2 if isinstance(station, Chest) else 4
    height, width = mission.window_height, mission.window_width
    padded = np.pad(weight, ((height // 2,) * 2, (width // 2,) * 2))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (height, width))
    agents = mission.num_agents * (5 + len(RESOURCES))
    return min(mission.tokens, 4 + agents + int(windows.sum((2, 3)).max()))
