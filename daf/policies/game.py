"""What a policy is told about the game it will play: shapes and rules, never the map."""

from dataclasses import dataclass

import numpy as np

from daf.missions import RESOURCES, Assembler, Chest, Mission, check_alike
from daf.missions.mission import WALL
from daf.sim.observe import FEATURES


@dataclass(frozen=True)
class Game:
    """The part of the missions that every player knows.

    Attributes:
        num_agents: agents in a world (of the first mission).
        num_actions: length of the flat action list (noop, move N S W E, glyph 0, 1, ...).
        num_tokens: T, rows of an observation uint8 [T, 3].
        used_tokens: no observation has more tokens than this; those behind are empty.
        window: rows and columns that an agent sees around itself.
        max_steps: length of an episode, 0 if endless.
        move_energy: what a successful move costs.
        energy_regained: energy that comes back by itself in every step.
        features: names of the observation features by id.
        stations: station kinds by name, with type id, recipes and sides.
    """

    num_agents: int
    num_actions: int
    num_tokens: int
    used_tokens: int
    window: tuple[int, int]
    max_steps: int
    move_energy: int
    energy_regained: int
    features: tuple[str, ...]
    stations: dict[str, Assembler | Chest]

    @classmethod
    def of(cls, *missions: Mission) -> "Game":
        """The game that all `missions` share.

        Raises:
            ConfigError: the missions differ in action list, tokens or window, so that one policy
                cannot play them all.
        """
        check_alike(*missions)
        first = missions[0]
        back = [
            mission.regeneration.amounts.get("energy", 0) * (mission.regeneration.interval == 1)
            for mission in missions
        ]
        present = {name: s for m in missions for name, s in m.stations.items() if m.cells(name)}
        return cls(
            num_agents=first.num_agents,
            num_actions=first.num_actions,
            num_tokens=first.tokens,
            used_tokens=max(token_bound(mission) for mission in missions),
            window=(first.window_height, first.window_width),
            max_steps=max(mission.max_steps for mission in missions),
            move_energy=max(mission.move_energy for mission in missions),
            energy_regained=min(back),
            features=(*FEATURES, *RESOURCES),
            stations=present,
        )


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
