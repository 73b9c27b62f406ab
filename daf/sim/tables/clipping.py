"""Tables of clipping: which stations clip, how often, and to which recipes."""

import math

import numpy as np

from daf.missions import Assembler, Mission
from daf.sim.tables.maps import MapArrays, int_array


def clipping_tables(mission: Mission, maps: MapArrays) -> dict:
    kinds = [mission.stations[name] for name in maps.types]
    # Chests and immune stations are not registered with the engine's clipper: they are not counted,
    # are never clipped, and neither get nor give weight (RULES 7).
    breaks = [isinstance(kind, Assembler) and not kind.clip_immune for kind in kinds]
    begins = [isinstance(kind, Assembler) and kind.begins_clipped for kind in kinds]
    clippable = np.array(breaks, dtype=bool)[maps.station_type]
    starting = np.array(begins, dtype=bool)[maps.station_type]
    order = np.argwhere(clippable)[:, 1].reshape(len(clippable), -1)
    count = np.float32(order.shape[1])
    length = np.float32(mission.clipping.length_scale)
    cutoff = np.float32(mission.clipping.cutoff)
    # While the engine registers stations one by one, a clipped one reaches the earlier ones only,
    # by the settings as written; the automatic ones are computed after the last station.
    weight = np.zeros(starting.shape, dtype=np.float32)
    for layout in np.flatnonzero(starting.any(1)):
        raw = _spread(maps.stations[layout], clippable[layout], length, cutoff)
        for station in np.flatnonzero(starting[layout]):
            weight[layout, :station] += raw[station, :station]
    if length <= 0 and count:
        length = np.float32(max(mission.height, mission.width)) / np.sqrt(count)
        length *= np.sqrt(np.float32(4.51) / np.float32(4 * math.pi))
    if cutoff <= 0:
        cutoff = np.float32(3) * length
    return {
        "clip_rate": mission.clipping.rate,
        "clip_order": int_array(order),
        "clip_words": int_array([]),
        "starts_clipped": int_array(starting),
        "initial_clip_weight": weight,
        "spread": np.stack(
            [_spread(*one, length, cutoff) for one in zip(maps.stations, clippable)]
        ),
    }


def _spread(places: np.ndarray, clippable: np.ndarray, length, cutoff) -> np.ndarray:
    """exp(-distance / length) between the stations of a map, 0 beyond `cutoff` (if > 0), float32
    [S, S], from their places [S, 2]."""
    places = places.astype(np.float64)
    distance = np.sqrt(((places[:, None] - places[None]) ** 2).sum(-1)).astype(np.float32)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        exponent = (-distance / np.float32(length)).astype(np.float64)
        spread = np.exp(exponent).astype(np.float32)
    among = clippable[:, None] & clippable
    np.fill_diagonal(among, False)
    within = among & ((distance <= cutoff) | (cutoff <= 0))
    return np.where(within, spread, np.float32(0))
