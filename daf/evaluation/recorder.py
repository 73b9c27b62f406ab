"""Recorder: states of the first worlds of a simulation, step by step."""

import numpy as np
import torch

from daf.evaluation.replay import Episode, RunLengths, States
from daf.sim.simulation import Simulation


class EpisodeRecorder:
    """Record the first worlds of a simulation without changing it.

    The caller calls `record_state` after the reset and after every step. The states stay on the
    device until `build_episodes` copies them.

    Args:
        simulation: simulation to record.
        num_worlds: number of recorded worlds, from the first; may be 0.
        max_steps: maximum number of recorded steps, without the state after the reset.
    """

    def __init__(self, simulation: Simulation, num_worlds: int, max_steps: int):
        self._tables = simulation.tables
        state = simulation.state
        sources = {
            "cell": state.cell,
            "orientation": state.orientation,
            "glyph": state.glyph,
            "inventory": state.inventory,
            "verb": state.verb,
            "argument": state.argument,
            "success": state.success,
            "reward": state.rewards,
            "cooldown_end": state.cooldown_end,
            "uses": state.uses,
            "stock": state.stock,
            "repair": state.repair,
            "score": simulation.score(),
        }
        self._seeds = state.world_seed[:num_worlds]
        self._layouts = state.layout[:num_worlds]
        self._sources = {name: tensor[:num_worlds] for name, tensor in sources.items()}
        self._frames = {
            name: torch.empty(
                (max_steps + 1, *tensor.shape), dtype=tensor.dtype, device=tensor.device
            )
            for name, tensor in self._sources.items()
        }
        self._count = 0

    def record_state(self) -> None:
        """Append the current state, without synchronizing with the device."""
        for name, tensor in self._sources.items():
            self._frames[name][self._count].copy_(tensor)
        self._count += 1

    def build_episodes(self) -> tuple[Episode, ...]:
        """Return the recorded episodes, one per recorded world."""
        frames = {name: rows[: self._count].cpu().numpy() for name, rows in self._frames.items()}
        frames["cell"] = self._convert_to_map_cell_indices(frames["cell"])
        frames["success"] = frames["success"].astype(np.uint8)
        layout = self._tables.mission.layout
        return tuple(
            Episode(
                episode=world,
                world_seed=int(seed),
                layout=layout and layout.seeds[layout_index],
                score=int(frames["score"][-1, world]),
                steps=self._count - 1,
                states=States(
                    **{name: RunLengths.encode(rows[:, world]) for name, rows in frames.items()}
                ),
            )
            for world, (seed, layout_index) in enumerate(
                zip(self._seeds.cpu(), self._layouts.cpu())
            )
        )

    def _convert_to_map_cell_indices(self, padded_cell_indices: np.ndarray) -> np.ndarray:
        """Convert cell indices of the padded grid to row * W + column of the map."""
        row, column = np.divmod(padded_cell_indices, self._tables.padded_width)
        width = self._tables.mission.width
        return (row - self._tables.pad_rows) * width + column - self._tables.pad_columns
