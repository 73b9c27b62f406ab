"""Teacher: a scripted policy that labels every observation of the learner (DAgger).

Ross, Gordon and Bagnell 2011, arXiv:1011.0686.
"""

from collections.abc import Sequence
from typing import Any

import torch

from daf.policies.chance import derive_row_seeds
from daf.policies.factory import make_policy
from daf.policies.game import Game
from daf.policies.registry import PolicySpec
from daf.sim.simulation import Simulation

TEACHER_STREAM = 0x74656163


class Teacher:
    """A scripted policy with state in all worlds, which acts in some of them.

    The policy must infer its last action from the observation, since the learner may have acted
    instead. Its state must support `reset_rows`.

    Axes: E worlds of a simulation, A agents per world, N rows of all simulations.

    Args:
        class_path: class path of the teacher's policy.
        game: interface of the policy.
        simulations: one simulation per mission.
        world_quantiles: per simulation float [E], index of each world among all worlds of its
            mission, divided by their number.
        device: "cpu" or "cuda".
    """

    def __init__(
        self,
        class_path: str,
        game: Game,
        simulations: Sequence[Simulation],
        world_quantiles: Sequence[torch.Tensor],
        device: str,
    ):
        self.policy = make_policy(PolicySpec(class_path), game, device)
        self.simulations = simulations
        self._state = self._stored_state = self._initial_state_of_all_rows()
        self._row_quantile = torch.cat(
            [
                quantile.repeat_interleave(simulation.num_agents)
                for quantile, simulation in zip(world_quantiles, simulations)
            ]
        )

    def act(self) -> torch.Tensor:
        """Return the teacher's actions for the current observations, int8 [N]; once per step."""
        rows = [simulation.observations.flatten(0, 1) for simulation in self.simulations]
        observations = rows[0] if len(rows) == 1 else torch.cat(rows)
        actions, self._state = self.policy.act(observations, self._state)
        return actions.to(torch.int8)

    def teacher_row_mask(self, share_of_worlds: float | torch.Tensor) -> torch.Tensor:
        """Return bool [N]: rows in the first `share_of_worlds` of the worlds of each mission."""
        return self._row_quantile < share_of_worlds

    def reset_rows(self, dones: torch.Tensor) -> None:
        """Reset the state of rows whose episode ended, bool [N]."""
        # On a GPU the test would synchronize, which takes longer than the reset.
        if dones.is_cuda or bool(dones.any()):
            self._state = self._state.reset_rows(dones, self._initial_state_of_all_rows())

    def copy_state_to_fixed_memory(self) -> None:
        """Store the state in the fixed memory that holds it between rollouts."""
        for stored, current in zip(vars(self._stored_state).values(), vars(self._state).values()):
            stored.copy_(current)
        self._state = self._stored_state

    def state_dict(self) -> dict[str, Any]:
        """Return the tensors of the policy's state."""
        return dict(vars(self._state))

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state of `state_dict`."""
        self._state = type(self._stored_state)(**state)
        self.copy_state_to_fixed_memory()

    def _initial_state_of_all_rows(self) -> Any:
        seeds = [
            derive_row_seeds(simulation.state.world_seed, simulation.num_agents, TEACHER_STREAM)
            for simulation in self.simulations
        ]
        return self.policy.initial_state(torch.cat(seeds))
