"""Names of actions and features in DAF and in mettagrid."""

MOVES = ("noop", "move_north", "move_south", "move_west", "move_east")
"""Mettagrid's names of the first actions of DAF; glyphs correspond to vibes of the same index."""

SHARED_FEATURES = {
    "group": "agent:group",
    "episode_completion": "episode_completion_pct",
    "last_reward": "last_reward",
    "glyph": "vibe",
}
"""Features of both games: DAF's name to mettagrid's name; an inventory is `inv:RESOURCE`."""

DAF_ONLY_FEATURES = ("orientation", "cooldown", "clipped", "remaining_uses")
"""Features without a name in mettagrid; a mettagrid game may define them."""
