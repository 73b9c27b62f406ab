"""What an agent of mettagrid sees, in the words of our game."""

import numpy as np

from .names import DAF_ONLY_FEATURES, MOVES, SHARED_FEATURES
from .token_map import GLOBAL, NONE, TokenMap

ARGUMENT = 254  # stands for a second reading of `last_action`; mettagrid has no such feature
OTHER_KIND = 254  # a type id that none of our stations has


class TokensFromMettagrid:
    """Observations of one game of mettagrid as our networks know them.

    By names: what has no name in common is dropped. Of a kind of thing that our game does not have
    it is known that it is there.
    """

    def __init__(self, interface, features: list[str], kinds: dict[str, int], window, tokens: int):
        """
        Args:
            interface: mettagrid's `PolicyEnvInterface`.
            features: names of our features, by number.
            kinds: our type ids by the names of kinds.
            window: rows and columns that our network was made for.
            tokens: that it is given at most.
        """
        self.tokens = tokens
        self.last_action = NONE
        self.retoken = TokenMap(tuple(interface.egocentric_shape), tuple(window))
        self.retoken.location[GLOBAL] = window[0] // 2 << 4 | window[1] // 2
        ours = {name: number for number, name in enumerate(features)}
        theirs = {their: name for name, their in SHARED_FEATURES.items()}
        theirs |= {name: name for name in DAF_ONLY_FEATURES}
        theirs |= {f"inv:{name}": name for name in features}
        actions = [self._taken(name, interface) for name in interface.all_action_names]
        for feature in interface.obs_features:
            if feature.name == "tag":
                found = {
                    tag: kinds.get(name.removeprefix("type:"), OTHER_KIND)
                    for tag, name in enumerate(interface.tags)
                    if name.startswith("type:")
                }
                self.retoken.map_feature(feature.id, ours["type_id"], found)
            elif feature.name == "last_action":
                self.last_action = feature.id
                self.retoken.map_feature(
                    feature.id, ours["last_action"], [verb for verb, _ in actions]
                )
                self.retoken.map_feature(
                    ARGUMENT, ours["last_argument"], [arg for _, arg in actions]
                )
            elif feature.name in theirs and theirs[feature.name] in ours:
                self.retoken.map_feature(feature.id, ours[theirs[feature.name]])

    def _taken(self, name: str, interface) -> tuple[int, int]:
        """Our verb and argument for an action."""
        if name in interface.vibe_action_names:
            return 2, interface.vibe_action_names.index(name)
        return (1, MOVES.index(name) - 1) if name in MOVES[1:] else (0, 0)

    def __call__(self, tokens: np.ndarray) -> np.ndarray:
        """Tokens uint8 [N, T, 3] of mettagrid as ours, uint8 [N, tokens, 3]."""
        of_action = tokens[..., 1] == self.last_action
        found = of_action.any(1) & (self.last_action != NONE)
        again = tokens[np.arange(len(tokens)), of_action.argmax(1)].copy()
        again[:, 1] = ARGUMENT
        again[~found] = NONE
        return self.retoken(np.concatenate([again[:, None], tokens], axis=1), self.tokens)
