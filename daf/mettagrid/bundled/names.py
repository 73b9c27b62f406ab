"""The words that our game and mettagrid have for the same."""

MOVES = ("noop", "move_north", "move_south", "move_west", "move_east")
"""Mettagrid's names of the actions that come first in our list; glyphs are its vibes, by number."""

SHARED_FEATURES = {
    "group": "agent:group",
    "episode_completion": "episode_completion_pct",
    "last_reward": "last_reward",
    "glyph": "vibe",
}
"""Features that both games have, with mettagrid's names; inventories are `inv:RESOURCE`."""

DAF_ONLY_FEATURES = ("orientation", "cooldown", "clipped", "remaining_uses")
"""Features that mettagrid has no name for; some game may have one of ours."""
