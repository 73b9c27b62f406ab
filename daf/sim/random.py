"""Counter-based random numbers: each is a hash of (seed, stream, counter), without a state.

The hash is the 32-bit finalizer of MurmurHash3 (A. Appleby, public domain), applied once per word
of input.
"""

import warp as wp

STREAM_ORDER = wp.constant(0x6F726465)
STREAM_CLIP = wp.constant(0x636C6970)
STREAM_LAYOUT = wp.constant(0x6C61796F)
STREAM_WORLD = wp.constant(0x776F726C)

FIRST_FACTOR = wp.constant(wp.uint32(0x85EBCA6B))
SECOND_FACTOR = wp.constant(wp.uint32(0xC2B2AE35))
GOLDEN_RATIO = wp.constant(wp.uint32(0x9E3779B9))


@wp.func
def murmur3_finalizer(h: wp.uint32) -> wp.uint32:
    """Mix the bits of a word."""
    h = h ^ (h >> wp.uint32(16))
    h = h * FIRST_FACTOR
    h = h ^ (h >> wp.uint32(13))
    h = h * SECOND_FACTOR
    return h ^ (h >> wp.uint32(16))


@wp.func
def random_word(seed: wp.int64, stream: int, counter: int) -> wp.uint32:
    """Return 32 random bits as a function of seed, stream and counter."""
    low = wp.uint32(seed & wp.int64(0xFFFFFFFF))
    high = wp.uint32((seed >> wp.int64(32)) & wp.int64(0xFFFFFFFF))
    h = murmur3_finalizer(low ^ wp.uint32(stream))
    h = murmur3_finalizer(h ^ high)
    return murmur3_finalizer(h ^ (wp.uint32(counter) * GOLDEN_RATIO))


@wp.func
def uniform_below(bits: wp.uint32, upper: int) -> int:
    """Map 32 random bits to [0, upper) by the high half of their product with upper."""
    return int((wp.uint64(bits) * wp.uint64(upper)) >> wp.uint64(32))


@wp.func
def unit_float(bits: wp.uint32) -> float:
    """Map 32 random bits to a float32 in [0, 1).

    The value is bits / 2**32, capped at the largest float32 below 1.
    """
    return wp.min(float(bits) * 2.3283064365386963e-10, 0.99999994)


@wp.func
def derive_world_seed(simulation_seed: wp.int64, world: int, episode: int) -> wp.int64:
    """Return the 31-bit world seed of one episode.

    Args:
        simulation_seed: seed of the simulation.
        world: index of the world.
        episode: index of the episode in this world.
    """
    base = wp.int64(random_word(simulation_seed, STREAM_WORLD, world))
    return wp.int64(random_word(base, STREAM_WORLD, episode) >> wp.uint32(1))
