"""Operations on 64-bit masks."""

import warp as wp


@wp.func_native("""
#if defined(__CUDA_ARCH__)
    return __popcll(bits);
#else
    return __builtin_popcountll(bits);
#endif
""")
def count_bits(bits: wp.uint64) -> int:
    """Return the number of set bits."""
    ...


@wp.func
def find_lowest_set_bit_index(bits: wp.uint64) -> int:
    """Return the index of the lowest set bit, 64 for an empty mask."""
    return count_bits((bits & (wp.uint64(0) - bits)) - wp.uint64(1))
