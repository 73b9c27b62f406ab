"""What mettagrid's words mean in our game: actions, observation features, kinds of things, window.

Its own description of a game to a policy is a `PolicyEnvInterface`; everything is looked up there
by name, because numbers differ from game to game.
"""

from typing import Any

import numpy as np

from daf.config import ConfigError, suggest
from daf.mettagrid.bundled.names import DAF_ONLY_FEATURES, MOVES, SHARED_FEATURES
from daf.mettagrid.bundled.token_map import GLOBAL, TokenMap
from daf.missions import RESOURCES
from daf.policies.game import Game
from daf.sim.observe import FEATURES

GLOBAL_FEATURES = ("episode_completion", "last_action", "last_reward")
"""Features of the agent itself, which mettagrid shows at no cell."""


def interface_of(game: Game) -> Any:
    """The `PolicyEnvInterface` of our game, as mettagrid itself would describe it, and our own
    features behind its own. Needs mettagrid."""
    from mettagrid.config.id_map import ObservationFeatureSpec
    from mettagrid.config.mettagrid_config import MettaGridConfig
    from mettagrid.policy.policy_env_interface import PolicyEnvInterface

    height, width = game.window
    config = MettaGridConfig.model_validate(
        {
            "game": {
                "resource_names": list(RESOURCES),
                "num_agents": game.num_agents,
                "obs": {"height": height, "width": width, "num_tokens": game.num_tokens},
                "actions": {"change_vibe": {"vibes": vibes(game.num_actions - len(MOVES))}},
                "objects": {name: {"name": name} for name in ("wall", *game.stations)},
                "protocol_details_obs": False,
            }
        }
    )
    interface = PolicyEnvInterface.from_mg_cfg(config)
    features = list(interface.obs_features)
    for name in DAF_ONLY_FEATURES:
        number = 1 + max(feature.id for feature in features)
        features.append(ObservationFeatureSpec(id=number, name=name, normalization=255.0))
    return interface.model_copy(
        update={"obs_features": features, "move_energy_cost": game.move_energy}
    )


def vibes(count: int) -> list[dict[str, str]]:
    """As many of mettagrid's vibes as we have glyphs; ours behind its own if it has fewer."""
    from mettagrid.config.vibes import VIBES

    known = [{"symbol": vibe.symbol, "name": vibe.name} for vibe in VIBES[:count]]
    return known + [{"symbol": "?", "name": f"glyph_{n}"} for n in range(len(known), count)]


def actions_of(interface: Any, game: Game, whose: str) -> np.ndarray:
    """Our action for each of mettagrid's flat list, int64 [K].

    A vibe is known by its number: the n-th is our n-th glyph.

    Args:
        interface: a `PolicyEnvInterface`.
        game: ours.
        whose: the policy, named in the error.

    Raises:
        ConfigError: it has an action that our game lacks.
    """
    numbers = []
    for name in interface.action_names:
        if name not in MOVES:
            raise ConfigError(
                f"{whose}: cannot play our game, its action '{name}' has no counterpart; "
                f"{suggest(name, list(MOVES))}"
            )
        numbers.append(MOVES.index(name))
    glyphs = len(interface.vibe_action_names)
    if glyphs > game.num_actions - len(MOVES):
        raise ConfigError(
            f"{whose}: cannot play our game, it has {glyphs} vibes and "
            f"the mission {game.num_actions - len(MOVES)} glyphs"
        )
    return np.array([*numbers, *range(len(MOVES), len(MOVES) + glyphs)])


class TokensToMettagrid:
    """Our observations as a policy of mettagrid sees them."""

    def __init__(self, interface: Any, game: Game, actions: np.ndarray, whose: str):
        """
        Args:
            interface: what the policy expects, a `PolicyEnvInterface`.
            game: ours.
            actions: our action for each of its actions, int64 [K].
            whose: the policy, named in the error.

        Raises:
            ConfigError: it does not see tokens.
        """
        shape = tuple(interface.observation_shape)
        if interface.observation_kind != "token" or len(shape) != 2 or shape[1] != 3:
            raise ConfigError(
                f"{whose}: cannot play our game, it sees {interface.observation_kind} of shape "
                f"{list(shape)}; token of shape [N, 3] are shown here"
            )
        self.length = shape[0]
        self.used_tokens = game.used_tokens
        self.numbers = np.zeros(game.num_actions, dtype=np.int64)
        self.numbers[actions] = np.arange(len(actions))
        self.retoken = TokenMap(game.window, tuple(interface.egocentric_shape))
        self._features = {name: number for number, name in enumerate((*FEATURES, *RESOURCES))}
        names = {feature.name: feature.id for feature in interface.obs_features}
        for ours, theirs in SHARED_FEATURES.items() | {(name, f"inv:{name}") for name in RESOURCES}:
            self._say(ours, names.get(theirs))
        for name in DAF_ONLY_FEATURES:
            self._say(name, names.get(name))
        tags = {name: number for number, name in enumerate(interface.tags)}
        kinds = {0: "agent", 1: "wall"} | {s.type_id: name for name, s in game.stations.items()}
        seen = {number: tags.get(f"type:{name}") for number, name in kinds.items()}
        seen = {number: tag for number, tag in seen.items() if tag is not None}
        self._say("type_id", names.get("tag"), seen)
        self._say("last_action", names.get("last_action"))
        for name in GLOBAL_FEATURES:
            self.retoken.fixed_location[self._features[name]] = GLOBAL

    def _say(self, name: str, number: int | None, values: dict[int, int] | None = None) -> None:
        if number is not None:
            self.retoken.map_feature(self._features[name], number, values)

    def __call__(self, observations: np.ndarray) -> np.ndarray:
        """Our tokens uint8 [N, T, 3] as theirs, uint8 [N, length, 3]."""
        tokens = observations[:, : self.used_tokens].copy()
        # Two tokens of ours are one of theirs, the number of the action; they stand second and
        # third in every observation.
        verb, argument = tokens[:, 1, 2].astype(int), tokens[:, 2, 2].astype(int)
        chosen = np.select([verb == 1, verb == 2], [1 + argument, len(MOVES) + argument], 0)
        tokens[:, 1, 2] = np.minimum(self.numbers[chosen], 255)
        return self.retoken(tokens, self.length)
