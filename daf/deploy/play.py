"""Loader of the policy of an unpacked bundle.

It needs torch, safetensors and the files of the bundle, but no installed DAF.
"""

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from daf.policies.trainable import TrainablePolicy

FOLDER = Path(__file__).resolve().parent


def load(device: str = "cpu") -> "TrainablePolicy":
    """Return the policy with its weights, a torch module; see `daf/policies/policy.py`.

    Args:
        device: torch device.

    Raises:
        ImportError: this process has imported another DAF.
    """
    sys.path.insert(0, str(FOLDER))
    import daf

    if Path(daf.__file__).resolve().parent != FOLDER / "daf":
        raise ImportError(f"DAF is already imported from {daf.__file__}; use a new process")
    from daf.files.safe_read import read_bytes
    from daf.files.strict_json import loads
    from daf.files.tensors import load_tensors
    from daf.policies.game import Game

    description = loads(read_bytes(FOLDER / "policy.json"))
    game: dict[str, Any] = {
        k: tuple(v) if isinstance(v, list) else v for k, v in description["game"].items()
    }
    module, name = description["class_path"].split(":")
    cls = getattr(importlib.import_module(module), name)
    policy = cls(Game(**game, stations={}), device=device, **description["init_kwargs"])
    policy.load_state_dict(load_tensors(FOLDER / "policy.safetensors", device))
    return policy
