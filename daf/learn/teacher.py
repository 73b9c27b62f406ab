"""A scripted policy shows what to do wherever the learner gets to: imitation with the learner's own
mistakes in it (DAgger; Ross, Gordon and Bagnell 2011, arXiv:1011.0686)."""

from collections.abc import Sequence
from typing import Any

import torch

from daf.policies.chance import mix_seeds
from daf.policies.game import Game
from daf.policies.registry import PolicySpec
from daf.policies.spec import make_policy
from daf.sim.simulation import Simulation

TEACHER_STREAM = 0x74656163
NOBODY = -1
"""The action of a teacher that says nothing."""


class Teacher:
    """Watches all worlds with a memory of its own, and plays some of them.

    It has to see from an observation what was done last, for it may not have been its own choice.

    Axes: E worlds of a simulation, A agents of each, N agents of all simulations.
    """

    def __init__(self, class_path: str, game: Game, simulations: Sequence[Simulation], device: str):
        self.policy = make_policy(PolicySpec(class_path), game, device)
        self.simulations = simulations
        self._memories = [self._new(simulation) for simulation in simulations]
        places = [
            torch.arange(s.num_worlds, device=device).repeat_interleave(s.num_agents) / s.num_worlds
            for s in simulations
        ]
        self._place = torch.cat(places)

    def says(self) -> torch.Tensor:
        """What it would do now, int8 [N]; called once a step."""
        said = []
        for number, simulation in enumerate(self.simulations):
            rows = simulation.observations.flatten(0, 1)
            actions, memory = self.policy.act(rows, self._memories[number])
            self._memories[number] = memory
            said.append(actions.to(torch.int8))
        return torch.cat(said)

    def plays(self, share: float) -> torch.Tensor:
        """The agents of the first worlds, so large a share of them, bool [N]."""
        return self._place < share

    def watch(self, dones: torch.Tensor) -> None:
        """Forget episodes that are over, bool [N]; those of a simulation all end at once."""
        sizes = [s.num_worlds * s.num_agents for s in self.simulations]
        for number, over in enumerate(dones.split(sizes)):
            if bool(over[0]):
                self._memories[number] = self._new(self.simulations[number])

    def state_dict(self) -> list[dict[str, Any]]:
        """What it remembers of each simulation."""
        return [dict(vars(memory)) for memory in self._memories]

    def load_state_dict(self, state: list[dict[str, Any]]) -> None:
        """Go on where `state_dict` was taken."""
        pairs = zip(self._memories, state, strict=True)
        self._memories = [type(memory)(**saved) for memory, saved in pairs]

    def _new(self, simulation: Simulation) -> Any:
        worlds = simulation.state.world_seed
        return self.policy.initial_state(mix_seeds(worlds, simulation.num_agents, TEACHER_STREAM))
