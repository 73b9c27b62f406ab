"""What a policy is told about the game it will play: shapes and rules, never the map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from daf.missions import Assembler, Chest, Mission


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
        type_ids: what the feature "type_id" may say: agent, wall, and every station of the game.
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
    type_ids: tuple[int, ...]
    stations: dict[str, Assembler | Chest]

    @classmethod
    def of(cls, *missions: Mission) -> Game:
        """The game that all `missions` share.

        Raises:
            ConfigError: the missions differ in action list, tokens or window, so that one policy
                cannot play them all.
        """
        # Here, because a bundle has this module, but no missions and no simulator.
        from daf.missions import RESOURCES, check_compatible
        from daf.missions.loader import STATION_CATALOG
        from daf.missions.token_bound import token_bound
        from daf.sim.observe import FEATURES

        check_compatible(*missions)
        first = missions[0]
        back = [
            mission.regeneration.amounts.get("energy", 0) * (mission.regeneration.interval == 1)
            for mission in missions
        ]
        present = {
            name: s for m in missions for name, s in m.stations.items() if m.cells_with(name)
        }
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
            type_ids=(0, 1, *sorted(station["type_id"] for station in STATION_CATALOG.values())),
            stations=present,
        )
