"""Use of assemblers and chests."""

import math

import numpy as np

from daf.missions import POSITIONS, RESOURCES, Assembler, Recipe
from tests.sim.reference.things import HEART, Agent, Station, float32

NEIGHBOR_OFFSETS = [(-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)]
"""Relative row and column of the 8 neighbor cells, in reading order."""


def find_recipe(rule: Assembler, byte: int) -> Recipe | None:
    """Return the recipe of a neighbor byte; later recipes take precedence."""
    occupied = {POSITIONS[bit] for bit in range(8) if byte >> bit & 1}
    for recipe in reversed(rule.recipes):
        for formation in recipe.formations:
            if set(formation) - {"any"} <= occupied and len(formation) == len(occupied):
                return recipe
    return None


def find_neighbors(world, station: Station) -> tuple[int, list[Agent]]:
    """Return the neighbor byte and the agents on the 8 cells, in reading order."""
    byte, bit, agents = 0, 1, []
    for row, column in NEIGHBOR_OFFSETS:
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
    byte, agents = find_neighbors(world, station)
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
        if sum(neighbor.inventory[resource] for neighbor in agents) % 256 < amount:
            return False
    for resource, amount in enumerate(inputs):
        for neighbor in agents:
            amount += world.limits.change(neighbor, resource, -amount)
    counts = world.statistics.counts
    for resource, amount in enumerate(outputs):
        accepted = world.limits.change(agent, resource, amount)
        counts[f"made_{RESOURCES[resource]}"] += accepted
        if resource == HEART:
            team = min(len(agents), 4)
            counts[f"hearts_made_by_{team}{'_or_more' if team == 4 else ''}"] += accepted
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
    """Return the cooldown of one use, as unsigned 32 bits."""
    with np.errstate(over="ignore", invalid="ignore"):
        grown = float32(cooldown) * multiplier
    if math.isnan(grown) or grown >= 2**63:
        return 0
    return int(grown) % 2**32


def use_chest(world, agent: Agent, station: Station, side: str) -> bool:
    """Deposit or withdraw, by the side of the agent; return success."""
    rule, counts = station.rule, world.statistics.counts
    resource = RESOURCES.index(rule.resource)
    delta = rule.sides.get(side, 0)
    if delta > 0:
        deposited = min(delta, agent.inventory[resource])
        if deposited == 0:
            return False
        world.limits.change(agent, resource, -deposited)
        stock_change = min(deposited, rule.capacity - station.stock)
        if resource == HEART:
            counts["hearts_destroyed"] += deposited - stock_change
            counts["hearts_deposited"] += stock_change
    else:
        withdrawn = min(-delta, station.stock)
        if withdrawn == 0:
            return False
        accepted = world.limits.change(agent, resource, withdrawn)
        if accepted == 0:
            return False
        stock_change = -accepted
        if resource == HEART:
            counts["hearts_withdrawn"] += accepted
    station.stock += stock_change
    if stock_change:
        world.statistics.last_chest_amount[resource] = station.stock
    if resource == HEART:
        counts["hearts_stored"] += stock_change
    counts[f"uses_{station.name}"] += 1
    return True
