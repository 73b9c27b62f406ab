"""Random numbers for policies: a hash of (row seed, step), so that an episode can be replayed
alone, in any batch and on any device."""

import torch

MASK = 0xFFFFFFFF


def mix_seeds(world_seeds: torch.Tensor, num_agents: int, stream: int) -> torch.Tensor:
    """One seed per agent row, int64 [E * A], from the world seeds int64 [E] and a stream."""
    agents = torch.arange(num_agents, device=world_seeds.device)
    return _mix(_mix(world_seeds[:, None] ^ stream) ^ (agents * 0x9E3779B9)).reshape(-1)


def uniform(seeds: torch.Tensor, step: torch.Tensor | int) -> torch.Tensor:
    """Float32 in [0, 1), one per seed (int64 [N]), different at every step."""
    bits = _mix(_mix(seeds) ^ (step * 0x85EBCA6B))
    return (bits >> 8).to(torch.float32) * 2.0**-24


def _mix(h: torch.Tensor) -> torch.Tensor:
    # The finaliser of MurmurHash3, in int64 because torch has no unsigned 32-bit arithmetic.
    h = h & MASK
    h = ((h ^ (h >> 16)) * 0x85EBCA6B) & MASK
    h = ((h ^ (h >> 13)) * 0xC2B2AE35) & MASK
    return h ^ (h >> 16)
