"""Conversion of observation tokens from one game to another by lookup tables."""

from collections.abc import Mapping, Sequence

import numpy as np

NONE = 255  # location of an empty token; feature without counterpart
GLOBAL = 254  # mettagrid's location of features of the agent itself


class SourceToTargetTokenMap:
    """Lookup tables from tokens (location, feature, value) of a source game to a target game.

    Tokens without counterpart are dropped, and the remaining tokens move up.

    Args:
        source_window: rows and columns of the source window, with the agent in its center.
        target_window: the same of the target window.

    Attributes:
        location: uint8 [256], target location of each source location; NONE outside the window.
        fixed_location: uint8 [256], by source feature: target location that replaces the mapped
            location; NONE for no replacement.
        feature: uint8 [256, 256], target feature by source feature and value.
        value: uint8 [256, 256], target value by source feature and value.
    """

    def __init__(self, source_window: tuple[int, int], target_window: tuple[int, int]):
        self.location = np.full(256, NONE, dtype=np.uint8)
        self.fixed_location = np.full(256, NONE, dtype=np.uint8)
        self.feature = np.full((256, 256), NONE, dtype=np.uint8)
        self.value = np.zeros((256, 256), dtype=np.uint8)
        for row in range(source_window[0]):
            for column in range(source_window[1]):
                target = (
                    row - source_window[0] // 2 + target_window[0] // 2,
                    column - source_window[1] // 2 + target_window[1] // 2,
                )
                if 0 <= target[0] < target_window[0] and 0 <= target[1] < target_window[1]:
                    self.location[row << 4 | column] = target[0] << 4 | target[1]

    def map_feature(
        self,
        source_id: int,
        target_id: int,
        target_values: Sequence[int] | Mapping[int, int] | None = None,
    ) -> None:
        """Map a source feature to a target feature.

        Args:
            source_id: id of the source feature.
            target_id: id of the target feature.
            target_values: target value of each source value; None: unchanged.
        """
        if target_values is None:
            target_values = range(256)
        pairs = (
            target_values.items()
            if isinstance(target_values, Mapping)
            else enumerate(target_values)
        )
        for source_value, target_value in pairs:
            self.feature[source_id, source_value] = target_id
            self.value[source_id, source_value] = min(target_value, 255)

    def __call__(self, tokens: np.ndarray, max_tokens: int) -> np.ndarray:
        """Convert tokens; further tokens beyond `max_tokens` are cut off.

        Args:
            tokens: uint8 [N, T, 3], source tokens.
            max_tokens: target tokens per observation.

        Returns:
            uint8 [N, max_tokens, 3], target tokens.
        """
        location, feature, value = np.moveaxis(tokens, -1, 0)
        target_feature = self.feature[feature, value]
        fixed_location = self.fixed_location[feature]
        target_location = np.where(fixed_location == NONE, self.location[location], fixed_location)
        is_mapped = (location != NONE) & (target_location != NONE) & (target_feature != NONE)
        slot = np.cumsum(is_mapped, axis=1) - 1
        rows, columns = np.nonzero(is_mapped & (slot < max_tokens))
        mapped = np.stack([target_location, target_feature, self.value[feature, value]], axis=-1)
        result = np.full((len(tokens), max_tokens, 3), NONE, dtype=np.uint8)
        result[rows, slot[rows, columns]] = mapped[rows, columns]
        return result
