"""From the tokens of one game to those of another: lookup tables."""

import numpy as np

NONE = 255  # of a location: no token here; of a feature: no such feature over there
GLOBAL = 254  # mettagrid's location of what concerns the agent and no cell


class TokenMap:
    """Tables by which tokens (location, feature, value) become tokens of another game.

    What has no counterpart is dropped, and the rest moves up.

    Attributes:
        place: uint8 [256], where a location lies over there; `NONE` outside its window.
        everywhere: uint8 [256], the location that tokens of a feature get whatever theirs is.
        feature: uint8 [256, 256], by feature and value.
        value: uint8 [256, 256], by feature and value.
    """

    def __init__(self, window: tuple[int, int], other: tuple[int, int]):
        """
        Args:
            window: rows and columns that an agent sees here, itself in the middle.
            other: the same over there.
        """
        self.location = np.full(256, NONE, dtype=np.uint8)
        self.fixed_location = np.full(256, NONE, dtype=np.uint8)
        self.feature = np.full((256, 256), NONE, dtype=np.uint8)
        self.value = np.zeros((256, 256), dtype=np.uint8)
        for row in range(window[0]):
            for column in range(window[1]):
                there = (
                    row - window[0] // 2 + other[0] // 2,
                    column - window[1] // 2 + other[1] // 2,
                )
                if 0 <= there[0] < other[0] and 0 <= there[1] < other[1]:
                    self.location[row << 4 | column] = there[0] << 4 | there[1]

    def map_feature(self, feature: int, other: int, values=None) -> None:
        """Let a feature become another.

        Args:
            feature: its number here.
            other: its number there.
            values: what each value becomes, up to 256 of them or a mapping; all stay by default.
        """
        if values is None:
            values = range(256)
        pairs = values.items() if hasattr(values, "items") else enumerate(values)
        for value, becomes in pairs:
            self.feature[feature, value] = other
            self.value[feature, value] = min(becomes, 255)

    def __call__(self, tokens: np.ndarray, length: int) -> np.ndarray:
        """Tokens uint8 [N, T, 3] as tokens uint8 [N, length, 3], cut off if they are more."""
        location, feature, value = np.moveaxis(tokens, -1, 0)
        becomes = self.feature[feature, value]
        everywhere = self.fixed_location[feature]
        place = np.where(everywhere == NONE, self.location[location], everywhere)
        kept = (location != NONE) & (place != NONE) & (becomes != NONE)
        slot = np.cumsum(kept, axis=1) - 1
        rows, columns = np.nonzero(kept & (slot < length))
        said = np.stack([place, becomes, self.value[feature, value]], axis=-1)
        other = np.full((len(tokens), length, 3), NONE, dtype=np.uint8)
        other[rows, slot[rows, columns]] = said[rows, columns]
        return other
