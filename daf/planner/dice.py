"""Dice: random numbers of the annealing, with a stream of its own."""

import warp as wp

from daf.sim.random import random_word, uniform_below

wp.set_module_options({"enable_backward": False})

STREAM_ANNEAL = wp.constant(0x616E6E65)


@wp.struct
class Dice:
    """Random numbers of each chain: seed and counter."""

    seed: wp.array(dtype=wp.int64)
    counter: wp.array(dtype=wp.int32)


@wp.func
def draw_random_int_below(dice: Dice, chain: int, upper_bound: int) -> int:
    """Return a random integer in [0, upper)."""
    counter = dice.counter[chain]
    dice.counter[chain] = counter + 1
    return uniform_below(random_word(dice.seed[chain], STREAM_ANNEAL, counter), upper_bound)
