"""Export of DAF policies as bundles for mettagrid; needs no mettagrid, and the bundle no DAF."""

import io
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch

from daf.config import ConfigError, short_json
from daf.files.zips import write_zip
from daf.mettagrid.bundle_reader import SPEC_FILE
from daf.missions import RESOURCES, Mission
from daf.missions.loader import STATION_CATALOG
from daf.policies.factory import make_policy
from daf.policies.game import Game
from daf.policies.lstm import LSTM
from daf.policies.mingru import MinGRU
from daf.policies.registry import PolicySpec, read_init_kwargs
from daf.policies.stateless import Stateless
from daf.sim.observe import FEATURES

DAFNetwork = Stateless | LSTM | MinGRU
"""Network that mettagrid can run without DAF."""

NETWORKS = {Stateless: "stateless", LSTM: "lstm", MinGRU: "mingru"}
PACKAGE = "daf_policy"
"""Python package of the code in a bundle."""

WEIGHTS = "weights.pt"


def export_mettagrid_bundle(
    archive_path: str | Path, *, class_path: str, weights_path: str, missions: list[Mission]
) -> None:
    """Write a mettagrid bundle: `policy_spec.json`, weights as a state dict, and code.

    The code needs only numpy and torch. The same input gives the same bytes.

    Args:
        archive_path: zip file to write.
        class_path: `stateless`, `lstm` or `mingru`.
        weights_path: `policy.safetensors` of a run.
        missions: training missions; they define the window and the object types.

    Raises:
        ConfigError: another class, or weights of another shape; one line.
        OSError: the zip cannot be written.
    """
    spec = PolicySpec(class_path, weights_path, read_init_kwargs(weights_path))
    policy = make_policy(spec, Game.of(*missions))
    if not isinstance(policy, DAFNetwork) or type(policy) not in NETWORKS:
        raise ConfigError(
            f"policy {short_json(class_path)} cannot be exported; "
            "accepted: lstm, mingru, stateless (other code needs DAF)"
        )
    state = io.BytesIO()
    torch.save(_inference_state_dict(policy), state)
    spec_json = json.dumps(_build_policy_spec(policy, missions), indent=2, sort_keys=True)
    content = {
        SPEC_FILE: (spec_json + "\n").encode(),
        WEIGHTS: state.getvalue(),
    }
    for file in files("daf.mettagrid.bundled").iterdir():
        if file.name.endswith(".py"):
            content[f"{PACKAGE}/{file.name}"] = file.read_bytes()
    write_zip(archive_path, content)


def _build_policy_spec(policy: DAFNetwork, missions: list[Mission]) -> dict[str, Any]:
    """Return the content of `policy_spec.json`.

    Args:
        policy: network to export.
        missions: training missions.
    """
    stations = {name: station["type_id"] for name, station in STATION_CATALOG.items()}
    for mission in missions:
        stations |= {name: station.type_id for name, station in mission.stations.items()}
    table_rows, size = policy.embedding.table.shape
    return {
        "class_path": f"{PACKAGE}.policy.DAFPolicy",
        "data_path": WEIGHTS,
        "init_kwargs": {
            "network": {
                "architecture": NETWORKS[type(policy)],
                "hidden_size": size,
                "table_rows": table_rows,
                "num_outputs": policy.num_outputs,
            },
            "observations": {
                "features": [*FEATURES, *RESOURCES],
                "type_ids": {"agent": 0, "wall": 1, **stations},
                "window": list(policy.game.window),
                "max_tokens": policy.game.num_tokens,
            },
        },
    }


def _inference_state_dict(policy: DAFNetwork) -> dict[str, torch.Tensor]:
    """Return the weights without the critic, and the vocabulary of the embedding, as copies."""
    state = {n: t for n, t in policy.state_dict().items() if not n.startswith("critic.")}
    for name, tensor in policy.embedding.vocabulary.arrays.items():
        state[f"embedding.{name}"] = tensor
    return {name: tensor.detach().cpu().clone() for name, tensor in sorted(state.items())}
