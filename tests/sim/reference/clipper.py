"""Clipping of stations, spread of the clip weights, repair."""

import math
from collections.abc import Callable

import numpy as np

from tests.sim.reference.things import Station, float32


class Clipper:
    """The clipper of one world.

    Attributes:
        registered: clippable stations, in reading order.
        walk: clippable stations, in the order of the draw.
    """

    def __init__(self, world, draw_word: Callable[[], int], walk: list[int] | None):
        """
        Args:
            world: world of the stations.
            draw_word: random generator, 32 bits per call.
            walk: station indices in the order of the draw; reading order by default.
        """
        settings = world.mission.clipping
        self.world, self.draw_word, self.rate = world, draw_word, float32(settings.rate)
        self.repairs = settings.repairs
        self.length, self.cutoff = float32(settings.length_scale), float32(settings.cutoff)
        self.registered: list[Station] = []
        for station in world.stations:
            if station.is_clippable:
                self.registered.append(station)
                if station.rule.starts_clipped:
                    self.clip(station)
        if walk is None:
            self.walk = list(self.registered)
        else:
            self.walk = [world.stations[number] for number in walk]
        height, width = len(world.rows), len(world.rows[0])
        if self.length <= 0 and self.registered:
            self.length = float32(max(height, width)) / np.sqrt(float32(len(self.registered)))
            self.length *= np.sqrt(float32(4.51) / float32(4 * math.pi))
        if self.cutoff <= 0:
            self.cutoff = float32(3) * self.length

    def compute_spread(self, station: Station, other: Station) -> np.float32:
        rows, columns = station.row - other.row, station.column - other.column
        distance = float32(math.sqrt(rows**2 + columns**2))
        if self.cutoff > 0 and distance > self.cutoff:
            return float32(0)
        with np.errstate(divide="ignore", over="ignore"):
            return float32(np.exp(float(-distance / self.length)))

    def clip(self, station: Station) -> None:
        station.end, station.duration = self.world.now, 0
        for other in self.registered:
            if other is not station:
                other.weight += self.compute_spread(station, other)
        station.repair = self.draw_below(len(self.repairs))

    def repair(self, station: Station) -> None:
        station.repair = None
        for other in self.registered:
            if other is not station:
                other.weight -= self.compute_spread(station, other)

    def step(self) -> None:
        """Clip at most one station. With rate 0, no random word is drawn."""
        if self.rate <= 0 or self.draw_unit() >= self.rate:
            return
        unclipped = [station for station in self.walk if station.repair is None]
        total = float32(0)
        for station in unclipped:
            total += station.weight
        remaining = self.draw_unit() * total
        for station in unclipped:
            remaining -= station.weight
            if remaining <= 0:
                self.clip(station)
                self.world.statistics.counts["clips"] += 1
                return

    def draw_unit(self) -> np.float32:
        """Draw a float32 in [0, 1)."""
        return min(float32(self.draw_word()) / float32(2**32), np.nextafter(float32(1), float32(0)))

    def draw_below(self, n: int) -> int:
        """Draw an integer in [0, n)."""
        product = self.draw_word() * n
        if product % 2**32 < n:
            while product % 2**32 < (2**32 - n) % n:
                product = self.draw_word() * n
        return product >> 32
