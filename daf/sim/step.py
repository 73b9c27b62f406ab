"""Kernels of a step and of a reset; dim = (E,), one thread per world."""

import warp as wp

from daf.sim.actions import store_action_verb_and_argument, try_apply_action
from daf.sim.clipping import clip_random_station_at_clip_rate, clip_station
from daf.sim.inventory import change_amount_within_limits
from daf.sim.random import (
    STREAM_LAYOUT,
    STREAM_ORDER,
    derive_world_seed,
    random_word,
    uniform_below,
)
from daf.sim.state import Worlds
from daf.sim.tables.codes import NO_RECIPE, NUM_RESOURCES
from daf.sim.tables.struct import Tables

# On the CPU all functions are inlined: a call would copy both structs (some kB) to the stack.
INLINE_FLAGS = "-mllvm=-inline-threshold=90000 -mllvm=-inline-cold-callsite-threshold=90000"
# Threads per CUDA block: small, so that 1000 long threads spread over all multiprocessors.
BLOCK_DIM = 32
# No fused multiply-adds: CPU and CUDA must round as the reference engine does.
wp.set_module_options(
    {
        "enable_backward": False,
        "fuse_fp": False,
        "cpu_compiler_flags": f"-march=native -mllvm=-slp-recursion-max-depth=4 {INLINE_FLAGS}",
        "block_dim": BLOCK_DIM,
    }
)


@wp.kernel
def decode_actions_and_draw_order(
    tables: Tables, worlds: Worlds, actions: wp.array2d(dtype=wp.int64)
):
    """Decode the flat actions and draw the order of the agents.

    Args:
        tables: tables of the mission.
        worlds: states of the worlds.
        actions: int64 [E, A], indices into the flat action list.
    """
    world = wp.tid()
    for agent in range(tables.num_agents):
        store_action_verb_and_argument(tables, worlds, world, agent, actions[world, agent])
        worlds.order[world, agent] = agent
    # Fisher-Yates shuffle with counter-based random words
    seed = worlds.world_seed[world]
    first_counter = worlds.now[world] * tables.num_agents
    for i in range(1, tables.num_agents):
        j = uniform_below(random_word(seed, STREAM_ORDER, first_counter + i), i + 1)
        agent_i = worlds.order[world, i]
        worlds.order[world, i] = worlds.order[world, j]
        worlds.order[world, j] = agent_i


@wp.kernel
def apply_rules(tables: Tables, worlds: Worlds):
    """Apply one step of the rules: actions, regeneration, clipping, rewards, end of episode."""
    world = wp.tid()
    step = worlds.now[world] + 1
    worlds.now[world] = step

    # actions, in the drawn order
    for turn in range(tables.num_agents):
        agent = worlds.order[world, turn]
        success = try_apply_action(tables, worlds, world, agent, step)
        worlds.success[world, agent] = success
        worlds.rewards[world, agent] = 0.0
        if not success:
            worlds.rewards[world, agent] = -tables.failure_penalty

    # regeneration
    if tables.regeneration_interval > 0 and step % tables.regeneration_interval == 0:
        for agent in range(tables.num_agents):
            for resource in range(NUM_RESOURCES):
                if tables.regeneration[resource] > 0:
                    change_amount_within_limits(
                        tables, worlds, world, agent, resource, tables.regeneration[resource]
                    )

    # clipping, rewards, end of episode
    clip_random_station_at_clip_rate(tables, worlds, world, step)
    pay_rewards(tables, worlds, world)
    worlds.done[world] = tables.max_steps > 0 and step >= tables.max_steps


@wp.func
def pay_rewards(tables: Tables, worlds: Worlds, world: int):
    """Add to each reward the change of the agent's rewarded statistics since the last step."""
    for agent in range(tables.num_agents):
        value = float(0.0)
        for i in range(tables.reward_weight.shape[0]):
            resource = tables.reward_resource[i]
            amount = worlds.last_chest_amount[world, resource]
            if tables.reward_of_chest[i] == 0:
                amount = worlds.gained[world, agent, resource]
            value += wp.min(float(amount) * tables.reward_weight[i], tables.reward_cap[i])
        previous_value = worlds.rewarded[world, agent]
        worlds.rewards[world, agent] = worlds.rewards[world, agent] + (value - previous_value)
        worlds.rewarded[world, agent] = value


@wp.kernel
def reset_worlds(
    tables: Tables,
    worlds: Worlds,
    world_mask: wp.array(dtype=wp.bool),
    world_seeds: wp.array(dtype=wp.int64),
    clears_rewards_and_done: bool,
):
    """Start a new episode in the selected worlds.

    Args:
        tables: tables of the mission.
        worlds: states of the worlds.
        world_mask: bool [E], worlds to reset.
        world_seeds: int64 [E], seeds of the new episodes; if empty, the seeds are derived from
            (base_seed, world, episode).
        clears_rewards_and_done: clear the rewards and `done` of the last step.
    """
    world = wp.tid()
    if not world_mask[world]:
        return
    # statistics of the finished episode
    worlds.finished_world_seed[world] = worlds.world_seed[world]
    for i in range(worlds.counters.shape[1]):
        worlds.finished_counters[world, i] = worlds.counters[world, i]
        worlds.counters[world, i] = 0
    # seed of the new episode
    if world_seeds.shape[0] > 0:
        worlds.world_seed[world] = world_seeds[world]
    else:
        worlds.world_seed[world] = derive_world_seed(
            worlds.base_seed[world], worlds.first_world + world, worlds.episode[world]
        )
    worlds.episode[world] = worlds.episode[world] + 1
    worlds.now[world] = 0
    worlds.clip_cursor[world] = 0
    if clears_rewards_and_done:
        worlds.done[world] = False
        for agent in range(tables.num_agents):
            worlds.rewards[world, agent] = 0.0
    # layout, objects and agents
    layout = uniform_below(
        random_word(worlds.world_seed[world], STREAM_LAYOUT, 0), tables.grid.shape[0]
    )
    worlds.layout[world] = layout
    for i in range(tables.grid.shape[1]):
        worlds.grid[world, i] = tables.grid[layout, i]
    for resource in range(NUM_RESOURCES):
        worlds.last_chest_amount[world, resource] = 0
    for agent in range(tables.num_agents):
        reset_agent(tables, worlds, world, agent, layout)
    for station in range(tables.num_stations):
        reset_station(tables, worlds, world, station, layout)
    for station in range(tables.num_stations):
        if tables.starts_clipped[layout, station] == 1:
            clip_station(tables, worlds, world, station, 0)


@wp.func
def reset_agent(tables: Tables, worlds: Worlds, world: int, agent: int, layout: int):
    """Put an agent into its initial state."""
    worlds.cell[world, agent] = tables.agent_cell[layout, agent]
    worlds.orientation[world, agent] = wp.uint8(0)
    worlds.glyph[world, agent] = wp.uint8(0)
    worlds.verb[world, agent] = 0
    worlds.argument[world, agent] = 0
    worlds.success[world, agent] = True
    worlds.rewarded[world, agent] = 0.0
    for resource in range(NUM_RESOURCES):
        amount = tables.initial_inventory[resource]
        worlds.inventory[world, agent, resource] = amount
        # The initial inventory counts as gained: the first step pays its reward.
        worlds.gained[world, agent, resource] = int(amount)


@wp.func
def reset_station(tables: Tables, worlds: Worlds, world: int, station: int, layout_index: int):
    """Put a station into its initial state, not clipped."""
    worlds.cooldown_end[world, station] = 0
    worlds.cooldown_duration[world, station] = 0
    worlds.cooldown_multiplier[world, station] = 1.0
    worlds.uses[world, station] = 0
    worlds.stock[world, station] = tables.chest_initial[tables.station_type[layout_index, station]]
    worlds.repair[world, station] = NO_RECIPE
    worlds.clip_weight[world, station] = tables.initial_clip_weight[layout_index, station]
