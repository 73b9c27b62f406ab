"""The recorder: keeps the states of the first worlds of a simulation while they are stepped."""

import numpy as np
import torch

from daf.evaluation.replay import Episode, RunLengths, States
from daf.sim.simulation import Simulation


class Recorder:
    """Call `keep` after the reset and after every step; nothing of the simulation is changed.

    The states stay on the device until `episodes` is called.
    """

    def __init__(self, simulation: Simulation, worlds: int, steps: int):
        """
        Args:
            worlds: the first of the simulation, which are recorded; may be 0.
            steps: the most that will be kept, besides the reset.
        """
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
        self._seeds = state.world_seed[:worlds]
        self._layouts = state.layout[:worlds]
        self._sources = {name: tensor[:worlds] for name, tensor in sources.items()}
        self._frames = {
            name: torch.empty((steps + 1, *tensor.shape), dtype=tensor.dtype, device=tensor.device)
            for name, tensor in self._sources.items()
        }
        self._count = 0

    def record_step(self) -> None:
        """Keep the state as it is now; does not wait for the device."""
        for name, tensor in self._sources.items():
            self._frames[name][self._count].copy_(tensor)
        self._count += 1

    def episodes(self) -> tuple[Episode, ...]:
        """What was kept, an episode for each recorded world."""
        kept = {name: rows[: self._count].cpu().numpy() for name, rows in self._frames.items()}
        kept["cell"] = self._map_cell(kept["cell"])
        kept["success"] = kept["success"].astype(np.uint8)
        layout = self._tables.mission.layout
        return tuple(
            Episode(
                episode=world,
                world_seed=int(seed),
                layout=layout and layout.seeds[number],
                score=int(kept["score"][-1, world]),
                steps=self._count - 1,
                states=States(
                    **{name: RunLengths.of(rows[:, world]) for name, rows in kept.items()}
                ),
            )
            for world, (seed, number) in enumerate(zip(self._seeds.cpu(), self._layouts.cpu()))
        )

    def _map_cell(self, cell: np.ndarray) -> np.ndarray:
        """From the padded grid to row * W + column of the map."""
        row, column = np.divmod(cell, self._tables.padded_width)
        width = self._tables.mission.width
        return (row - self._tables.pad_rows) * width + column - self._tables.pad_columns
