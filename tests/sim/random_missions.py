"""Missions and actions drawn at random: all that a mission may say, small and close together."""

import numpy as np

from daf.missions import POSITIONS, RESOURCES, Mission
from daf.missions.generators import parse_layout

SYMBOLS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Draw:
    """Random choices of one seed."""

    def __init__(self, seed: int):
        self.generator = np.random.default_rng(seed)

    def happens(self, probability: float) -> bool:
        return bool(self.generator.random() < probability)

    def between(self, least: int, most: int) -> int:
        return int(self.generator.integers(least, most + 1))

    def one(self, choices):
        return choices[self.between(0, len(choices) - 1)]

    def some(self, choices, least: int, most: int) -> list:
        count = min(self.between(least, most), len(choices))
        return [choices[k] for k in self.generator.permutation(len(choices))[:count]]

    def amount(self) -> int:
        return self.one([0, 1, 1, 2, 3, 5, self.between(1, 60), self.between(1, 255)])

    def amounts(self, least: int, most: int) -> dict[str, int]:
        return {resource: self.amount() for resource in self.some(RESOURCES, least, most)}


def draw_mission(seed: int) -> Mission:
    """A mission of up to 12 agents and 10 stations."""
    draw = Draw(seed)
    stations = {f"station_{n}": draw_assembler(draw) for n in range(draw.between(1, 5))}
    stations |= {f"chest_{n}": draw_chest(draw) for n in range(draw.between(0, 4))}
    for station, symbol in zip(stations.values(), SYMBOLS):
        station |= {"symbol": symbol, "type_id": draw.between(2, 254)}
    legend = {"#": "wall", ".": "floor", "@": "agent"}
    legend |= {station["symbol"]: name for name, station in stations.items()}
    data = {
        "name": f"random-{seed}",
        "legend": legend,
        "stations": stations,
        "max_steps": draw.one([0, 1, 20, 50, draw.between(1, 100)]),
        "truncates": draw.happens(0.3),
        "window_height": draw.one([1, 3, 5, 7, 11, 15]),
        "window_width": draw.one([1, 3, 5, 7, 11, 15]),
        "tokens": draw.one([4, 24, 64, 200, 300]),
        "glyphs": draw.one([1, 10, 154, 255]),
        "move_energy": draw.one([0, 0, 1, 2, 2, 7]),
        "failure_penalty": draw.one([0, 0, 0.37, 1, 3.3]),
        "limits": draw_limits(draw),
        "default_limit": draw.one([255, 255, 255, 20, 0]),
        "initial_inventory": draw.amounts(0, 10) | {"energy": draw.one([0, 30, 100, 100, 255])},
        "regeneration": {
            "interval": draw.one([0, 1, 1, 1, 2, 7]),
            "amounts": draw.amounts(0, 5) | {"energy": draw.one([0, 1, 5, 20, 50])},
        },
        "clipping": draw_clipping(draw),
    }
    statistics = [f"{resource}.gained" for resource in RESOURCES]
    statistics += [f"chest.{resource}.amount" for resource in RESOURCES]
    data["rewards"] = {
        name: draw.one([1.0, -0.5, 0.125, 0.01, -0.07]) for name in draw.some(statistics, 0, 6)
    }
    data["reward_caps"] = {
        name: draw.one([2.0, 0.3, 0.0, -1.0]) for name in data["rewards"] if draw.happens(0.3)
    }
    return Mission.parse(data | draw_map(draw, legend), "random mission")


def draw_map(draw: Draw, legend: dict[str, str]) -> dict:
    """A map, or a room of several layouts."""
    kinds = [symbol for symbol in legend if symbol not in "#.@"]
    if draw.happens(0.2):
        layout = {
            "generator": "room",
            "height": draw.between(8, 11),
            "width": draw.between(8, 11),
            "agents": draw.between(1, 6),
            "stations": {legend[symbol]: 1 for symbol in draw.some(kinds, 1, 4)},
            "seed": "3-5",
        }
        return {"layout": layout, "map": list(parse_layout(layout).rows(legend, 3))}
    height, width = draw.one([(1, 12), (2, 9), (4, 4), (4, 6), (6, 6), (9, 7), (5, 14)])
    most = min(12, height * width // 2)
    things = ["@"] * draw.one([most, draw.between(1, most)])
    things += [draw.one(kinds) for _ in range(draw.between(1, 2 + height * width // 4))]
    things += ["#"] * draw.between(0, height * width // 8)
    things = (things + ["."] * (height * width))[: height * width]
    rows = ["".join(row) for row in draw.generator.permutation(things).reshape(height, width)]
    if draw.happens(0.4):
        rows = ["#" * (width + 2), *(f"#{row}#" for row in rows), "#" * (width + 2)]
    return {"map": rows}


def draw_assembler(draw: Draw) -> dict:
    anyone = [["any"] * count for count in range(1, 9)]
    recipes = [draw_recipe(draw) | {"formations": anyone}] if draw.happens(0.6) else []
    for _ in range(draw.between(0, 6)):
        formations = [draw_formation(draw) for _ in range(draw.between(1, 3))]
        recipes.append(draw_recipe(draw) | {"formations": formations})
    return {
        "kind": "assembler",
        "recipes": recipes,
        "partial": draw.happens(0.6),
        "max_uses": draw.one([0, 0, 0, 1, 3, 20, 255, 256, 1000]),
        "exhaustion": draw.one([0, 0, 0, 0, 0.1, 0.25, 3, 1e4, 1e9]),
        "clip_immune": draw.happens(0.25),
        "starts_clipped": draw.happens(0.3),
    }


def draw_formation(draw: Draw) -> list[str]:
    positions = draw.some(POSITIONS, 1, draw.between(1, 4))
    return ["any" if draw.happens(0.4) else position for position in positions]


def draw_recipe(draw: Draw) -> dict:
    inputs = draw.amounts(0, 2) if draw.happens(0.4) else {}
    inputs |= {"energy": draw.between(1, 200)} if draw.happens(0.2) else {}
    outputs = draw.amounts(0, 3) | ({"heart": draw.between(1, 3)} if draw.happens(0.5) else {})
    cooldown = draw.one([0, 0, 1, 2, 7, 7, 10, 10, 40, 300, 1_000_000])
    return {"inputs": inputs, "outputs": outputs, "cooldown": cooldown}


def draw_chest(draw: Draw) -> dict:
    capacity = draw.one([1, 4, 50, 255])
    deltas = [1, 1, 5, 5, 30, 255, -1, -5, -30, -255, 0]
    return {
        "kind": "chest",
        "resource": "heart" if draw.happens(0.5) else draw.one(RESOURCES),
        "sides": {side: draw.one(deltas) for side in draw.some("NWES", 2, 4)},
        "initial": draw.between(0, capacity),
        "capacity": capacity,
    }


def draw_limits(draw: Draw) -> list[dict]:
    """Some groups of resources."""
    resources, limits = draw.some(RESOURCES, 0, 8), []
    while resources:
        count = draw.between(1, 4)
        group, resources = resources[:count], resources[count:]
        limits.append({"resources": group, "limit": draw.one([0, 1, 5, 40, 100, 100, 255])})
    return limits


def draw_clipping(draw: Draw) -> dict:
    repairs = [
        {
            "inputs": draw.amounts(0, 1) if draw.happens(0.5) else {},
            "outputs": draw.amounts(0, 1) if draw.happens(0.3) else {},
            "cooldown": draw.one([0, 1, 1, 5]),
        }
        for _ in range(draw.between(1, 5))
    ]
    return {
        "rate": draw.one([0, 0, 0, 0.05, 0.3, 1]),
        "length_scale": draw.one([10, 3.7, 0, 0.5, -1]),
        "cutoff": draw.one([0, 0, 2.5, 6, -1]),
        "repairs": repairs,
    }


def draw_actions(seed: int, steps: int, worlds: int, mission: Mission) -> np.ndarray:
    """Actions of all agents, int64 [steps, E, A]: mostly moves, some of them outside the list."""
    generator = np.random.default_rng([seed, 1])
    shape = (steps, worlds, mission.num_agents)
    outside = [-1, -5, mission.num_actions, 10_000, 2**31, 2**32 + 3, -(2**63), 2**63 - 1]
    kind = generator.random(shape)
    glyphs = generator.integers(0, mission.num_actions, shape)
    actions = np.where(kind < 0.9, generator.integers(1, 5, shape), glyphs)
    return np.where(kind > 0.97, generator.choice(outside, shape), actions)
