"""The kernels of one step and of a reset: one thread is one world."""

import warp as wp

from daf.sim.actions import apply_action, decode_action
from daf.sim.clipping import clip_station, maybe_clip
from daf.sim.inventory import add_resource
from daf.sim.random import STREAM_LAYOUT, STREAM_ORDER, episode_seed, random_word, uniform_below
from daf.sim.state import Worlds
from daf.sim.tables.codes import NO_RECIPE, NUM_RESOURCES
from daf.sim.tables.struct import Tables

# On the CPU all functions become part of their kernel: a call would copy both structs, kilobytes.
INLINE_FLAGS = "-mllvm=-inline-threshold=90000 -mllvm=-inline-cold-callsite-threshold=90000"
# Threads of a block on a GPU: each does much, and a thousand are to be spread over all processors.
BLOCK_DIM = 32
# No contraction to fused multiply-adds: CPU and CUDA must round alike, as the engine did.
wp.set_module_options(
    {
        "enable_backward": False,
        "fuse_fp": False,
        "cpu_compiler_flags": f"-march=native -mllvm=-slp-recursion-max-depth=4 {INLINE_FLAGS}",
        "block_dim": BLOCK_DIM,
    }
)


@wp.kernel
def decode_actions(t: Tables, worlds: Worlds, actions: wp.array2d(dtype=wp.int64)):
    """Read the flat actions and draw the order in which the agents will act."""
    world = wp.tid()
    for agent in range(t.num_agents):
        decode_action(t, worlds, world, agent, actions[world, agent])
        worlds.order[world, agent] = agent
    seed = worlds.world_seed[world]
    first = worlds.now[world] * t.num_agents
    for i in range(1, t.num_agents):
        j = uniform_below(random_word(seed, STREAM_ORDER, first + i), i + 1)
        swapped = worlds.order[world, i]
        worlds.order[world, i] = worlds.order[world, j]
        worlds.order[world, j] = swapped


@wp.kernel
def apply_rules(t: Tables, worlds: Worlds):
    """One step of the rules (RULES 3), all but the observations."""
    world = wp.tid()
    now = worlds.now[world] + 1
    worlds.now[world] = now

    for turn in range(t.num_agents):
        agent = worlds.order[world, turn]
        success = apply_action(t, worlds, world, agent, now)
        worlds.success[world, agent] = success
        worlds.rewards[world, agent] = 0.0
        if not success:
            worlds.rewards[world, agent] = -t.failure_penalty

    if t.regeneration_interval > 0 and now % t.regeneration_interval == 0:
        for agent in range(t.num_agents):
            for resource in range(NUM_RESOURCES):
                if t.regeneration[resource] > 0:
                    add_resource(t, worlds, world, agent, resource, t.regeneration[resource])

    maybe_clip(t, worlds, world, now)
    pay_rewards(t, worlds, world)
    worlds.done[world] = t.max_steps > 0 and now >= t.max_steps


@wp.func
def pay_rewards(t: Tables, worlds: Worlds, world: int):
    """Every agent gets the change of its rewarded statistics since they were last paid."""
    for agent in range(t.num_agents):
        due = float(0.0)
        for i in range(t.reward_weight.shape[0]):
            resource = t.reward_resource[i]
            amount = worlds.last_chest_amount[world, resource]
            if t.reward_of_chest[i] == 0:
                amount = worlds.gained[world, agent, resource]
            due += wp.min(float(amount) * t.reward_weight[i], t.reward_cap[i])
        paid = worlds.rewarded[world, agent]
        worlds.rewards[world, agent] = worlds.rewards[world, agent] + (due - paid)
        worlds.rewarded[world, agent] = due


@wp.kernel
def reset(
    t: Tables,
    worlds: Worlds,
    chosen: wp.array(dtype=wp.bool),
    seed: wp.int64,
    new_seed: wp.array(dtype=wp.int64),
):
    """Bring the chosen worlds to the start of a new episode.

    Seeds come from `new_seed` [E] if it is not empty, else from (seed, world, episode).
    """
    world = wp.tid()
    if not chosen[world]:
        return
    worlds.finished_world_seed[world] = worlds.world_seed[world]
    for i in range(worlds.counters.shape[1]):
        worlds.finished_counters[world, i] = worlds.counters[world, i]
        worlds.counters[world, i] = 0
    if new_seed.shape[0] > 0:
        worlds.world_seed[world] = new_seed[world]
    else:
        worlds.world_seed[world] = episode_seed(
            seed, worlds.first_world + world, worlds.episode[world]
        )
    worlds.episode[world] = worlds.episode[world] + 1
    worlds.now[world] = 0
    worlds.clip_cursor[world] = 0
    worlds.done[world] = False
    layout = uniform_below(random_word(worlds.world_seed[world], STREAM_LAYOUT, 0), t.grid.shape[0])
    worlds.layout[world] = layout
    for i in range(t.grid.shape[1]):
        worlds.grid[world, i] = t.grid[layout, i]
    for resource in range(NUM_RESOURCES):
        worlds.last_chest_amount[world, resource] = 0
    for agent in range(t.num_agents):
        reset_agent(t, worlds, world, agent, layout)
    for station in range(t.num_stations):
        reset_station(t, worlds, world, station, layout)
    for station in range(t.num_stations):
        if t.starts_clipped[layout, station] == 1:
            clip_station(t, worlds, world, station, 0)


@wp.func
def reset_agent(t: Tables, worlds: Worlds, world: int, agent: int, layout: int):
    worlds.cell[world, agent] = t.agent_cell[layout, agent]
    worlds.orientation[world, agent] = wp.uint8(0)
    worlds.glyph[world, agent] = wp.uint8(0)
    worlds.verb[world, agent] = 0
    worlds.argument[world, agent] = 0
    worlds.success[world, agent] = True
    worlds.rewards[world, agent] = 0.0
    worlds.rewarded[world, agent] = 0.0
    for resource in range(NUM_RESOURCES):
        amount = t.initial_inventory[resource]
        worlds.inventory[world, agent, resource] = amount
        # It counts as gained, and so is paid in the first step (RULES 4).
        worlds.gained[world, agent, resource] = int(amount)


@wp.func
def reset_station(t: Tables, worlds: Worlds, world: int, station: int, layout: int):
    worlds.cooldown_end[world, station] = 0
    worlds.cooldown_duration[world, station] = 0
    worlds.cooldown_multiplier[world, station] = 1.0
    worlds.uses[world, station] = 0
    worlds.stock[world, station] = t.chest_initial[t.station_type[layout, station]]
    worlds.repair[world, station] = NO_RECIPE
    worlds.clip_weight[world, station] = t.initial_clip_weight[layout, station]
