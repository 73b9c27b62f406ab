"""Shaping: additional rewards for the counts of game statistics."""

from collections.abc import Mapping, Sequence

import torch

from daf.errors import ConfigError, suggest_choice


def shaping_weights(shaping: Mapping[str, float], statistic_names: Sequence[str]) -> torch.Tensor:
    """Return the shaping reward per count of each game statistic, float32 [C].

    Args:
        shaping: reward per count, by name of the statistic.
        statistic_names: names of the C game statistics of the mission.

    Raises:
        ConfigError: the mission has no such statistic.
    """
    weights = torch.zeros(len(statistic_names))
    for name, weight in shaping.items():
        if name not in statistic_names:
            raise ConfigError(
                f"shaping: got '{name}'; expected a game statistic of the mission; "
                f"{suggest_choice(name, statistic_names)}"
            )
        weights[statistic_names.index(name)] = weight
    return weights
