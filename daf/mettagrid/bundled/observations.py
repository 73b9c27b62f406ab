"""Conversion of mettagrid observations to DAF observations."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .names import DAF_ONLY_FEATURES, MOVES, SHARED_FEATURES
from .token_map import GLOBAL, NONE, SourceToTargetTokenMap

if TYPE_CHECKING:
    from mettagrid.policy.policy_env_interface import PolicyEnvInterface

ARGUMENT = 254  # feature id of a copy of `last_action`; mettagrid has no such feature
OTHER_TYPE = 254  # type id of objects that DAF does not have


class TokensFromMettagrid:
    """Converter of observations of one mettagrid game to the tokens of a DAF network.

    Features and object types are matched by name. Features without counterpart are dropped; other
    object types become `OTHER_TYPE`.

    Args:
        interface: `PolicyEnvInterface` of mettagrid.
        features: names of DAF's features, by id.
        type_ids: DAF's type ids by name.
        window: rows and columns of the network's window.
        max_tokens: tokens per observation of the network.
    """

    def __init__(
        self,
        interface: "PolicyEnvInterface",
        features: list[str],
        type_ids: dict[str, int],
        window: Sequence[int],
        max_tokens: int,
    ):
        self.max_tokens = max_tokens
        self.last_action = NONE
        self.token_map = SourceToTargetTokenMap(
            tuple(interface.egocentric_shape), (window[0], window[1])
        )
        self.token_map.location[GLOBAL] = window[0] // 2 << 4 | window[1] // 2
        daf_ids = {name: feature_id for feature_id, name in enumerate(features)}
        daf_names = {mettagrid_name: name for name, mettagrid_name in SHARED_FEATURES.items()}
        daf_names |= {name: name for name in DAF_ONLY_FEATURES}
        daf_names |= {f"inv:{name}": name for name in features}
        actions = [self._verb_and_argument(name, interface) for name in interface.all_action_names]
        for feature in interface.obs_features:
            if feature.name == "tag":
                types_by_tag = {
                    tag: type_ids.get(name.removeprefix("type:"), OTHER_TYPE)
                    for tag, name in enumerate(interface.tags)
                    if name.startswith("type:")
                }
                self.token_map.map_feature(feature.id, daf_ids["type_id"], types_by_tag)
            elif feature.name == "last_action":
                self.last_action = feature.id
                self.token_map.map_feature(
                    feature.id, daf_ids["last_action"], [verb for verb, _ in actions]
                )
                self.token_map.map_feature(
                    ARGUMENT, daf_ids["last_argument"], [argument for _, argument in actions]
                )
            elif feature.name in daf_names and daf_names[feature.name] in daf_ids:
                self.token_map.map_feature(feature.id, daf_ids[daf_names[feature.name]])

    def _verb_and_argument(
        self, action_name: str, interface: "PolicyEnvInterface"
    ) -> tuple[int, int]:
        """Return DAF's verb and argument of a mettagrid action."""
        if action_name in interface.vibe_action_names:
            return 2, interface.vibe_action_names.index(action_name)
        return (1, MOVES.index(action_name) - 1) if action_name in MOVES[1:] else (0, 0)

    def __call__(self, tokens: np.ndarray) -> np.ndarray:
        """Convert mettagrid tokens uint8 [N, T, 3] to DAF tokens uint8 [N, max_tokens, 3]."""
        # One mettagrid token `last_action` becomes two DAF tokens, verb and argument.
        is_action = tokens[..., 1] == self.last_action
        has_action = is_action.any(1) & (self.last_action != NONE)
        arguments = tokens[np.arange(len(tokens)), is_action.argmax(1)].copy()
        arguments[:, 1] = ARGUMENT
        arguments[~has_action] = NONE
        tokens = np.concatenate([arguments[:, None], tokens], axis=1)
        return self.token_map(tokens, self.max_tokens)
