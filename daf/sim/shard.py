"""Shard: consecutive worlds of a simulation, with recorded kernel launches."""

from typing import Any, Literal

import torch
import warp as wp

from daf.sim import observe, step
from daf.sim.state import State
from daf.sim.tables.build import MissionTables
from daf.sim.token_copies import LANES, MAX_OBJECT_TOKENS

Phase = Literal["prepare", "advance", "reset", "describe", "observe"]
"""Phase of a step; each has one kernel."""

PHASE_KERNELS: dict[Phase, Any] = {
    "prepare": step.decode_actions_and_draw_order,
    "advance": step.apply_rules,
    "reset": step.reset_worlds,
    "describe": observe.write_tokens_describing_agents,
    "observe": observe.write_observations,
}
"""Kernels of the phases of a step, in order. A reset runs the last 3."""


class ThreadShard:
    """Consecutive worlds of a simulation, stepped by one thread.

    Shards share no memory, so threads can step them in parallel.

    Args:
        tables: tables of the mission.
        state: state of the whole simulation.
        observations: uint8 [E, A, T, 3], observation buffer of the whole simulation.
        actions: int64 [E, A], action buffer of the whole simulation.
        worlds: slice of the worlds that belong to this shard.
        first_world: index of the simulation's first world among all worlds of the seed.
    """

    def __init__(
        self,
        tables: MissionTables,
        state: State,
        observations: torch.Tensor,
        actions: torch.Tensor,
        worlds: slice,
        first_world: int,
    ):
        rows_shape = actions[worlds].shape
        is_cuda = observations.device.type == "cuda"
        device = wp.device_from_torch(observations.device)
        # torch allocates: Warp would clear its memory in another stream during the first launch.
        agent_tokens = wp.from_torch(
            observations.new_zeros(*rows_shape, MAX_OBJECT_TOKENS, 3), dtype=wp.vec3ub
        )
        agent_token_count = wp.from_torch(actions.new_zeros(rows_shape, dtype=torch.int32))
        done = wp.from_torch(state.done[worlds])
        no_seeds = wp.array(shape=0, dtype=wp.int64, device=device)
        no_mask = wp.array(shape=0, dtype=wp.bool, device=device)
        tokens = wp.from_torch(observations[worlds], dtype=wp.vec3ub)
        self.worlds = worlds
        self._no_seeds = no_seeds
        self._device = device
        self._tables = tables.struct
        self._state = state.to_warp_struct(worlds, first_world)
        self._shapes: dict[Phase, tuple[int, ...]] = {
            "prepare": rows_shape[:1],
            "advance": rows_shape[:1],
            "reset": rows_shape[:1],
            "describe": rows_shape,
            "observe": (*rows_shape, LANES if is_cuda else 1),
        }
        self._arguments: dict[Phase, list[Any]] = {
            "prepare": [wp.from_torch(actions[worlds])],
            "advance": [],
            "reset": [done, no_seeds, False],
            "describe": [agent_tokens, agent_token_count],
            "observe": [agent_tokens, agent_token_count, no_mask, tokens],
        }
        self._recorded_launches = {
            phase: self._record_launch(phase, arguments)
            for phase, arguments in self._arguments.items()
        }

    def launch(self, phases: tuple[Phase, ...], stream: wp.Stream | None) -> None:
        """Launch the kernels of some phases in order.

        "reset" resets the finished worlds and keeps the rewards and `done` of their last step.
        """
        for phase in phases:
            self._recorded_launches[phase].launch(stream)

    def reset(
        self, world_mask: torch.Tensor, world_seeds: torch.Tensor | None, stream: wp.Stream | None
    ) -> None:
        """Start a new episode in the selected worlds and write its first observations.

        Args:
            world_mask: bool [E], worlds of the whole simulation to reset.
            world_seeds: int64 [E], seeds of the new episodes; derived if None.
            stream: CUDA stream, None on the CPU.
        """
        mask = wp.from_torch(world_mask[self.worlds])
        seeds = self._no_seeds if world_seeds is None else wp.from_torch(world_seeds[self.worlds])
        agent_tokens, agent_token_count, _, tokens = self._arguments["observe"]
        self._launch_kernel("reset", [mask, seeds, True], stream=stream)
        self.launch(("describe",), stream)
        self._launch_kernel(
            "observe", [agent_tokens, agent_token_count, mask, tokens], stream=stream
        )

    def _record_launch(self, phase: Phase, arguments: list[Any]) -> wp.Launch:
        launch = self._launch_kernel(phase, arguments, record_cmd=True)
        assert launch is not None  # None only without record_cmd
        return launch

    def _launch_kernel(
        self, phase: Phase, arguments: list[Any], **options: Any
    ) -> wp.Launch | None:
        inputs = [self._tables, self._state, *arguments]
        shape = self._shapes[phase]
        return wp.launch(PHASE_KERNELS[phase], shape, inputs=inputs, device=self._device, **options)
