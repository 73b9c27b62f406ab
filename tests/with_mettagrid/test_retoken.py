"""Tokens of one game as tokens of another."""

import numpy as np

from daf.mettagrid.bundled.token_map import GLOBAL, NONE, TokenMap


def test_tokens_are_said_in_other_words_and_what_has_none_is_dropped():
    retoken = TokenMap((11, 11), (5, 13))
    retoken.map_feature(0, 7, {3: 30})
    retoken.map_feature(1, 8)
    retoken.map_feature(2, 9)
    retoken.fixed_location[2] = GLOBAL
    tokens = [
        [0x55, 0, 3],  # the middle stays the middle
        [0x55, 0, 4],  # a value without counterpart
        [0x25, 1, 1],  # three rows up: outside a window of five rows
        [0x3A, 1, 200],  # two rows up, five columns to the right
        [0x55, 2, 6],
        [0x55, 3, 6],  # a feature without counterpart
        [NONE, NONE, NONE],
    ]
    there = retoken(np.array([tokens], dtype=np.uint8), 6)
    assert there[0].tolist() == [
        [0x26, 7, 30],
        [0x0B, 8, 200],
        [GLOBAL, 9, 6],
        *[[NONE, NONE, NONE]] * 3,
    ]
    assert retoken(np.array([tokens], dtype=np.uint8), 2)[0].tolist() == there[0, :2].tolist()
