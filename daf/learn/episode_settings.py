"""What a training configuration changes about episodes: shaping reward and early end."""

import torch

from daf.config import TrainingConfig
from daf.missions import Mission
from daf.missions.ceiling import choose_declared_or_proven_ceiling
from daf.sim.shaping import shaping_weights
from daf.sim.simulation import Simulation


def shaping_weights_per_statistic(
    config: TrainingConfig, simulation: Simulation
) -> torch.Tensor | None:
    """Return the shaping reward per count of each game statistic, float32 [C]; None without any."""
    if not config.shaping:
        return None
    return shaping_weights(config.shaping, simulation.statistic_names).to(simulation.device)


def episode_ending_score(config: TrainingConfig, mission: Mission) -> float | None:
    """Return the score above 0 that ends an episode before its step limit; None without one."""
    return choose_declared_or_proven_ceiling(mission) or None if config.end_at_ceiling else None
