"""The public engine mettagrid, stepped on the nearest mission it has, to compare speeds with."""

import importlib.metadata
from typing import Any

import numpy as np

from daf.missions import RESOURCES, Mission
from daf.missions.mission import AGENT, WALL


class MettagridEngine:
    """One world of its bare engine (no Python wrapper), begun anew when an episode is over.

    The map, the agents, the window, the tokens and the length of an episode are the mission's.
    Moves are free, and stations are objects that stand in the way and do nothing: the rules of the
    two games differ by now, and without handlers mettagrid has less to do, not more.
    """

    def __init__(self, mission: Mission):
        """
        Raises:
            ImportError: mettagrid is not installed.
        """
        from mettagrid import mettagrid_c
        from mettagrid.config.mettagrid_c_config import convert_to_cpp_game_config

        game, cells = _translated(mission)
        settings, _ = convert_to_cpp_game_config(game)
        self._make = lambda seed: mettagrid_c.MettaGrid(settings, cells, seed)
        agents, tokens = mission.num_agents, mission.tokens
        self._buffers = {
            "observations": np.zeros((agents, tokens, 3), dtype=np.uint8),
            "terminals": np.zeros(agents, dtype=bool),
            "truncations": np.zeros(agents, dtype=bool),
            "rewards": np.zeros(agents, dtype=np.float32),
            "actions": np.zeros(agents, dtype=np.int32),
            "vibe_actions": np.zeros(agents, dtype=np.int32),
        }
        self._episodes = 0
        self._new_episode()

    def _new_episode(self) -> None:
        self._engine = self._make(self._episodes)
        self._engine.set_buffers(**self._buffers)
        self._left = self._engine.max_steps
        self._episodes += 1

    def step(self, actions: np.ndarray) -> None:
        """Let every agent act once: int32 [A], 0 noop, 1 to 4 move."""
        if self._left == 0:
            self._new_episode()
        self._buffers["actions"][:] = actions
        self._engine.step()
        self._left -= 1

    def description(self) -> dict[str, Any]:
        """Its version, and how many tokens of an observation are not empty on average."""
        used = (self._buffers["observations"][:, :, 0] != 255).sum(1).mean()
        return {"version": importlib.metadata.version("mettagrid"), "tokens_in_use": float(used)}


def _translated(mission: Mission):
    """The game's configuration and the map as mettagrid wants them."""
    from mettagrid.config import mettagrid_config as theirs

    stations = {name: theirs.GridObjectConfig(name=name) for name in mission.stations}
    energy = theirs.InventoryConfig(
        initial={name: n for name, n in mission.initial_inventory.items() if n > 0},
        default_limit=mission.default_limit,
    )
    game = theirs.GameConfig(
        resource_names=list(RESOURCES),
        num_agents=mission.num_agents,
        max_steps=max(mission.max_steps, 1),
        obs=theirs.ObsConfig(
            width=mission.window_width,
            height=mission.window_height,
            num_tokens=mission.tokens,
        ),
        agent=theirs.AgentConfig(inventory=energy),
        actions=theirs.ActionsConfig(
            change_vibe=theirs.ChangeVibeActionConfig(enabled=False),
        ),
        objects={"wall": theirs.WallConfig(), **stations},
    )
    names = {"floor": "empty", AGENT: "agent.agent", WALL: "wall"}
    named = {symbol: names.get(what, what) for symbol, what in mission.legend.items()}
    return game, [[named[symbol] for symbol in row] for row in mission.map]
