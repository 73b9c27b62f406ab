"""The policy of an unpacked bundle. It needs torch and safetensors, and nothing of DAF but the
files beside this one."""

import importlib
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def load(device: str = "cpu"):
    """The policy with its weights, a torch module; see `daf/policies/policy.py` beside this file.

    Raises:
        ImportError: another DAF has been imported in this process.
    """
    sys.path.insert(0, str(HERE))
    import daf

    if Path(daf.__file__).resolve().parent != HERE / "daf":
        raise ImportError(f"DAF has been imported from {daf.__file__}; use a process of its own")
    from daf.files.safe_read import read_bytes
    from daf.files.strict_json import loads
    from daf.files.tensors import load_tensors
    from daf.policies.game import Game

    about = loads(read_bytes(HERE / "policy.json"))
    told = {name: tuple(v) if isinstance(v, list) else v for name, v in about["game"].items()}
    module, name = about["class_path"].split(":")
    cls = getattr(importlib.import_module(module), name)
    policy = cls(Game(**told, stations={}), device=device, **about["init_kwargs"])
    policy.load_state_dict(load_tensors(HERE / "policy.safetensors", device))
    return policy
