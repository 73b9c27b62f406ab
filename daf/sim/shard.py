"""Some worlds of a simulation with their launches prepared: a step is little but work."""

import torch
import warp as wp

from daf.sim import observe, step
from daf.sim.state import State
from daf.sim.tables.build import MissionTables
from daf.sim.token_copies import LANES, MAX_OBJECT_TOKENS

PHASE_KERNELS = {
    "prepare": step.decode_actions,
    "advance": step.apply_rules,
    "reset": step.reset,
    "describe": observe.write_agent_tokens,
    "observe": observe.observe,
}
"""The phases of a step, in their order. A reset is the last three of them."""


class Shard:
    """Consecutive worlds of a simulation.

    Shards touch none of each other's memory, so that several threads can step them side by side.
    """

    def __init__(
        self,
        tables: MissionTables,
        state: State,
        observations: torch.Tensor,
        actions: torch.Tensor,
        worlds: slice,
        seed: int,
        first_world: int,
    ):
        """
        Args:
            state, observations, actions: those of the whole simulation.
            worlds: which worlds of it are the shard's.
            seed: of the simulation.
            first_world: the number of the simulation's first world.
        """
        rows = actions[worlds].shape
        cuda = observations.device.type == "cuda"
        device = wp.device_from_torch(observations.device)
        # Memory of torch's: Warp would clear its own in another stream, while this one writes it.
        looks = wp.from_torch(observations.new_zeros(*rows, MAX_OBJECT_TOKENS, 3), dtype=wp.vec3ub)
        look_size = wp.from_torch(actions.new_zeros(rows, dtype=torch.int32))
        done = wp.from_torch(state.done[worlds])
        derived = wp.empty(0, dtype=wp.int64, device=device)
        everywhere = wp.empty(0, dtype=wp.bool, device=device)
        tokens = wp.from_torch(observations[worlds], dtype=wp.vec3ub)
        self.worlds = worlds
        self._no_seeds = derived
        self._device = device
        self._tables = tables.struct
        self._state = state.struct(worlds, first_world)
        self._shapes = {
            "prepare": rows[:1],
            "advance": rows[:1],
            "reset": rows[:1],
            "describe": rows,
            "observe": (*rows, LANES if cuda else 1),
        }
        self._arguments = {
            "prepare": [wp.from_torch(actions[worlds])],
            "advance": [],
            "reset": [done, wp.int64(seed), derived],
            "describe": [looks, look_size],
            "observe": [looks, look_size, everywhere, tokens],
        }
        self._recorded_launches = {
            phase: self._wp_launch(phase, arguments, record_cmd=True)
            for phase, arguments in self._arguments.items()
        }

    def launch(self, phases: tuple[str, ...], stream: wp.Stream | None) -> None:
        """Launch kernels one after the other; "reset" is of the finished worlds."""
        for phase in phases:
            self._recorded_launches[phase].launch(stream)

    def reset(
        self, chosen: torch.Tensor, seeds: torch.Tensor | None, stream: wp.Stream | None
    ) -> None:
        """Begin a new episode in the chosen worlds of the simulation, bool [E], and show it.

        Args:
            seeds: int64 [E], the world seeds of the new episodes; derived by default.
        """
        mask = wp.from_torch(chosen[self.worlds])
        given = self._no_seeds if seeds is None else wp.from_torch(seeds[self.worlds])
        _, seed, _ = self._arguments["reset"]
        looks, look_size, _, tokens = self._arguments["observe"]
        self._wp_launch("reset", [mask, seed, given], stream=stream)
        self.launch(("describe",), stream)
        self._wp_launch("observe", [looks, look_size, mask, tokens], stream=stream)

    def _wp_launch(self, phase: str, arguments: list, **how) -> wp.Launch | None:
        inputs = [self._tables, self._state, *arguments]
        shape = self._shapes[phase]
        return wp.launch(PHASE_KERNELS[phase], shape, inputs=inputs, device=self._device, **how)
