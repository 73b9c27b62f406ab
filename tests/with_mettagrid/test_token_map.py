"""Conversion of tokens by `SourceToTargetTokenMap`."""

import numpy as np

from daf.mettagrid.bundled.token_map import GLOBAL, NONE, SourceToTargetTokenMap


def test_tokens_are_mapped_and_tokens_without_counterpart_are_dropped():
    token_map = SourceToTargetTokenMap((11, 11), (5, 13))
    token_map.map_feature(0, 7, {3: 30})
    token_map.map_feature(1, 8)
    token_map.map_feature(2, 9)
    token_map.fixed_location[2] = GLOBAL
    tokens = [
        [0x55, 0, 3],  # center to center
        [0x55, 0, 4],  # value without counterpart
        [0x25, 1, 1],  # 3 rows up: outside a window of 5 rows
        [0x3A, 1, 200],  # 2 rows up, 5 columns to the right
        [0x55, 2, 6],
        [0x55, 3, 6],  # feature without counterpart
        [NONE, NONE, NONE],
    ]
    mapped = token_map(np.array([tokens], dtype=np.uint8), 6)
    assert mapped[0].tolist() == [
        [0x26, 7, 30],
        [0x0B, 8, 200],
        [GLOBAL, 9, 6],
        *[[NONE, NONE, NONE]] * 3,
    ]
    assert token_map(np.array([tokens], dtype=np.uint8), 2)[0].tolist() == mapped[0, :2].tolist()
