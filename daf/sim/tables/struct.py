"""Tables: Warp struct with the constants of a mission."""

import warp as wp


@wp.struct
class Tables:
    """Constants of one mission, as arguments of kernels; shapes in `MissionTables`."""

    # sizes
    num_agents: int
    num_stations: int
    first_agent: int
    # maps
    grid: wp.array2d(dtype=wp.int16)
    agent_cell: wp.array2d(dtype=wp.int32)
    move_offset: wp.array(dtype=wp.int32)
    neighbor_offset: wp.array(dtype=wp.int32)
    # rules of agents
    move_energy: int
    num_glyphs: int
    failure_penalty: float
    limit_group_mask: wp.array(dtype=wp.int32)
    limit: wp.array(dtype=wp.int32)
    initial_inventory: wp.array(dtype=wp.uint8)
    regeneration_interval: int
    regeneration: wp.array(dtype=wp.int32)
    # stations
    station_type: wp.array2d(dtype=wp.int32)
    type_id: wp.array(dtype=wp.int32)
    station_kind: wp.array(dtype=wp.int32)
    partial: wp.array(dtype=wp.int32)
    max_uses: wp.array(dtype=wp.int32)
    exhaustion: wp.array(dtype=wp.float32)
    recipe: wp.array2d(dtype=wp.int32)
    recipe_input: wp.array2d(dtype=wp.int32)
    recipe_output: wp.array2d(dtype=wp.int32)
    recipe_cooldown: wp.array(dtype=wp.int32)
    recipe_has_output: wp.array(dtype=wp.int32)
    chest_resource: wp.array(dtype=wp.int32)
    chest_initial: wp.array(dtype=wp.int32)
    chest_capacity: wp.array(dtype=wp.int32)
    chest_delta: wp.array2d(dtype=wp.int32)
    # clipping
    clip_rate: float
    num_repairs: int
    first_repair: int
    clip_order: wp.array2d(dtype=wp.int32)
    clip_words: wp.array(dtype=wp.int32)
    starts_clipped: wp.array2d(dtype=wp.int32)
    initial_clip_weight: wp.array2d(dtype=wp.float32)
    spread: wp.array3d(dtype=wp.float32)
    # rewards
    max_steps: int
    reward_weight: wp.array(dtype=wp.float32)
    reward_cap: wp.array(dtype=wp.float32)
    reward_resource: wp.array(dtype=wp.int32)
    reward_of_chest: wp.array(dtype=wp.int32)
    # observations
    window_offset: wp.array(dtype=wp.int32)
    window_location: wp.array(dtype=wp.uint8)
    station_at: wp.array2d(dtype=wp.int32)
    visible_stations: wp.array3d(dtype=wp.int64)
    wall_mask: wp.array2d(dtype=wp.int64)
    wall_tokens: wp.array2d(dtype=wp.vec3ub)
    token_order_rank_by_offset: wp.array(dtype=wp.int16)
