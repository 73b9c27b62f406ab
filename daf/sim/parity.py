"""Replay of recordings of the reference engine, to compare byte for byte."""

from typing import Any

import numpy as np
import torch
import warp as wp

from daf.config import ConfigError
from daf.missions import RESOURCES, Mission
from daf.sim.simulation import SEE, Simulation, torch_stream
from daf.sim.tables import MOVES, NO_RECIPE

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
        ConfigError: the recording uses a setting that this simulator does not have.
    """
    mission = mission_of(meta)
    run = _Replay(mission, meta, device)
    for t in range(len(inputs["actions"])):
        run.overwrite(inputs["intervened"][t], inputs["inv_pre"][t])
        run.play(inputs["order"][t], inputs["actions"][t])
    return run.record()


class _Replay(Simulation):
    """One world whose agent order, actions and clip words come from a recording."""

    def __init__(self, mission: Mission, meta: dict[str, Any], device: str):
        self._meta = meta
        self._rows: dict[str, list] = {}
        super().__init__(mission, 1, device)
        self._keep_state()

    def _allocate(self) -> None:
        super()._allocate()
        # The engine's clipper walks stations in an order of its own and owns a copy of the freshly
        # seeded generator (RULES 7 and 10); both are only needed to repeat its choices.
        ids = self._object_ids()
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
        return [1 + filled.index(cell) for cell in self._places()]

    def _places(self) -> list[tuple[int, int]]:
        """(row, column) of the stations."""
        return [cell[:2] for cell in self.mission.cells(*self.mission.stations)]

    def overwrite(self, intervened: np.ndarray, inventory: np.ndarray) -> None:
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
        self._shards[0].launch(("advance", *SEE), torch_stream(self.device))
        ended = np.full(self.num_agents, bool(self.done[0]))
        never = np.zeros(self.num_agents, dtype=bool)
        self._keep("rewards", self.rewards[0].cpu().numpy())
        self._keep("terminals", never if self.mission.truncates else ended)
        self._keep("truncations", ended if self.mission.truncates else never)
        self._keep("success", self.state.success[0].cpu().numpy())
        self._keep_state()

    def record(self) -> dict[str, np.ndarray]:
        """The arrays of the recording, from what was kept."""
        return {name: np.stack(rows) for name, rows in self._rows.items()}

    def _keep(self, name: str, row: np.ndarray) -> None:
        self._rows.setdefault(name, []).append(row.copy())

    def _keep_state(self) -> None:
        self._keep("obs", self.observations[0].cpu().numpy())
        self._keep("agents", self._agents())
        self._keep("stations", self._stations())

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
        is_chest = data["chest_resource"][kind] >= 0
        places = np.asarray(self._places(), dtype=np.int64).reshape(-1, 2)
        columns = [
            self._object_ids(),
            data["type_id"][kind],
            places[:, 0],
            places[:, 1],
            is_chest,
            repair != NO_RECIPE,
            repair,
            end,
            self._numbers("cooldown_duration"),
            np.maximum(end - self._numbers("now"), 0),
            np.where(is_chest, 0, self._numbers("uses")),
            data["max_uses"][kind],
            data["chest_resource"][kind],
            self._numbers("stock"),
        ]
        return np.stack(columns, axis=1).astype(np.int32)


def mission_of(meta: dict[str, Any]) -> Mission:
    """The mission a recording was made on.

    Raises:
        ConfigError: it uses a setting that this simulator does not have.
    """
    config = meta["config"]
    agent, clipper = config["agent"], config["clipper"]
    _refuse_what_is_missing(config)
    names = {symbol: what for symbol, what in meta["legend"].items()}
    legend = {s: {"empty": "floor", "agent.agent": "agent"}.get(w, w) for s, w in names.items()}
    present = {legend[symbol] for row in meta["map"] for symbol in row}
    stations = {
        name: _station(name, station, legend)
        for name, station in config["objects"].items()
        if name in present and name != "wall"
    }
    return Mission.parse(
        {
            "name": meta["name"],
            "map": meta["map"],
            "legend": {s: what for s, what in legend.items() if any(s in r for r in meta["map"])},
            "stations": stations,
            "max_steps": config["max_steps"],
            "truncates": config["episode_truncates"],
            "window_height": config["obs_height"],
            "window_width": config["obs_width"],
            "tokens": config["num_observation_tokens"],
            "glyphs": config["actions"]["change_glyph"]["number_of_glyphs"],
            "move_energy": int(config["actions"]["move"].get("consumed", {}).get("energy", 0)),
            "failure_penalty": agent["action_failure_penalty"],
            "limits": [{"resources": names, "limit": n} for names, n in agent["resource_limits"]],
            "default_limit": agent["default_resource_limit"],
            "initial_inventory": agent["initial_inventory"],
            "regeneration": {
                "interval": config["inventory_regen_interval"],
                "amounts": agent["inventory_regen_amounts"],
            },
            "rewards": agent["stat_rewards"],
            "reward_caps": agent["stat_reward_max"],
            "clipping": {
                "rate": clipper["clip_rate"],
                "length_scale": clipper["length_scale"],
                "cutoff": clipper["cutoff_distance"],
                "repairs": [_recipe(recipe) for recipe in clipper["unclipping_recipes"]],
            },
        },
        f"recording {meta['name']}",
    )


def _refuse_what_is_missing(config: dict[str, Any]) -> None:
    fixed = {
        "resource_names": list(RESOURCES),
        "resource_loss_prob": 0.0,
        "allow_diagonals": False,
        "recipe_details_obs": False,
        "global_obs": {
            "episode_completion_pct": True,
            "last_action": True,
            "last_reward": True,
            "visitation_counts": False,
        },
    }
    for key, only in fixed.items():
        if config.get(key, only) != only:
            raise ConfigError(
                f"recording: key '{key}': got {config[key]!r}; only {only!r} is known"
            )
    if config["agent"].get("shareable_resources", ["energy"]) != ["energy"]:
        raise ConfigError("recording: key 'shareable_resources': only ['energy'] is known")


def _station(name: str, station: dict[str, Any], legend: dict[str, str]) -> dict[str, Any]:
    symbol = next(symbol for symbol, what in legend.items() if what == name)
    common = {"kind": station["kind"], "type_id": station["type_id"], "symbol": symbol}
    if station["kind"] == "chest":
        return common | {
            "resource": station["resource"],
            "sides": {side: d for side, d in station["position_deltas"] if side in MOVES},
            "initial": station["initial_inventory"],
            "capacity": station["max_inventory"],
        }
    return common | {
        "recipes": [
            {"formations": [_formation(recipe["positions"])], **_recipe(recipe)}
            for recipe in station["recipes"]
        ],
        "partial": station["allow_partial_usage"],
        "max_uses": station["max_uses"],
        "exhaustion": station["exhaustion"],
        "clip_immune": station["clip_immune"],
        "starts_clipped": station["start_clipped"],
    }


def _formation(positions: list[str]) -> list[str]:
    return ["any" if position == "Any" else position for position in positions]


def _recipe(recipe: dict[str, Any]) -> dict[str, Any]:
    return {"inputs": recipe["in"], "outputs": recipe["out"], "cooldown": recipe["cooldown"]}
