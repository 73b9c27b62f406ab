"""Replay of recordings of the reference engine, to compare byte for byte."""

from typing import Any

import numpy as np
import torch
import warp as wp

from daf.config import ConfigError
from daf.missions import RESOURCES, Mission
from daf.sim.recorded_mission import mission_of
from daf.sim.simulation import OBSERVE_PHASES, Simulation, torch_stream
from daf.sim.tables.codes import NO_RECIPE

AGENT_COLUMNS = 5 + len(RESOURCES)
STATION_COLUMNS = 14


def simulate(
    meta: dict[str, Any], inputs: dict[str, np.ndarray], *, device: str = "cpu"
) -> dict[str, np.ndarray]:
    """Play a recording again and return what this simulator makes of it.

    Args:
        meta: the parsed json of the recording.
        inputs: its arrays `order` [T, A], `actions` [T, A, 2], `intervened` [T, A] and
            `inv_pre` [T, A, R]; others are ignored.
        device: where to simulate.

    Returns:
        `obs` [T+1, A, K, 3], `rewards`, `terminals`, `truncations`, `success` [T, A],
        `agents` [T+1, A, 15], `stations` [T+1, S, 14], with the names, columns and dtypes of the
        recording.

    Raises:
        ConfigError: the recording uses a setting that this simulator does not have, or contradicts
            itself; one line that names what.
    """
    mission = mission_of(meta)
    _check_inputs(meta, inputs, mission.num_agents)
    run = _RecordedSimulation(mission, meta, device)
    for t in range(len(inputs["actions"])):
        run.set_inventories(inputs["intervened"][t], inputs["inv_pre"][t])
        run.play(inputs["order"][t], inputs["actions"][t])
    return run.record()


class _RecordedSimulation(Simulation):
    """One world whose agent order, actions and clip words come from a recording."""

    def __init__(self, mission: Mission, meta: dict[str, Any], device: str):
        self._meta = meta
        self._rows: dict[str, list] = {}
        super().__init__(mission, 1, device)
        self._keep_state()

    def _allocate(self) -> None:
        super()._allocate()
        self._places = [cell[:2] for cell in self.mission.cells_with(*self.mission.stations)]
        self._ids = self._object_ids()
        # The engine's clipper walks stations in an order of its own and owns a copy of the freshly
        # seeded generator (RULES 7 and 10); both are only needed to repeat its choices.
        ids = self._ids
        registered = [ids[station] for station in self.tables.data["clip_order"][0]]
        if sorted(self._meta["clip_order"]) != registered:
            raise _wrong(self._meta, "key 'clip_order'", f"should be some order of {registered}")
        order = [ids.index(number) for number in self._meta["clip_order"]]
        count = 4 * (len(ids) + self._meta["steps"]) + 64
        words = np.random.RandomState(self._meta["seed"]).randint(0, 2**32, count, dtype=np.uint32)
        self.tables.struct.clip_order = wp.array([order], dtype=wp.int32, device=self.device)
        self.tables.struct.clip_words = wp.array(
            words.view(np.int32), dtype=wp.int32, device=self.device
        )

    def _object_ids(self) -> list[int]:
        """Engine ids of the stations: all non-empty cells in reading order, from 1."""
        legend = self.mission.legend
        filled = [
            (row, column)
            for row, line in enumerate(self.mission.map)
            for column, symbol in enumerate(line)
            if legend[symbol] != "floor"
        ]
        return [1 + filled.index(place) for place in self._places]

    def set_inventories(self, intervened: np.ndarray, inventory: np.ndarray) -> None:
        """Set the inventories of the chosen agents [A] to `inventory` [A, R], as the recorder did;
        a new amount counts fully as gained (TRACES)."""
        chosen = torch.as_tensor(intervened, device=self.device)[:, None]
        new = torch.as_tensor(inventory, dtype=torch.int32, device=self.device)
        state = self.state
        state.gained[0] += torch.where(chosen, new, 0)
        state.inventory[0] = torch.where(chosen, new.to(torch.uint8), state.inventory[0])

    def play(self, order: np.ndarray, actions: np.ndarray) -> None:
        """One step with the recorded agent order [A] and (verb, argument) pairs [A, 2]."""
        as_tensor = torch.as_tensor
        self.state.order[0] = as_tensor(order.astype(np.int32), device=self.device)
        self.state.verb[0] = as_tensor(actions[:, 0].astype(np.int32), device=self.device)
        self.state.argument[0] = as_tensor(actions[:, 1].astype(np.int32), device=self.device)
        self._shards[0].launch(("advance", *OBSERVE_PHASES), torch_stream(self.device))
        ended = np.full(self.num_agents, bool(self.done[0]))
        never = np.zeros(self.num_agents, dtype=bool)
        self._append("rewards", self.rewards[0].cpu().numpy())
        self._append("terminals", never if self.mission.truncates else ended)
        self._append("truncations", ended if self.mission.truncates else never)
        self._append("success", self.state.success[0].cpu().numpy())
        self._keep_state()

    def record(self) -> dict[str, np.ndarray]:
        """The arrays of the recording, from what was kept."""
        return {name: np.stack(rows) for name, rows in self._rows.items()}

    def _append(self, name: str, row: np.ndarray) -> None:
        self._rows.setdefault(name, []).append(row.copy())

    def _keep_state(self) -> None:
        self._append("obs", self.observations[0].cpu().numpy())
        self._append("agents", self._agents())
        self._append("stations", self._stations())

    def _numbers(self, name: str) -> np.ndarray:
        return getattr(self.state, name)[0].cpu().numpy().astype(np.int64)

    def _agents(self) -> np.ndarray:
        row, column = np.divmod(self._numbers("cell"), self.tables.padded_width)
        frozen = np.zeros(self.num_agents)
        columns = [
            row - self.tables.pad_rows,
            column - self.tables.pad_columns,
            self._numbers("orientation"),
            self._numbers("glyph"),
            frozen,
            *self._numbers("inventory").T,
        ]
        return np.stack(columns, axis=1).astype(np.int16)

    def _stations(self) -> np.ndarray:
        data = self.tables.data
        kind = data["station_type"][0]
        repair, end = self._numbers("repair"), self._numbers("cooldown_end")
        now = self._numbers("now")
        left = np.where(end % 2**32 > now, (end - now) % 2**32, 0)
        is_chest = data["chest_resource"][kind] >= 0
        places = np.asarray(self._places, dtype=np.int64).reshape(-1, 2)
        columns = [
            self._ids,
            data["type_id"][kind],
            places[:, 0],
            places[:, 1],
            is_chest,
            repair != NO_RECIPE,
            repair,
            end,
            self._numbers("cooldown_duration"),
            left.astype(np.uint32).view(np.int32),
            np.where(is_chest, 0, self._numbers("uses")),
            data["max_uses"][kind],
            data["chest_resource"][kind],
            self._numbers("stock"),
        ]
        return np.stack(columns, axis=1).astype(np.int32)


def _check_inputs(meta: dict[str, Any], inputs: dict[str, np.ndarray], agents: int) -> None:
    """Make sure that the arrays of a recording have the steps, agents and values they should."""
    steps, seed = meta["steps"], meta["seed"]
    if not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise _wrong(meta, "key 'seed'", "should be a whole number of 32 bits, unsigned")
    ranges = {
        "order": ((steps, agents), 0, agents - 1),
        "actions": ((steps, agents, 2), -(2**31), 2**31 - 1),
        "intervened": ((steps, agents), 0, 1),
        "inv_pre": ((steps, agents, len(RESOURCES)), 0, 255),
    }
    for name, (shape, least, most) in ranges.items():
        values = inputs[name]
        if values.shape != shape or values.dtype.kind not in "biu":
            wanted = f"integers {list(shape)} are needed"
            raise _wrong(
                meta, f"array '{name}'", f"got {values.dtype} {list(values.shape)}; {wanted}"
            )
        if values.size and not least <= values.min() <= values.max() <= most:
            raise _wrong(meta, f"array '{name}'", f"should be from {least} to {most}")
    if (np.sort(inputs["order"], axis=1) != np.arange(agents)).any():
        raise _wrong(meta, "array 'order'", "should name every agent once in each step")


def _wrong(meta: dict[str, Any], what: str, reason: str) -> ConfigError:
    return ConfigError(f"recording {meta['name']}: {what}: {reason}")
