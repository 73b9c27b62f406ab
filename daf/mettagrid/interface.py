"""Correspondence of actions, features, object types and window between mettagrid and DAF.

A `PolicyEnvInterface` describes a mettagrid game to a policy. All lookups in it are by name,
because ids differ between games.
"""

from typing import TYPE_CHECKING

import numpy as np

from daf.config import ConfigError, suggest_choice
from daf.mettagrid.bundled.names import DAF_ONLY_FEATURES, MOVES, SHARED_FEATURES
from daf.mettagrid.bundled.token_map import GLOBAL, SourceToTargetTokenMap
from daf.missions import RESOURCES
from daf.policies.game import Game
from daf.sim.observe import FEATURES

if TYPE_CHECKING:
    from mettagrid.policy.policy_env_interface import PolicyEnvInterface

GLOBAL_FEATURES = ("episode_completion", "last_action", "last_reward")
"""Features of the agent itself; in mettagrid their tokens have no cell."""


def build_interface(game: Game) -> "PolicyEnvInterface":
    """Build the interface of a DAF game; requires mettagrid.

    Features that only DAF has follow the features of mettagrid.
    """
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
                "actions": {"change_vibe": {"vibes": build_vibes(game.num_actions - len(MOVES))}},
                "objects": {name: {"name": name} for name in ("wall", *game.stations)},
                "protocol_details_obs": False,
            }
        }
    )
    interface = PolicyEnvInterface.from_mg_cfg(config)
    features = list(interface.obs_features)
    for name in DAF_ONLY_FEATURES:
        feature_id = 1 + max(feature.id for feature in features)
        features.append(ObservationFeatureSpec(id=feature_id, name=name, normalization=255.0))
    return interface.model_copy(
        update={"obs_features": features, "move_energy_cost": game.move_energy}
    )


def build_vibes(num_vibes: int) -> list[dict[str, str]]:
    """Return one vibe per glyph: the vibes of mettagrid, then generic ones."""
    from mettagrid.config.vibes import VIBES

    existing = [{"symbol": vibe.symbol, "name": vibe.name} for vibe in VIBES[:num_vibes]]
    generic = [{"symbol": "?", "name": f"glyph_{n}"} for n in range(len(existing), num_vibes)]
    return existing + generic


def daf_action_by_flat_index(
    interface: "PolicyEnvInterface", game: Game, error_subject: str
) -> np.ndarray:
    """Map the flat actions of a mettagrid policy to actions of DAF.

    The n-th vibe corresponds to the n-th glyph.

    Args:
        interface: interface of the policy.
        game: DAF game.
        error_subject: subject of errors, "policy 'NAME'".

    Returns:
        int64 [K], DAF's action of each flat action.

    Raises:
        ConfigError: DAF has no counterpart of an action.
    """
    moves = []
    for name in interface.action_names:
        if name not in MOVES:
            raise ConfigError(
                f"{error_subject}: its action '{name}' has no counterpart in DAF; "
                f"{suggest_choice(name, MOVES)}"
            )
        moves.append(MOVES.index(name))
    num_vibes = len(interface.vibe_action_names)
    num_glyphs = game.num_actions - len(MOVES)
    if num_vibes > num_glyphs:
        raise ConfigError(
            f"{error_subject}: it has {num_vibes} vibes and the mission {num_glyphs} glyphs"
        )
    return np.array([*moves, *range(len(MOVES), len(MOVES) + num_vibes)])


class TokensToMettagrid:
    """Converter of DAF observations to the tokens of a mettagrid policy.

    Args:
        interface: interface of the policy.
        game: DAF game.
        actions: int64 [K], DAF's action of each flat action of the policy.
        error_subject: subject of errors, "policy 'NAME'".

    Raises:
        ConfigError: the policy does not observe tokens.
    """

    def __init__(
        self, interface: "PolicyEnvInterface", game: Game, actions: np.ndarray, error_subject: str
    ):
        shape = tuple(interface.observation_shape)
        if interface.observation_kind != "token" or len(shape) != 2 or shape[1] != 3:
            raise ConfigError(
                f"{error_subject}: it observes {interface.observation_kind} of shape "
                f"{list(shape)}; "
                "expected token of shape [N, 3]"
            )
        self.max_tokens = shape[0]
        self.used_tokens = game.used_tokens
        self.flat_actions = np.zeros(game.num_actions, dtype=np.int64)
        self.flat_actions[actions] = np.arange(len(actions))
        self.token_map = SourceToTargetTokenMap(game.window, tuple(interface.egocentric_shape))
        self._features = {name: index for index, name in enumerate((*FEATURES, *RESOURCES))}
        feature_ids = {feature.name: feature.id for feature in interface.obs_features}
        inventory = {(name, f"inv:{name}") for name in RESOURCES}
        for name, mettagrid_name in SHARED_FEATURES.items() | inventory:
            self._map_feature_if_in_policy(name, feature_ids.get(mettagrid_name))
        for name in DAF_ONLY_FEATURES:
            self._map_feature_if_in_policy(name, feature_ids.get(name))
        tags = {name: tag for tag, name in enumerate(interface.tags)}
        type_names = {0: "agent", 1: "wall"}
        type_names |= {station.type_id: name for name, station in game.stations.items()}
        tag_by_type = {type_id: tags.get(f"type:{name}") for type_id, name in type_names.items()}
        tag_by_type = {type_id: tag for type_id, tag in tag_by_type.items() if tag is not None}
        self._map_feature_if_in_policy("type_id", feature_ids.get("tag"), tag_by_type)
        self._map_feature_if_in_policy("last_action", feature_ids.get("last_action"))
        for name in GLOBAL_FEATURES:
            self.token_map.fixed_location[self._features[name]] = GLOBAL

    def _map_feature_if_in_policy(
        self,
        daf_feature_name: str,
        mettagrid_id: int | None,
        mettagrid_value_by_daf_value: dict[int, int] | None = None,
    ) -> None:
        """Map a feature of DAF to a feature of the policy, unless the policy lacks it.

        Args:
            daf_feature_name: feature of DAF.
            mettagrid_id: id of the policy's feature; None if the policy does not have it.
            mettagrid_value_by_daf_value: map of the values; None: unchanged.
        """
        if mettagrid_id is not None:
            self.token_map.map_feature(
                self._features[daf_feature_name], mettagrid_id, mettagrid_value_by_daf_value
            )

    def __call__(self, observations: np.ndarray) -> np.ndarray:
        """Convert DAF tokens uint8 [N, T, 3] to mettagrid tokens uint8 [N, max_tokens, 3]."""
        tokens = observations[:, : self.used_tokens].copy()
        # Two DAF tokens, verb and argument, become one mettagrid token, the flat action. They are
        # the second and third token of every observation.
        verb, argument = tokens[:, 1, 2].astype(int), tokens[:, 2, 2].astype(int)
        action = np.select([verb == 1, verb == 2], [1 + argument, len(MOVES) + argument], 0)
        tokens[:, 1, 2] = np.minimum(self.flat_actions[action], 255)
        return self.token_map(tokens, self.max_tokens)
