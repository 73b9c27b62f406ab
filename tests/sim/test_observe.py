"""Observations against a reference that visits every cell of a window."""

import numpy as np
import pytest
import torch

from daf.missions import RESOURCES, build_mission
from daf.sim.observe import FEATURES
from daf.sim.simulation import Simulation
from daf.sim.tables.codes import CHEST_KIND, FIRST_STATION, NO_RECIPE, WALL_CODE

WORLDS = 2


def feature(name: str) -> int:
    return FEATURES.index(name) if name in FEATURES else len(FEATURES) + RESOURCES.index(name)


def agent_tokens(state, world, agent):
    tokens = [("type_id", 0), ("group", 0), ("frozen", 0)]
    tokens.append(("orientation", state.orientation[world, agent]))
    tokens += [("glyph", g) for g in [state.glyph[world, agent]] if g > 0]
    carried = zip(RESOURCES, state.inventory[world, agent])
    return tokens + [(name, amount) for name, amount in carried if amount > 0]


def station_tokens(simulation, world, station):
    state, data = simulation.state, simulation.tables.data
    station_type = data["station_type"][0, station]
    tokens = [("type_id", data["type_id"][station_type])]
    if data["station_kind"][station_type] == CHEST_KIND:
        stock = state.stock[world, station]
        return tokens + [(RESOURCES[data["chest_resource"][station_type]], stock)] * bool(stock > 0)
    remaining = state.cooldown_end[world, station] - state.now[world]
    tokens += [("cooldown", min(remaining, 255))] * bool(remaining > 0)
    tokens += [("clipped", 1)] * bool(state.repair[world, station] != NO_RECIPE)
    max_uses = data["max_uses"][station_type]
    remaining_uses = min(max_uses - state.uses[world, station], 255)
    return tokens + [("remaining_uses", remaining_uses)] * bool(max_uses > 0)


def expected_tokens(simulation, world, agent):
    """Return the tokens of an agent, [T, 3]; the 4 global tokens are empty."""
    mission, tables, state = simulation.mission, simulation.tables, simulation.state
    half_height, half_width = mission.window_height // 2, mission.window_width // 2
    tokens = [(255, 255, 255)] * 4
    cells = [
        (abs(row) + abs(column), row, column)
        for row in range(-half_height, half_height + 1)
        for column in range(-half_width, half_width + 1)
    ]
    for _, row, column in sorted(cells):
        location = (row + half_height) << 4 | (column + half_width)
        cell = int(state.cell[world, agent]) + row * tables.padded_width + column
        code = int(state.grid[world, cell])
        object_tokens = []
        if code == WALL_CODE:
            object_tokens = [("type_id", 1)]
        elif code >= tables.data["first_agent"]:
            object_tokens = agent_tokens(state, world, code - tables.data["first_agent"])
        elif code >= FIRST_STATION:
            object_tokens = station_tokens(simulation, world, code - FIRST_STATION)
        tokens += [(location, feature(name), int(value) & 255) for name, value in object_tokens]
    tokens = tokens[: mission.tokens]
    return np.array(tokens + [(255, 255, 255)] * (mission.tokens - len(tokens)), dtype=np.uint8)


def crowded(height, width, agents, **settings):
    """Build a room half full of agents, stations and walls."""
    generator = np.random.default_rng(height * width)
    cells = np.full(height * width, ".")
    cells[: height * width // 3] = generator.choice(list("#####&+COG=c"), height * width // 3)
    cells[-agents:] = "@"
    rows = generator.permutation(cells).reshape(height, width)
    data = {"map": ["".join(row) for row in rows], "clipping": {"rate": 0.2}, **settings}
    return build_mission(data, name="crowd", source="test")


MISSIONS = {
    "default": crowded(12, 17, 9),
    "full rows": crowded(9, 9, 20, tokens=61),
    "global tokens only": crowded(9, 9, 6, tokens=4),
    "truncated second object": crowded(9, 9, 6, tokens=23),
    "widest window": crowded(20, 20, 24, window_height=15, window_width=15, tokens=700),
    "smallest window": crowded(5, 5, 3, window_height=1, window_width=1),
    "flat window": crowded(5, 40, 12, window_height=1, window_width=15),
    "tall window": crowded(40, 1, 12, window_height=15, window_width=1),
    "no walls": crowded(7, 7, 5, map=["@@@", "...", ".@@"]),
}


@pytest.mark.parametrize("name", MISSIONS)
@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_tokens_equal_the_reference(name, device):
    mission = MISSIONS[name].model_copy(update={"max_steps": 6})
    simulation = Simulation(mission, WORLDS, device, seed=1, auto_reset=True)
    generator = torch.Generator().manual_seed(2)
    shape = (9, WORLDS, mission.num_agents)
    for step in torch.randint(0, 8, shape, generator=generator).to(device):
        observations = simulation.step(step)[0].cpu().numpy()
        for world in range(WORLDS):
            for agent in range(mission.num_agents):
                expected = expected_tokens(simulation, world, agent)
                np.testing.assert_array_equal(observations[world, agent, 4:], expected[4:])
                token_count = int(simulation.state.token_count[world, agent])
                assert token_count == max((expected[4:, 0] != 255).sum() + 4, 4)
