"""How tokens are copied: the few functions that Warp's language has no words for, in C++.

On the CPU one thread writes a whole row, in chunks that may reach beyond what is copied: the next
copy or the end of the row overwrites that. On CUDA the 32 lanes of a warp write it together, each
every 32nd byte, so that they touch neighbouring bytes at the same time.
"""

import warp as wp

LANES = 32
"""Threads that write one row on CUDA."""

MAX_OBJECT_TOKENS = 16
"""Room for the tokens of one object: an agent has at most 5 and one per resource."""

PADDING_TOKENS = 22
"""What must be readable behind tokens that are copied: a chunk is at most 64 bytes."""


@wp.func_native("""
    unsigned char* to = (unsigned char*)tokens.data + 3 * n;
    const unsigned char* from = (const unsigned char*)source.data + 3 * first;
    const int room = tokens.shape[0] - n;
    const int copied = count < room ? count : room;
#if defined(__CUDA_ARCH__)
    for (int k = lane; k < 3 * copied; k += 32)
        to[k] = from[k];
#else
    if (3 * room < 32) {
        for (int k = 0; k < 3 * copied; ++k)
            to[k] = from[k];
        return n + copied;
    }
    memcpy(to, from, 32);  // mostly all of it: cheaper than to ask
    int k = 32;
    for (; k < 3 * copied && k + 32 <= 3 * room; k += 32)
        memcpy(to + k, from + k, 32);
    for (; k < 3 * copied; ++k)
        to[k] = from[k];
#endif
    return n + copied;
""")
def copy_tokens(
    source: wp.array(dtype=wp.vec3ub),
    first: int,
    count: int,
    tokens: wp.array(dtype=wp.vec3ub),
    n: int,
    lane: int,
) -> int:
    """Copy `count` tokens from number `first` on, as far as there is room in the row."""
    ...


@wp.func_native("""
    unsigned char* to = (unsigned char*)tokens.data + 3 * n;
    const unsigned char* from = (const unsigned char*)look.data;
    const int room = tokens.shape[0] - n;
    const int copied = count < room ? count : room;
#if defined(__CUDA_ARCH__)
    for (int k = lane; k < 3 * copied; k += 32)
        to[k] = k % 3 ? from[k] : place;
#else
    if (room >= 16) {
        // A factor has a 1 for each byte of the word that is a token's place.
        wp::uint64 word[6];
        memcpy(word, from, 48);
        for (int k = 0; k < 6; k += 3) {
            word[k] |= place * 0x0001000001000001ull;
            word[k + 1] |= place * 0x0100000100000100ull;
            word[k + 2] |= place * 0x0000010000010000ull;
        }
        memcpy(to, word, 48);
    } else {
        for (int k = 0; k < 3 * copied; ++k)
            to[k] = k % 3 ? from[k] : place;
    }
#endif
    return n + copied;
""")
def copy_object_tokens(
    look: wp.array(dtype=wp.vec3ub),
    count: int,
    place: wp.uint8,
    tokens: wp.array(dtype=wp.vec3ub),
    n: int,
    lane: int,
) -> int:
    """Copy the `count` tokens of an object that is seen at `place`, as far as there is room."""
    ...


@wp.func_native("""
    unsigned char* to = (unsigned char*)tokens.data + 3 * n;
    const int room = tokens.shape[0] - n;
    const int copied = count < room ? count : room;
#if defined(__CUDA_ARCH__)
    if (lane < copied) {
#else
    for (int lane = 0; lane < copied; ++lane) {
#endif
        const wp::uint64 token = look >> 16 * lane;
        to[3 * lane] = place;
        to[3 * lane + 1] = token & 255;
        to[3 * lane + 2] = token >> 8 & 255;
    }
    return n + copied;
""")
def write_packed_tokens(
    look: wp.uint64,
    count: int,
    place: wp.uint8,
    tokens: wp.array(dtype=wp.vec3ub),
    n: int,
    lane: int,
) -> int:
    """Write the `count` tokens of `look`, four at most, of 16 bits each: feature | value << 8."""
    ...


@wp.func_native("""
    unsigned char* row = (unsigned char*)tokens.data;
    const int end = 3 * tokens.shape[0];
#if defined(__CUDA_ARCH__)
    const int behind = 3 * used;
    for (int k = 3 * n + lane; k < behind; k += 32)
        row[k] = 255;
    __syncwarp();
#else
    int k = 3 * n;
    if (k + 48 <= end) {
        memset(row + k, 255, 48);
        k += 48;
    } else {
        used = tokens.shape[0];
    }
    for (; k < 3 * used; ++k)
        row[k] = 255;
#endif
""")
def clear_tail(tokens: wp.array(dtype=wp.vec3ub), n: int, used: int, lane: int):
    """Empty the row from token `n` to `used`, the number of tokens it held before: what is behind
    them is empty already, but for what the copies of the CPU may have left."""
    ...
