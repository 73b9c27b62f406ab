"""A scripted policy shows what to do wherever the learner gets to: imitation with the learner's own
mistakes in it (DAgger; Ross, Gordon and Bagnell 2011, arXiv:1011.0686)."""

from collections.abc import Sequence
from typing import Any

import torch

from daf.policies.chance import mix_seeds
from daf.policies.factory import make_policy
from daf.policies.game import Game
from daf.policies.registry import PolicySpec
from daf.sim.simulation import Simulation

TEACHER_STREAM = 0x74656163
NO_TEACHER_ACTION = -1
"""The action of a teacher that says nothing."""


class Teacher:
    """Watches all worlds with a memory of its own, and plays some of them.

    It has to see from an observation what was done last, for it may not have been its own choice;
    and its memory has to know how to forget single rows (`where`).

    Axes: E worlds of a simulation, A agents of each, N agents of all simulations.
    """

    def __init__(
        self,
        class_path: str,
        game: Game,
        simulations: Sequence[Simulation],
        places: Sequence[torch.Tensor],
        device: str,
    ):
        """
        Args:
            places: of each simulation, float [E], where each world stands among all worlds of its
                mission, from 0 to below 1.
        """
        self.policy = make_policy(PolicySpec(class_path), game, device)
        self.simulations = simulations
        self._memory = self._stored_state = self._initial_state()
        self._world_quantile = torch.cat(
            [p.repeat_interleave(s.num_agents) for p, s in zip(places, simulations)]
        )

    def act(self) -> torch.Tensor:
        """What it would do now, int8 [N]; called once a step."""
        rows = torch.cat([simulation.observations.flatten(0, 1) for simulation in self.simulations])
        actions, self._memory = self.policy.act(rows, self._memory)
        return actions.to(torch.int8)

    def acting_rows(self, share: float | torch.Tensor) -> torch.Tensor:
        """The agents of the first worlds of each simulation, so large a share, bool [N]."""
        return self._world_quantile < share

    def reset_rows(self, dones: torch.Tensor) -> None:
        """Forget episodes that are over, bool [N]."""
        # To ask a GPU whether it is worth it would take longer.
        if dones.is_cuda or bool(dones.any()):
            self._memory = self._memory.reset_rows(dones, self._initial_state())

    def store_state(self) -> None:
        """Keep what it remembers where that is kept between rollouts, which stays in place."""
        for kept, now in zip(vars(self._stored_state).values(), vars(self._memory).values()):
            kept.copy_(now)
        self._memory = self._stored_state

    def state_dict(self) -> dict[str, Any]:
        """What it remembers."""
        return dict(vars(self._memory))

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` was taken."""
        self._memory = type(self._stored_state)(**state)
        self.store_state()

    def _initial_state(self) -> Any:
        seeds = [
            mix_seeds(simulation.state.world_seed, simulation.num_agents, TEACHER_STREAM)
            for simulation in self.simulations
        ]
        return self.policy.initial_state(torch.cat(seeds))
