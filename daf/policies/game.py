"""Observation and action interface of missions: shapes and rules, without the map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from daf.missions import Assembler, Chest, Mission
    from daf.missions.stations import Recipe


@dataclass(frozen=True)
class Game:
    """Interface of one or several missions; available to every policy.

    Attributes:
        num_agents: A, agents per world (of the first mission).
        num_actions: length of the flat action list (noop, move N S W E, glyph 0, 1, ...).
        num_tokens: T, rows of an observation uint8 [T, 3].
        used_tokens: upper bound of tokens per observation; all later tokens are empty.
        window: rows and columns of the window around an agent.
        max_steps: length of an episode in steps, 0 for no limit.
        move_energy: energy of one successful move.
        energy_regained: energy that every agent regains per step.
        features: names of the observation features, by id.
        type_ids: values of the feature `type_id`: agent, wall, and every station type.
        stations: station types by name, with type id, recipes and sides.
        repairs: recipes that repair clipped stations.
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
    repairs: tuple[Recipe, ...] = ()

    @classmethod
    def of(cls, *missions: Mission) -> Game:
        """Build the common interface of missions.

        Raises:
            ConfigError: the missions differ in action list, tokens or window.
        """
        # Imported here, because bundles contain this module without missions and simulator.
        from daf.missions import RESOURCES, check_same_spaces
        from daf.missions.loader import STATION_CATALOG
        from daf.missions.token_bound import compute_observation_token_bound
        from daf.sim.observe import FEATURES

        check_same_spaces(*missions)
        first = missions[0]
        energy_per_step = [
            mission.regeneration.amounts.get("energy", 0) * (mission.regeneration.interval == 1)
            for mission in missions
        ]
        stations_on_maps = {
            name: station
            for mission in missions
            for name, station in mission.stations.items()
            if mission.find_cells_with(name)
        }
        return cls(
            num_agents=first.num_agents,
            num_actions=first.num_actions,
            num_tokens=first.tokens,
            used_tokens=max(compute_observation_token_bound(mission) for mission in missions),
            window=(first.window_height, first.window_width),
            max_steps=max(mission.max_steps for mission in missions),
            move_energy=max(mission.move_energy for mission in missions),
            energy_regained=min(energy_per_step),
            features=(*FEATURES, *RESOURCES),
            type_ids=(0, 1, *sorted(station["type_id"] for station in STATION_CATALOG.values())),
            stations=stations_on_maps,
            repairs=first.clipping.repairs,
        )
