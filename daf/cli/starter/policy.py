"""A scripted policy: `daf compare policy.py:CircleWalker random --missions mission.yaml`."""

import torch

from daf import Policy


class CircleWalker(Policy):
    """Walk in a circle: north, east, south, west."""

    def initial_state(self, seeds: torch.Tensor) -> torch.Tensor:
        """Return the state at the start of an episode, here the step of each row."""
        return torch.zeros_like(seeds)

    def act(
        self, observations: torch.Tensor, state: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return one action per row and the next state.

        Args:
            observations: uint8 [N, T, 3], tokens (location, feature, value); 255 = empty.
            state: what the last call returned.
        """
        circle = torch.tensor([1, 4, 2, 3], device=observations.device)  # 0 is noop
        return circle[state % 4], state + 1
