"""Counter-based random numbers for policies: a hash of (row seed, step).

They are the same in every batch and on every device, so single episodes are reproducible.
"""

import torch

MASK = 0xFFFFFFFF


def derive_row_seeds(world_seeds: torch.Tensor, num_agents: int, stream: int) -> torch.Tensor:
    """Derive one seed per row from the seeds of the worlds.

    Args:
        world_seeds: int64 [E], seeds of the episodes.
        num_agents: A, agents per world.
        stream: number of the random stream; different streams give independent seeds.

    Returns:
        int64 [E * A], one seed per row.
    """
    agents = torch.arange(num_agents, device=world_seeds.device)
    return _murmur3_finalizer(
        _murmur3_finalizer(world_seeds[:, None] ^ stream) ^ (agents * 0x9E3779B9)
    ).reshape(-1)


def uniform(seeds: torch.Tensor, step: torch.Tensor | int) -> torch.Tensor:
    """Draw one uniform number per row.

    Args:
        seeds: int64 [N], one seed per row.
        step: index of the step, one for all rows or int64 [N].

    Returns:
        float32 [N], numbers in [0, 1).
    """
    bits = _murmur3_finalizer(_murmur3_finalizer(seeds) ^ (step * 0x85EBCA6B))
    return (bits >> 8).to(torch.float32) * 2.0**-24


def _murmur3_finalizer(h: torch.Tensor) -> torch.Tensor:
    # Finalizer of MurmurHash3, in int64 because torch has no unsigned 32-bit arithmetic.
    h = h & MASK
    h = ((h ^ (h >> 16)) * 0x85EBCA6B) & MASK
    h = ((h ^ (h >> 13)) * 0xC2B2AE35) & MASK
    return h ^ (h >> 16)
