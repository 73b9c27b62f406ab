"""Random missions and actions, with all settings of a mission on small maps."""

import numpy as np

from daf.missions import POSITIONS, RESOURCES, Mission
from daf.missions.layout_registry import parse_layout

SYMBOLS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Draw:
    """Random generator of a mission."""

    def __init__(self, seed: int):
        self.generator = np.random.default_rng(seed)

    def bernoulli(self, probability: float) -> bool:
        return bool(self.generator.random() < probability)

    def integer(self, low: int, high: int) -> int:
        return int(self.generator.integers(low, high + 1))

    def choice(self, choices):
        return choices[self.integer(0, len(choices) - 1)]

    def sample(self, choices, min_count: int, max_count: int) -> list:
        count = min(self.integer(min_count, max_count), len(choices))
        return [choices[k] for k in self.generator.permutation(len(choices))[:count]]

    def amount(self) -> int:
        return self.choice([0, 1, 1, 2, 3, 5, self.integer(1, 60), self.integer(1, 255)])

    def amounts(self, min_count: int, max_count: int) -> dict[str, int]:
        return {
            resource: self.amount() for resource in self.sample(RESOURCES, min_count, max_count)
        }


def draw_mission(seed: int) -> Mission:
    """Draw a mission with up to 12 agents and few types of stations."""
    draw = Draw(seed)
    stations = {f"station_{n}": draw_assembler(draw) for n in range(draw.integer(1, 5))}
    stations |= {f"chest_{n}": draw_chest(draw) for n in range(draw.integer(0, 4))}
    for station, symbol in zip(stations.values(), SYMBOLS):
        station |= {"symbol": symbol, "type_id": draw.integer(2, 254)}
    legend = {"#": "wall", ".": "floor", "@": "agent"}
    legend |= {station["symbol"]: name for name, station in stations.items()}
    data = {
        "name": f"random-{seed}",
        "legend": legend,
        "stations": stations,
        "max_steps": draw.choice([0, 1, 20, 50, draw.integer(1, 100)]),
        "truncates": draw.bernoulli(0.3),
        "window_height": draw.choice([1, 3, 5, 7, 11, 15]),
        "window_width": draw.choice([1, 3, 5, 7, 11, 15]),
        "tokens": draw.choice([4, 24, 64, 200, 300]),
        "glyphs": draw.choice([1, 10, 154, 255]),
        "move_energy": draw.choice([0, 0, 1, 2, 2, 7]),
        "failure_penalty": draw.choice([0, 0, 0.37, 1, 3.3]),
        "limits": draw_limits(draw),
        "default_limit": draw.choice([255, 255, 255, 20, 0]),
        "initial_inventory": draw.amounts(0, 10) | {"energy": draw.choice([0, 30, 100, 100, 255])},
        "regeneration": {
            "interval": draw.choice([0, 1, 1, 1, 2, 7]),
            "amounts": draw.amounts(0, 5) | {"energy": draw.choice([0, 1, 5, 20, 50])},
        },
        "clipping": draw_clipping(draw),
    }
    statistics = [f"{resource}.gained" for resource in RESOURCES]
    statistics += [f"chest.{resource}.amount" for resource in RESOURCES]
    data["rewards"] = {
        name: draw.choice([1.0, -0.5, 0.125, 0.01, -0.07]) for name in draw.sample(statistics, 0, 6)
    }
    data["reward_caps"] = {
        name: draw.choice([2.0, 0.3, 0.0, -1.0]) for name in data["rewards"] if draw.bernoulli(0.3)
    }
    return Mission.parse(data | draw_map(draw, legend), "random mission")


def draw_map(draw: Draw, legend: dict[str, str]) -> dict:
    """Draw a map, or a generated room with several layouts."""
    station_symbols = [symbol for symbol in legend if symbol not in "#.@"]
    if draw.bernoulli(0.2):
        layout = {
            "generator": "room",
            "height": draw.integer(8, 11),
            "width": draw.integer(8, 11),
            "agents": draw.integer(1, 6),
            "stations": {legend[symbol]: 1 for symbol in draw.sample(station_symbols, 1, 4)},
            "seed": "3-5",
        }
        return {"layout": layout, "map": list(parse_layout(layout).build_map(legend, 3))}
    height, width = draw.choice([(1, 12), (2, 9), (4, 4), (4, 6), (6, 6), (9, 7), (5, 14)])
    max_agents = min(12, height * width // 2)
    symbols = ["@"] * draw.choice([max_agents, draw.integer(1, max_agents)])
    symbols += [
        draw.choice(station_symbols) for _ in range(draw.integer(1, 2 + height * width // 4))
    ]
    symbols += ["#"] * draw.integer(0, height * width // 8)
    symbols = (symbols + ["."] * (height * width))[: height * width]
    rows = ["".join(row) for row in draw.generator.permutation(symbols).reshape(height, width)]
    if draw.bernoulli(0.4):
        rows = ["#" * (width + 2), *(f"#{row}#" for row in rows), "#" * (width + 2)]
    return {"map": rows}


def draw_assembler(draw: Draw) -> dict:
    any_formations = [["any"] * count for count in range(1, 9)]
    recipes = [draw_recipe(draw) | {"formations": any_formations}] if draw.bernoulli(0.6) else []
    for _ in range(draw.integer(0, 6)):
        formations = [draw_formation(draw) for _ in range(draw.integer(1, 3))]
        recipes.append(draw_recipe(draw) | {"formations": formations})
    return {
        "kind": "assembler",
        "recipes": recipes,
        "partial": draw.bernoulli(0.6),
        "max_uses": draw.choice([0, 0, 0, 1, 3, 20, 255, 256, 1000]),
        "exhaustion": draw.choice([0, 0, 0, 0, 0.1, 0.25, 3, 1e4, 1e9]),
        "clip_immune": draw.bernoulli(0.25),
        "starts_clipped": draw.bernoulli(0.3),
    }


def draw_formation(draw: Draw) -> list[str]:
    positions = draw.sample(POSITIONS, 1, draw.integer(1, 4))
    return ["any" if draw.bernoulli(0.4) else position for position in positions]


def draw_recipe(draw: Draw) -> dict:
    inputs = draw.amounts(0, 2) if draw.bernoulli(0.4) else {}
    inputs |= {"energy": draw.integer(1, 200)} if draw.bernoulli(0.2) else {}
    outputs = draw.amounts(0, 3) | ({"heart": draw.integer(1, 3)} if draw.bernoulli(0.5) else {})
    cooldown = draw.choice([0, 0, 1, 2, 7, 7, 10, 10, 40, 300, 1_000_000])
    return {"inputs": inputs, "outputs": outputs, "cooldown": cooldown}


def draw_chest(draw: Draw) -> dict:
    capacity = draw.choice([1, 4, 50, 255])
    deltas = [1, 1, 5, 5, 30, 255, -1, -5, -30, -255, 0]
    return {
        "kind": "chest",
        "resource": "heart" if draw.bernoulli(0.5) else draw.choice(RESOURCES),
        "sides": {side: draw.choice(deltas) for side in draw.sample("NWES", 2, 4)},
        "initial": draw.integer(0, capacity),
        "capacity": capacity,
    }


def draw_limits(draw: Draw) -> list[dict]:
    """Draw limits of disjoint groups of resources."""
    resources, limits = draw.sample(RESOURCES, 0, 8), []
    while resources:
        count = draw.integer(1, 4)
        group, resources = resources[:count], resources[count:]
        limits.append({"resources": group, "limit": draw.choice([0, 1, 5, 40, 100, 100, 255])})
    return limits


def draw_clipping(draw: Draw) -> dict:
    repairs = [
        {
            "inputs": draw.amounts(0, 1) if draw.bernoulli(0.5) else {},
            "outputs": draw.amounts(0, 1) if draw.bernoulli(0.3) else {},
            "cooldown": draw.choice([0, 1, 1, 5]),
        }
        for _ in range(draw.integer(1, 5))
    ]
    return {
        "rate": draw.choice([0, 0, 0, 0.05, 0.3, 1]),
        "length_scale": draw.choice([10, 3.7, 0, 0.5, -1]),
        "cutoff": draw.choice([0, 0, 2.5, 6, -1]),
        "repairs": repairs,
    }


def draw_actions(seed: int, steps: int, worlds: int, mission: Mission) -> np.ndarray:
    """Draw actions, int64 [steps, E, A]: mostly moves, some outside the action list."""
    generator = np.random.default_rng([seed, 1])
    shape = (steps, worlds, mission.num_agents)
    invalid_actions = [-1, -5, mission.num_actions, 10_000, 2**31, 2**32 + 3, -(2**63), 2**63 - 1]
    uniforms = generator.random(shape)
    all_actions = generator.integers(0, mission.num_actions, shape)
    actions = np.where(uniforms < 0.9, generator.integers(1, 5, shape), all_actions)
    return np.where(uniforms > 0.97, generator.choice(invalid_actions, shape), actions)
