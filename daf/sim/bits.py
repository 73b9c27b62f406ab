"""Masks of 64 bits: how many are set, and which is the first."""

import warp as wp


@wp.func_native("""
#if defined(__CUDA_ARCH__)
    return __popcll(bits);
#else
    return __builtin_popcountll(bits);
#endif
""")
def count_bits(bits: wp.uint64) -> int: ...


@wp.func
def lowest_set_bit(bits: wp.uint64) -> int:
    """Number of the lowest bit that is set, 64 if there is none."""
    return count_bits((bits & (wp.uint64(0) - bits)) - wp.uint64(1))
