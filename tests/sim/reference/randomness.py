"""Random numbers of the engine and of this simulator."""

from collections.abc import Iterator

import numpy as np


def generate_engine_words(seed: int) -> Iterator[int]:
    """Yield the 32-bit words of a Mersenne Twister."""
    generator = np.random.RandomState(seed)
    while True:
        yield from generator.randint(0, 2**32, 4096, dtype=np.uint32).tolist()


def generate_engine_orders(seed: int, agents: int) -> Iterator[list[int]]:
    """Yield the order of the agents in each step: shuffle of libstdc++."""
    words = generate_engine_words(seed)

    def below(n: int) -> int:
        product = next(words) * n
        if product % 2**32 < n:
            while product % 2**32 < (2**32 - n) % n:
                product = next(words) * n
        return product >> 32

    while True:
        order = list(range(agents))

        def swap(i: int, j: int, order=order) -> None:
            order[i], order[j] = order[j], order[i]

        position = 1
        if agents > 1 and agents % 2 == 0:
            swap(1, below(2))
            position = 2
        for i in range(position, agents, 2):
            pair = below((i + 1) * (i + 2))
            swap(i, pair // (i + 2))
            swap(i + 1, pair % (i + 2))
        yield order


def murmur3_finalizer(h: int) -> int:
    """Apply the finalizer of MurmurHash3."""
    h ^= h >> 16
    h = h * 0x85EBCA6B % 2**32
    h ^= h >> 13
    h = h * 0xC2B2AE35 % 2**32
    return h ^ h >> 16


def hash_word(seed: int, stream: bytes, counter: int) -> int:
    """Return 32 random bits as a function of seed, stream and counter."""
    h = murmur3_finalizer(seed % 2**32 ^ int.from_bytes(stream, "big"))
    h = murmur3_finalizer(h ^ (seed >> 32) % 2**32)
    return murmur3_finalizer(h ^ counter * 0x9E3779B9 % 2**32)


def derive_world_seed(seed: int, world: int, episode: int) -> int:
    return hash_word(hash_word(seed, b"worl", world), b"worl", episode) >> 1


def draw_layout(world_seed: int, layouts: int) -> int:
    return hash_word(world_seed, b"layo", 0) * layouts >> 32


def generate_clip_words(world_seed: int) -> Iterator[int]:
    counter = 0
    while True:
        yield hash_word(world_seed, b"clip", counter)
        counter += 1


def shuffle_agents(world_seed: int, step: int, agents: int) -> list[int]:
    """Return the order of the agents in a step (from 0), by a Fisher-Yates shuffle."""
    order = list(range(agents))
    for i in range(1, agents):
        j = hash_word(world_seed, b"orde", step * agents + i) * (i + 1) >> 32
        order[i], order[j] = order[j], order[i]
    return order
