"""Agents, stations, inventory limits and statistics of a world."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from daf.missions import RESOURCES, Assembler, Chest, Mission

float32 = np.float32
ZERO, ONE = float32(0), float32(1)
ENERGY, HEART = RESOURCES.index("energy"), RESOURCES.index("heart")


@dataclass(eq=False)
class Agent:
    """One agent; amounts are in the order of the resource ids."""

    id: int
    row: int
    column: int
    orientation: int = 0
    glyph: int = 0
    inventory: list[int] = field(default_factory=lambda: [0] * len(RESOURCES))
    gained: list[int] = field(default_factory=lambda: [0] * len(RESOURCES))
    verb: int = 0
    argument: int = 0
    success: bool = True
    reward: np.float32 = ZERO
    rewarded: np.float32 = ZERO


@dataclass(eq=False)
class Station:
    """One assembler or chest; `end` and `duration` of its cooldown are unsigned 32-bit integers."""

    name: str
    rule: Assembler | Chest
    row: int
    column: int
    end: int = 0
    duration: int = 0
    multiplier: np.float32 = ONE
    uses: int = 0
    stock: int = 0
    repair: int | None = None
    weight: np.float32 = ZERO

    @property
    def is_clippable(self) -> bool:
        """True if the clipper can clip the station."""
        return isinstance(self.rule, Assembler) and not self.rule.clip_immune


class Limits:
    """Inventory limits of the agents."""

    def __init__(self, mission: Mission):
        self.groups = [[RESOURCES.index(r) for r in limit.resources] for limit in mission.limits]
        self.sizes = [limit.limit for limit in mission.limits]
        for resource in range(len(RESOURCES)):
            if not any(resource in group for group in self.groups):
                self.groups.append([resource])
                self.sizes.append(mission.default_limit)

    def change(self, agent: Agent, resource: int, amount: int) -> int:
        """Add `amount`, clamped to 0 and the limit of the group; return the change."""
        index = next(index for index, group in enumerate(self.groups) if resource in group)
        old = agent.inventory[resource]
        others = sum(agent.inventory[r] for r in self.groups[index]) - old
        new = max(0, min(old + amount, self.sizes[index] - others))
        agent.inventory[resource] = new
        agent.gained[resource] += max(new - old, 0)
        return new - old


@dataclass
class Statistics:
    """Statistics of an episode: inputs of the rewards, and game statistics."""

    last_chest_amount: list[int] = field(default_factory=lambda: [0] * len(RESOURCES))
    counts: Counter = field(default_factory=Counter)
