"""The mettagrid engine on an equivalent mission, for a comparison of speed."""

# The extra `daf[mettagrid]` is not installed where types are checked.
# pyright: reportMissingImports=false

from typing import TYPE_CHECKING

import numpy as np

from daf.missions import RESOURCES, Mission
from daf.missions.mission import AGENT, WALL

if TYPE_CHECKING:
    from mettagrid.config.mettagrid_config import GameConfig


class MettagridCppEngine:
    """One world of the bare C++ engine, without its Python wrapper.

    Map, agents, window, tokens and episode length are those of the mission. A new episode starts
    automatically. Moves are free, and stations are obstacles without handlers, because the rules of
    the two games differ. Both reduce the work of mettagrid.

    Raises:
        ImportError: mettagrid is not installed.
    """

    def __init__(self, mission: Mission):
        from mettagrid.config.mettagrid_c_config import convert_to_cpp_game_config
        from mettagrid.mettagrid_c import MettaGrid

        game, cells = _game_config_and_map(mission)
        settings, _ = convert_to_cpp_game_config(game)
        self._create_engine = lambda seed: MettaGrid(settings, cells, seed)
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
        self._start_episode()

    def _start_episode(self) -> None:
        self._engine = self._create_engine(self._episodes)
        self._engine.set_buffers(**self._buffers)
        self._steps_remaining = self._engine.max_steps
        self._episodes += 1

    def step(self, actions: np.ndarray) -> None:
        """Apply one action of every agent: int32 [A], 0 noop, 1 to 4 move."""
        if self._steps_remaining == 0:
            self._start_episode()
        self._buffers["actions"][:] = actions
        self._engine.step()
        self._steps_remaining -= 1

    def mean_nonempty_observation_tokens(self) -> float:
        """Return the mean number of non-empty tokens of the last observations."""
        return float((self._buffers["observations"][:, :, 0] != 255).sum(1).mean())


def _game_config_and_map(mission: Mission) -> tuple["GameConfig", list[list[str]]]:
    """Return the game configuration and the map in the format of mettagrid."""
    from mettagrid.config import mettagrid_config

    stations = {name: mettagrid_config.GridObjectConfig(name=name) for name in mission.stations}
    inventory = mettagrid_config.InventoryConfig(
        initial={name: amount for name, amount in mission.initial_inventory.items() if amount > 0},
        default_limit=mission.default_limit,
    )
    game = mettagrid_config.GameConfig(
        resource_names=list(RESOURCES),
        num_agents=mission.num_agents,
        max_steps=max(mission.max_steps, 1),
        obs=mettagrid_config.ObsConfig(
            width=mission.window_width,
            height=mission.window_height,
            num_tokens=mission.tokens,
        ),
        agent=mettagrid_config.AgentConfig(inventory=inventory),
        actions=mettagrid_config.ActionsConfig(
            change_vibe=mettagrid_config.ChangeVibeActionConfig(enabled=False),
        ),
        objects={"wall": mettagrid_config.WallConfig(), **stations},
    )
    object_names = {"floor": "empty", AGENT: "agent.agent", WALL: "wall"}
    name_by_symbol = {
        symbol: object_names.get(object_name, object_name)
        for symbol, object_name in mission.legend.items()
    }
    return game, [[name_by_symbol[symbol] for symbol in row] for row in mission.map]
