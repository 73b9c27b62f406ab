"""Tables of clipping: clippable stations, weights and rates."""

import math

import numpy as np

from daf.missions import Assembler, Mission
from daf.sim.tables.maps import LayoutArrays, TableData, to_int32_array


def clipping_tables(mission: Mission, maps: LayoutArrays) -> TableData:
    """Build the fields of `Tables` for clipping."""
    station_types = [mission.stations[name] for name in maps.types]
    # The clipper of the reference engine ignores chests and immune stations: they do not count in
    # the automatic length scale, are never clipped, and have no weight.
    type_clippable = [isinstance(s, Assembler) and not s.clip_immune for s in station_types]
    type_starts_clipped = [
        isinstance(s, Assembler) and s.is_initially_clipped for s in station_types
    ]
    clippable = np.array(type_clippable, dtype=bool)[maps.station_type]
    starts_clipped = np.array(type_starts_clipped, dtype=bool)[maps.station_type]
    order = np.argwhere(clippable)[:, 1].reshape(len(clippable), -1)
    count = np.float32(order.shape[1])
    length_scale = np.float32(mission.clipping.length_scale)
    cutoff = np.float32(mission.clipping.cutoff)
    # The reference engine registers stations one by one. A station that starts clipped adds weight
    # to earlier stations only, with the raw settings; the automatic settings follow at the end.
    weight = np.zeros(starts_clipped.shape, dtype=np.float32)
    for layout in np.flatnonzero(starts_clipped.any(1)):
        spread_in_map = _clipping_spread(
            maps.stations[layout], clippable[layout], length_scale, cutoff
        )
        for station in np.flatnonzero(starts_clipped[layout]):
            weight[layout, :station] += spread_in_map[station, :station]
    if length_scale <= 0 and count:
        length_scale = np.float32(max(mission.height, mission.width)) / np.sqrt(count)
        length_scale *= np.sqrt(np.float32(4.51) / np.float32(4 * math.pi))
    if cutoff <= 0:
        cutoff = np.float32(3) * length_scale
    return {
        "clip_rate": mission.clipping.rate,
        "clip_order": to_int32_array(order),
        "clip_words": to_int32_array([]),
        "starts_clipped": to_int32_array(starts_clipped),
        "initial_clip_weight": weight,
        "spread": np.stack(
            [
                _clipping_spread(*stations, length_scale, cutoff)
                for stations in zip(maps.stations, clippable)
            ]
        ),
    }


def _clipping_spread(
    positions: np.ndarray,
    is_clippable: np.ndarray,
    length_scale: np.float32,
    cutoff_distance: np.float32,
) -> np.ndarray:
    """Return exp(-distance / length_scale) for each pair of clippable stations of a map.

    Args:
        positions: int [S, 2], row and column of the stations.
        is_clippable: bool [S], stations that clipping affects.
        length_scale: length scale of the decay, in cells.
        cutoff_distance: distance beyond which the spread is 0, in cells; none if not positive.

    Returns:
        float32 [S, S], 0 on the diagonal.
    """
    positions = positions.astype(np.float64)
    distance = np.sqrt(((positions[:, None] - positions[None]) ** 2).sum(-1)).astype(np.float32)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        exponent = (-distance / np.float32(length_scale)).astype(np.float64)
        spread = np.exp(exponent).astype(np.float32)
    between_clippable = is_clippable[:, None] & is_clippable
    np.fill_diagonal(between_clippable, False)
    mask = between_clippable & ((distance <= cutoff_distance) | (cutoff_distance <= 0))
    return np.where(mask, spread, np.float32(0))
