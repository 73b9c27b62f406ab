"""Our policies as bundles that mettagrid loads where there is no DAF; needs no mettagrid itself."""

import io
import json
from importlib.resources import files
from pathlib import Path

import torch

from daf.config import ConfigError, short_json
from daf.files.zips import write_zip
from daf.mettagrid.bundle_reader import SPEC
from daf.missions import RESOURCES, Mission
from daf.missions.loader import STATION_CATALOG
from daf.policies.factory import make_policy
from daf.policies.game import Game
from daf.policies.lstm import LSTM
from daf.policies.registry import PolicySpec, saved_init_kwargs
from daf.policies.stateless import Stateless
from daf.policies.trainable import TrainablePolicy
from daf.sim.observe import FEATURES

NETWORKS = {Stateless: "stateless", LSTM: "lstm"}
PACKAGE = "daf_policy"
"""Of the code in a bundle."""

WEIGHTS = "weights.pt"


def export(path: str | Path, *, class_path: str, weights: str, missions: list[Mission]) -> None:
    """Write a bundle of mettagrid: `policy_spec.json`, weights as a plain state dict, and the code
    that plays them with numpy and torch alone. The same input gives the same bytes.

    Args:
        path: the zip.
        class_path: `stateless` or `lstm`.
        weights: the `policy.safetensors` of a training.
        missions: it was trained on; they give the window, and the kinds of things it knows.

    Raises:
        ConfigError: another class, or weights that do not fit; one line.
        OSError: the zip cannot be written.
    """
    spec = PolicySpec(class_path, weights, saved_init_kwargs(weights))
    policy = make_policy(spec, Game.of(*missions))
    if type(policy) not in NETWORKS:
        raise ConfigError(
            f"policy {short_json(class_path)} cannot be exported; accepted: lstm, stateless (the code "
            "of others needs DAF)"
        )
    state = io.BytesIO()
    torch.save(_state(policy), state)
    content = {
        SPEC: (json.dumps(_spec(policy, missions), indent=2, sort_keys=True) + "\n").encode(),
        WEIGHTS: state.getvalue(),
    }
    for file in files("daf.mettagrid.bundled").iterdir():
        if file.name.endswith(".py"):
            content[f"{PACKAGE}/{file.name}"] = file.read_bytes()
    write_zip(path, content)


def _spec(policy: TrainablePolicy, missions: list[Mission]) -> dict:
    stations = {name: station["type_id"] for name, station in STATION_CATALOG.items()}
    for mission in missions:
        stations |= {name: station.type_id for name, station in mission.stations.items()}
    rows, size = policy.embedding.table.shape
    return {
        "class_path": f"{PACKAGE}.policy.DAFPolicy",
        "data_path": WEIGHTS,
        "init_kwargs": {
            "network": {
                "kind": NETWORKS[type(policy)],
                "hidden_size": size,
                "rows": rows,
                "outputs": policy.num_outputs,
            },
            "seen": {
                "features": [*FEATURES, *RESOURCES],
                "kinds": {"agent": 0, "wall": 1, **stations},
                "window": list(policy.game.window),
                "tokens": policy.game.num_tokens,
            },
        },
    }


def _state(policy: TrainablePolicy) -> dict[str, torch.Tensor]:
    """The weights that play, and the tables of the embedding, as tensors of their own."""
    state = {n: t for n, t in policy.state_dict().items() if not n.startswith("critic.")}
    for name, tensor in policy.embedding.vocabulary.arrays.items():
        state[f"embedding.{name}"] = tensor
    return {name: tensor.detach().cpu().clone() for name, tensor in sorted(state.items())}
