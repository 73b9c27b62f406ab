"""Best score of a tiny mission by exhaustive search in the simulator."""

from itertools import product

import numpy as np
import torch

from daf.missions import Mission
from daf.sim.simulation import Simulation

STATE_FIELDS = (
    "cell",
    "inventory",
    "cooldown_end",
    "cooldown_duration",
    "cooldown_multiplier",
    "uses",
    "stock",
    "repair",
)
"""Fields that determine the future of a world (these missions have no random clipping)."""


def best_score(mission: Mission, seeds: int = 1) -> int:
    """Return the highest score of any action sequence at the end of an episode.

    The search is exhaustive: it stores every reachable state of each step once.

    Args:
        mission: small mission with clip rate 0.
        seeds: number of world seeds of every step; they change the order of the agents.
    """
    moves = torch.tensor(list(product(range(5), repeat=mission.num_agents)))
    start = Simulation(mission, seeds)
    states = {name: tensor.clone() for name, tensor in start.state_dict().items()}
    for _ in range(mission.max_steps):
        count = len(states["cell"])
        worlds = Simulation(mission, count * len(moves) * seeds)
        copied = {n: t.repeat_interleave(len(moves) * seeds, 0) for n, t in states.items()}
        copied["world_seed"] = torch.arange(seeds).repeat(count * len(moves))
        worlds.load_state_dict(copied)
        worlds.step(moves.repeat_interleave(seeds, 0).repeat(count, 1))
        states = {name: tensor.clone() for name, tensor in worlds.state_dict().items()}
        deciding = [states[name].flatten(1).contiguous().numpy() for name in STATE_FIELDS]
        rows = np.hstack([part.view(np.uint8) for part in deciding])
        _, first = np.unique(rows, axis=0, return_index=True)
        states = {name: tensor[torch.from_numpy(first)] for name, tensor in states.items()}
    worlds = Simulation(mission, len(states["cell"]))
    worlds.load_state_dict(states)
    return int(worlds.score().max())
