"""Upper bound of the tokens per observation; policies skip the padding beyond it."""

import numpy as np

from daf.missions import RESOURCES, Chest, Mission
from daf.missions.game_statistics import station_types_on_map
from daf.missions.mission import WALL


def compute_observation_token_bound(mission: Mission) -> int:
    """Compute an upper bound of the tokens in any observation of the mission.

    The sum of 4 global tokens, up to 5 tokens and 1 per resource for each agent, and the fullest
    window of walls (1 each), chests (2) and other stations (4).
    """
    token_count = mission.content_mask_per_layout(WALL).astype(np.int32)
    for name in station_types_on_map(mission):
        chest = isinstance(mission.stations[name], Chest)
        token_count += (2 if chest else 4) * mission.content_mask_per_layout(name)
    height, width = mission.window_height, mission.window_width
    padded = np.pad(token_count, ((0, 0), (height // 2,) * 2, (width // 2,) * 2))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (height, width), axis=(1, 2))
    agents = mission.num_agents * (5 + len(RESOURCES))
    return min(mission.tokens, 4 + agents + int(windows.sum((3, 4)).max()))
