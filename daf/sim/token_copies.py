"""Copies of observation tokens, in C++ where the Warp language has no equivalent.

On the CPU one thread writes a row, in chunks that may exceed the copied tokens. The next copy or
`clear_tail` overwrites the excess. On CUDA the 32 lanes of a warp write a row together: each lane
writes every 32nd byte, so that the accesses are coalesced.

Arguments of the copies:
    tokens: uint8 [T, 3], row of the observation buffer.
    num_written: number of tokens already written to the row.
    lane: index of the thread in its warp, 0 on the CPU.

Every copy stops at the end of the row and returns the new `num_written`.
"""

import warp as wp

LANES = 32
"""Threads per row on CUDA."""

MAX_OBJECT_TOKENS = 16
"""Capacity for the tokens of one object: an agent has at most 5 plus one per resource."""

PADDING_TOKENS = 22
"""Readable tokens required after the source of a copy: a chunk has at most 64 bytes."""


@wp.func_native("""
    unsigned char* to = (unsigned char*)tokens.data + 3 * num_written;
    const unsigned char* from = (const unsigned char*)source.data + 3 * first;
    const int room = tokens.shape[0] - num_written;
    const int copied = count < room ? count : room;
#if defined(__CUDA_ARCH__)
    for (int k = lane; k < 3 * copied; k += 32)
        to[k] = from[k];
#else
    if (3 * room < 32) {
        for (int k = 0; k < 3 * copied; ++k)
            to[k] = from[k];
        return num_written + copied;
    }
    memcpy(to, from, 32);  // covers most copies without a branch
    int k = 32;
    for (; k < 3 * copied && k + 32 <= 3 * room; k += 32)
        memcpy(to + k, from + k, 32);
    for (; k < 3 * copied; ++k)
        to[k] = from[k];
#endif
    return num_written + copied;
""")
def copy_tokens(
    source: wp.array(dtype=wp.vec3ub),
    first: int,
    count: int,
    tokens: wp.array(dtype=wp.vec3ub),
    num_written: int,
    lane: int,
) -> int:
    """Copy `count` tokens of `source`, starting at token `first`."""
    ...


@wp.func_native("""
    unsigned char* to = (unsigned char*)tokens.data + 3 * num_written;
    const unsigned char* from = (const unsigned char*)object_tokens.data;
    const int room = tokens.shape[0] - num_written;
    const int copied = count < room ? count : room;
#if defined(__CUDA_ARCH__)
    for (int k = lane; k < 3 * copied; k += 32)
        to[k] = k % 3 ? from[k] : location;
#else
    if (room >= 16) {
        // A factor has a 1 at each byte that holds the location of a token.
        wp::uint64 word[6];
        memcpy(word, from, 48);
        for (int k = 0; k < 6; k += 3) {
            word[k] |= location * 0x0001000001000001ull;
            word[k + 1] |= location * 0x0100000100000100ull;
            word[k + 2] |= location * 0x0000010000010000ull;
        }
        memcpy(to, word, 48);
    } else {
        for (int k = 0; k < 3 * copied; ++k)
            to[k] = k % 3 ? from[k] : location;
    }
#endif
    return num_written + copied;
""")
def copy_object_tokens(
    object_tokens: wp.array(dtype=wp.vec3ub),
    count: int,
    location: wp.uint8,
    tokens: wp.array(dtype=wp.vec3ub),
    num_written: int,
    lane: int,
) -> int:
    """Copy the `count` tokens of an object and set their location."""
    ...


@wp.func_native("""
    unsigned char* to = (unsigned char*)tokens.data + 3 * num_written;
    const int room = tokens.shape[0] - num_written;
    const int copied = count < room ? count : room;
#if defined(__CUDA_ARCH__)
    if (lane < copied) {
#else
    for (int lane = 0; lane < copied; ++lane) {
#endif
        const wp::uint64 token = packed >> 16 * lane;
        to[3 * lane] = location;
        to[3 * lane + 1] = token & 255;
        to[3 * lane + 2] = token >> 8 & 255;
    }
    return num_written + copied;
""")
def write_packed_tokens(
    packed: wp.uint64,
    count: int,
    location: wp.uint8,
    tokens: wp.array(dtype=wp.vec3ub),
    num_written: int,
    lane: int,
) -> int:
    """Write up to 4 packed tokens, 16 bits each: feature | value << 8."""
    ...


@wp.func_native("""
    unsigned char* row = (unsigned char*)tokens.data;
    const int end = 3 * tokens.shape[0];
#if defined(__CUDA_ARCH__)
    const int behind = 3 * num_previous;
    for (int k = 3 * num_written + lane; k < behind; k += 32)
        row[k] = 255;
    __syncwarp();
#else
    int k = 3 * num_written;
    if (k + 48 <= end) {
        memset(row + k, 255, 48);
        k += 48;
    } else {
        num_previous = tokens.shape[0];
    }
    for (; k < 3 * num_previous; ++k)
        row[k] = 255;
#endif
""")
def clear_tail(tokens: wp.array(dtype=wp.vec3ub), num_written: int, num_previous: int, lane: int):
    """Fill the row with 255 from token `num_written` to token `num_previous`.

    Args:
        tokens: uint8 [T, 3], row of an agent.
        num_written: number of tokens of this step.
        num_previous: number of tokens in the row at the previous step. The tokens after it are
            empty, except for the excess of copies on the CPU, which this function also clears.
        lane: index of the thread in the CUDA warp of the agent; 0 on the CPU.
    """
    ...
