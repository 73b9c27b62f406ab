"""Replay of recordings of the reference engine, for a byte-exact comparison."""

from typing import Any

import numpy as np
import torch
import warp as wp

from daf.config import ConfigError, short_json
from daf.missions import RESOURCES, Mission
from daf.sim.recorded_mission import mission_from_recording
from daf.sim.simulation import OBSERVE_PHASES, Simulation, current_torch_stream
from daf.sim.tables.codes import NO_RECIPE


def replay_recording(
    metadata: dict[str, Any], recorded_arrays: dict[str, np.ndarray], *, device: str = "cpu"
) -> dict[str, np.ndarray]:
    """Simulate the recorded actions and return the arrays that the recording contains.

    Shapes use L (steps), A (agents), T (tokens), S (stations) and R (resources).

    Args:
        metadata: parsed JSON of the recording.
        recorded_arrays: `order` [L, A], `actions` [L, A, 2] (verb, argument), `intervened` bool
            [L, A] and `inv_pre` [L, A, R]; others are ignored.
        device: "cpu", "cuda" or "cuda:N".

    Returns:
        `obs` [L+1, A, T, 3]; `rewards`, `terminals`, `truncations`, `success` [L, A]; `agents`
        [L+1, A, 5 + R]; `stations` [L+1, S, 14]; with the columns and dtypes of the recording.

    Raises:
        ConfigError: the recording has an unsupported setting or contradicts itself.
    """
    mission = mission_from_recording(metadata)
    _check_recorded_arrays(metadata, recorded_arrays, mission.num_agents)
    simulation = _RecordedActionsSimulation(mission, metadata, device)
    for step in range(len(recorded_arrays["actions"])):
        simulation.set_inventories(
            recorded_arrays["intervened"][step], recorded_arrays["inv_pre"][step]
        )
        simulation.step_recorded(recorded_arrays["order"][step], recorded_arrays["actions"][step])
    return simulation.simulated_arrays()


class _RecordedActionsSimulation(Simulation):
    """One world whose agent order, actions and clip words come from a recording."""

    def __init__(self, mission: Mission, metadata: dict[str, Any], device: str):
        self._meta = metadata
        self._rows: dict[str, list] = {}
        super().__init__(mission, 1, device)
        self._append_observation_and_state_rows()

    def _allocate_tensors(self) -> None:
        super()._allocate_tensors()
        self._positions = [
            cell[:2] for cell in self.mission.find_cells_with(*self.mission.stations)
        ]
        self._station_ids = self._reference_engine_object_ids_of_stations()
        self._load_recorded_clip_order_and_random_words()

    def _load_recorded_clip_order_and_random_words(self) -> None:
        """Replace the clip order and the clip words by those of the recorded engine.

        The clipper of the reference engine visits stations by memory address and draws from its
        own copy of the seeded generator. The recording provides both.
        """
        station_ids = self._station_ids
        clippable_ids = [station_ids[station] for station in self.tables.data["clip_order"][0]]
        if sorted(self._meta["clip_order"]) != clippable_ids:
            raise _recording_error(
                self._meta, "key 'clip_order'", f"expected a permutation of {clippable_ids}"
            )
        order = [station_ids.index(station_id) for station_id in self._meta["clip_order"]]
        num_words = 4 * (len(station_ids) + self._meta["steps"]) + 64
        words = np.random.RandomState(self._meta["seed"]).randint(
            0, 2**32, num_words, dtype=np.uint32
        )
        self.tables.struct.clip_order = wp.array([order], dtype=wp.int32, device=self.device)
        self.tables.struct.clip_words = wp.array(
            words.view(np.int32), dtype=wp.int32, device=self.device
        )

    def _reference_engine_object_ids_of_stations(self) -> list[int]:
        """Return the engine ids of the stations: non-empty cells in reading order, from 1."""
        legend = self.mission.legend
        objects = [
            (row, column)
            for row, line in enumerate(self.mission.map)
            for column, symbol in enumerate(line)
            if legend[symbol] != "floor"
        ]
        return [1 + objects.index(position) for position in self._positions]

    def set_inventories(self, agent_mask: np.ndarray, new_inventory: np.ndarray) -> None:
        """Overwrite the inventories of some agents, as the recorder did.

        The new amounts count fully as gained.

        Args:
            agent_mask: bool [A], agents to change.
            new_inventory: int [A, R], amounts after the change.
        """
        is_set = torch.as_tensor(agent_mask, device=self.device)[:, None]
        amounts = torch.as_tensor(new_inventory, dtype=torch.int32, device=self.device)
        state = self.state
        state.gained[0] += torch.where(is_set, amounts, 0)
        state.inventory[0] = torch.where(is_set, amounts.to(torch.uint8), state.inventory[0])

    def step_recorded(self, agent_order: np.ndarray, actions: np.ndarray) -> None:
        """Apply one recorded step.

        Args:
            agent_order: int [A], agents in the order of their actions.
            actions: int [A, 2], verb and argument of each agent.
        """
        as_tensor = torch.as_tensor
        self.state.order[0] = as_tensor(agent_order.astype(np.int32), device=self.device)
        self.state.verb[0] = as_tensor(actions[:, 0].astype(np.int32), device=self.device)
        self.state.argument[0] = as_tensor(actions[:, 1].astype(np.int32), device=self.device)
        self._shards[0].launch(("advance", *OBSERVE_PHASES), current_torch_stream(self.device))
        ended = np.full(self.num_agents, bool(self.done[0]))
        not_ended = np.zeros(self.num_agents, dtype=bool)
        self._append_row("rewards", self.rewards[0].cpu().numpy())
        self._append_row("terminals", not_ended if self.mission.truncates else ended)
        self._append_row("truncations", ended if self.mission.truncates else not_ended)
        self._append_row("success", self.state.success[0].cpu().numpy())
        self._append_observation_and_state_rows()

    def simulated_arrays(self) -> dict[str, np.ndarray]:
        """Return the simulated arrays by the names of the recording."""
        return {name: np.stack(rows) for name, rows in self._rows.items()}

    def _append_row(self, name: str, row: np.ndarray) -> None:
        self._rows.setdefault(name, []).append(row.copy())

    def _append_observation_and_state_rows(self) -> None:
        self._append_row("obs", self.observations[0].cpu().numpy())
        self._append_row("agents", self._agent_state_array())
        self._append_row("stations", self._station_state_array())

    def _state_as_int64(self, field: str) -> np.ndarray:
        return getattr(self.state, field)[0].cpu().numpy().astype(np.int64)

    def _agent_state_array(self) -> np.ndarray:
        row, column = np.divmod(self._state_as_int64("cell"), self.tables.padded_width)
        frozen = np.zeros(self.num_agents)
        columns = [
            row - self.tables.pad_rows,
            column - self.tables.pad_columns,
            self._state_as_int64("orientation"),
            self._state_as_int64("glyph"),
            frozen,
            *self._state_as_int64("inventory").T,
        ]
        return np.stack(columns, axis=1).astype(np.int16)

    def _station_state_array(self) -> np.ndarray:
        data = self.tables.data
        station_type = data["station_type"][0]
        repair, cooldown_end = self._state_as_int64("repair"), self._state_as_int64("cooldown_end")
        now = self._state_as_int64("now")
        remaining = np.where(cooldown_end % 2**32 > now, (cooldown_end - now) % 2**32, 0)
        is_chest = data["chest_resource"][station_type] >= 0
        positions = np.asarray(self._positions, dtype=np.int64).reshape(-1, 2)
        columns = [
            self._station_ids,
            data["type_id"][station_type],
            positions[:, 0],
            positions[:, 1],
            is_chest,
            repair != NO_RECIPE,
            repair,
            cooldown_end,
            self._state_as_int64("cooldown_duration"),
            remaining.astype(np.uint32).view(np.int32),
            np.where(is_chest, 0, self._state_as_int64("uses")),
            data["max_uses"][station_type],
            data["chest_resource"][station_type],
            self._state_as_int64("stock"),
        ]
        return np.stack(columns, axis=1).astype(np.int32)


def _check_recorded_arrays(
    metadata: dict[str, Any], recorded_arrays: dict[str, np.ndarray], num_agents: int
) -> None:
    """Check the shapes, types and values of the arrays of a recording.

    Raises:
        ConfigError: invalid seed or array.
    """
    steps, seed = metadata["steps"], metadata["seed"]
    if not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise _recording_error(
            metadata, "key 'seed'", f"got {short_json(seed)}; expected an unsigned 32-bit integer"
        )
    ranges = {
        "order": ((steps, num_agents), 0, num_agents - 1),
        "actions": ((steps, num_agents, 2), -(2**31), 2**31 - 1),
        "intervened": ((steps, num_agents), 0, 1),
        "inv_pre": ((steps, num_agents, len(RESOURCES)), 0, 255),
    }
    for name, (shape, low, high) in ranges.items():
        values = recorded_arrays[name]
        if values.shape != shape or values.dtype.kind not in "biu":
            expected = f"expected integers {list(shape)}"
            raise _recording_error(
                metadata, f"array '{name}'", f"got {values.dtype} {list(values.shape)}; {expected}"
            )
        if values.size and not low <= values.min() <= values.max() <= high:
            raise _recording_error(
                metadata, f"array '{name}'", f"expected values from {low} to {high}"
            )
    if (np.sort(recorded_arrays["order"], axis=1) != np.arange(num_agents)).any():
        raise _recording_error(metadata, "array 'order'", "expected every agent once in each step")


def _recording_error(metadata: dict[str, Any], key: str, reason: str) -> ConfigError:
    return ConfigError(f"recording {metadata['name']}: {key}: {reason}")
