"""Use of stations and chests (RULES 5 and 6)."""

import math

import numpy as np

from daf.missions import POSITIONS, RESOURCES, Assembler, Recipe
from tests.sim.reference.things import HEART, Agent, Station, float32

AROUND = [(-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)]
"""Row and column of the cells around, in reading order."""


def find_recipe(rule: Assembler, byte: int) -> Recipe | None:
    """The recipe for a neighbour byte; the later one wins."""
    occupied = {POSITIONS[bit] for bit in range(8) if byte >> bit & 1}
    for recipe in reversed(rule.recipes):
        for formation in recipe.formations:
            if set(formation) - {"any"} <= occupied and len(formation) == len(occupied):
                return recipe
    return None


def find_neighbours(world, station: Station) -> tuple[int, list[Agent]]:
    """The neighbour byte, and the agents on the 8 cells in reading order."""
    byte, bit, agents = 0, 1, []
    for row, column in AROUND:
        cell = station.row + row, station.column + column
        if not world.is_inside(cell):
            continue  # later cells shift down to lower bits
        if isinstance(world.cells.get(cell), Agent):
            byte |= bit
            agents.append(world.cells[cell])
        bit *= 2
    return byte, agents


def compute_progress(station: Station, now: int) -> np.float32:
    if station.end <= now:
        return float32(1)
    start = (station.end - station.duration) % 2**32
    if now <= start:
        return float32(0)
    return float32(now - start) / float32(station.duration)


def use_assembler(world, agent: Agent, station: Station) -> bool:
    rule, now = station.rule, world.now
    clipped = station.repair is not None
    if rule.max_uses > 0 and station.uses >= rule.max_uses:
        return False
    progress = compute_progress(station, now)
    if progress < 1 and not rule.partial:
        return False
    byte, agents = find_neighbours(world, station)
    repairs = world.mission.clipping.repairs
    recipe = repairs[station.repair] if clipped else find_recipe(rule, byte)
    if recipe is None:
        return False
    inputs = [recipe.inputs.get(name, 0) for name in RESOURCES]
    outputs = [recipe.outputs.get(name, 0) for name in RESOURCES]
    had_output = any(outputs)
    if progress < 1:
        inputs = [math.ceil(float32(amount) * progress) for amount in inputs]
        outputs = [math.floor(float32(amount) * progress) for amount in outputs]
        if had_output and not any(outputs) and not clipped:
            return False
    for resource, amount in enumerate(inputs):
        if sum(other.inventory[resource] for other in agents) % 256 < amount:
            return False
    for resource, amount in enumerate(inputs):
        for other in agents:
            amount += world.limits.change(other, resource, -amount)
    counts = world.statistics.counts
    for resource, amount in enumerate(outputs):
        made = world.limits.change(agent, resource, amount)
        counts[f"made_{RESOURCES[resource]}"] += made
        if resource == HEART:
            team = min(len(agents), 4)
            counts[f"hearts_made_by_{team}{'_or_more' if team == 4 else ''}"] += made
    station.duration = compute_duration(recipe.cooldown, station.multiplier)
    station.end = (now + station.duration) % 2**32
    if clipped:
        world.clipper.repair(station)
        counts["repairs"] += 1
    else:
        station.uses += 1
        with np.errstate(over="ignore"):
            station.multiplier *= float32(1) + float32(rule.exhaustion)
        counts[f"uses_{station.name}"] += 1
        counts["partial_uses"] += int(progress < 1)
    return True


def compute_duration(cooldown: int, multiplier: np.float32) -> int:
    """The cooldown of one use, in unsigned 32 bits."""
    with np.errstate(over="ignore", invalid="ignore"):
        grown = float32(cooldown) * multiplier
    if math.isnan(grown) or grown >= 2**63:
        return 0
    return int(grown) % 2**32


def use_chest(world, agent: Agent, station: Station, side: str) -> bool:
    """Use a chest from the side that the agent stands on."""
    rule, counts = station.rule, world.statistics.counts
    resource = RESOURCES.index(rule.resource)
    delta = rule.sides.get(side, 0)
    if delta > 0:
        given = min(delta, agent.inventory[resource])
        if given == 0:
            return False
        world.limits.change(agent, resource, -given)
        stored = min(given, rule.capacity - station.stock)
        if resource == HEART:
            counts["hearts_destroyed"] += given - stored
            counts["hearts_deposited"] += stored
    else:
        wanted = min(-delta, station.stock)
        if wanted == 0:
            return False
        taken = world.limits.change(agent, resource, wanted)
        if taken == 0:
            return False
        stored = -taken
        if resource == HEART:
            counts["hearts_withdrawn"] += taken
    station.stock += stored
    if stored:
        world.statistics.last_chest_amount[resource] = station.stock
    if resource == HEART:
        counts["hearts_stored"] += stored
    counts[f"uses_{station.name}"] += 1
    return True
