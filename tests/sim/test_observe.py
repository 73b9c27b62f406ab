"""Observations against a plain reference that looks at every cell of a window in turn."""

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
    kind = data["station_type"][0, station]
    tokens = [("type_id", data["type_id"][kind])]
    if data["station_kind"][kind] == CHEST_KIND:
        stock = state.stock[world, station]
        return tokens + [(RESOURCES[data["chest_resource"][kind]], stock)] * bool(stock > 0)
    remaining = state.cooldown_end[world, station] - state.now[world]
    tokens += [("cooldown", min(remaining, 255))] * bool(remaining > 0)
    tokens += [("clipped", 1)] * bool(state.repair[world, station] != NO_RECIPE)
    most = data["max_uses"][kind]
    left = min(most - state.uses[world, station], 255)
    return tokens + [("remaining_uses", left)] * bool(most > 0)


def expected(simulation, world, agent):
    """The tokens of an agent, [T, 3], all but the four global ones, which are left empty."""
    mission, tables, state = simulation.mission, simulation.tables, simulation.state
    half_height, half_width = mission.window_height // 2, mission.window_width // 2
    tokens = [(255, 255, 255)] * 4
    around = [
        (abs(row) + abs(column), row, column)
        for row in range(-half_height, half_height + 1)
        for column in range(-half_width, half_width + 1)
    ]
    for _, row, column in sorted(around):
        place = (row + half_height) << 4 | (column + half_width)
        cell = int(state.cell[world, agent]) + row * tables.padded_width + column
        code = int(state.grid[world, cell])
        seen = []
        if code == WALL_CODE:
            seen = [("type_id", 1)]
        elif code >= tables.data["first_agent"]:
            seen = agent_tokens(state, world, code - tables.data["first_agent"])
        elif code >= FIRST_STATION:
            seen = station_tokens(simulation, world, code - FIRST_STATION)
        tokens += [(place, feature(name), int(value) & 255) for name, value in seen]
    tokens = tokens[: mission.tokens]
    return np.array(tokens + [(255, 255, 255)] * (mission.tokens - len(tokens)), dtype=np.uint8)


def crowded(height, width, agents, **more):
    """A room half full of agents, stations and walls."""
    generator = np.random.default_rng(height * width)
    cells = np.full(height * width, ".")
    cells[: height * width // 3] = generator.choice(list("#####&+COG=c"), height * width // 3)
    cells[-agents:] = "@"
    rows = generator.permutation(cells).reshape(height, width)
    data = {"map": ["".join(row) for row in rows], "clipping": {"rate": 0.2}, **more}
    return build_mission(data, name="crowd", source="test")


MISSIONS = {
    "usual": crowded(12, 17, 9),
    "full rows": crowded(9, 9, 20, tokens=61),
    "hardly any room": crowded(9, 9, 6, tokens=4),
    "room for one and a half": crowded(9, 9, 6, tokens=23),
    "widest window": crowded(20, 20, 24, window_height=15, window_width=15, tokens=700),
    "smallest window": crowded(5, 5, 3, window_height=1, window_width=1),
    "flat window": crowded(5, 40, 12, window_height=1, window_width=15),
    "tall window": crowded(40, 1, 12, window_height=15, window_width=1),
    "no walls": crowded(7, 7, 5, map=["@@@", "...", ".@@"]),
}


@pytest.mark.parametrize("name", MISSIONS)
@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_every_token_is_that_of_the_reference(name, device):
    mission = MISSIONS[name].model_copy(update={"max_steps": 6})
    simulation = Simulation(mission, WORLDS, device, seed=1, auto_reset=True)
    generator = torch.Generator().manual_seed(2)
    shape = (9, WORLDS, mission.num_agents)
    for step in torch.randint(0, 8, shape, generator=generator).to(device):
        seen = simulation.step(step)[0].cpu().numpy()
        for world in range(WORLDS):
            for agent in range(mission.num_agents):
                wanted = expected(simulation, world, agent)
                np.testing.assert_array_equal(seen[world, agent, 4:], wanted[4:])
                used = int(simulation.state.token_count[world, agent])
                assert used == max((wanted[4:, 0] != 255).sum() + 4, 4)
