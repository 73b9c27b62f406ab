"""Server of `daf.plan.policy_checker`: one process for all policies, and a fork for each."""

import importlib
import importlib.util
import json
import os
import pickle
import sys
from typing import Any

from daf.config import ConfigError
from daf.policies.registry import METTAGRID, PolicyMisbehaves, module_and_class
from daf.system.processes import adopt_orphans, die_with_parent, end_descendants, left_running

LENGTH_BYTES = 8


def serve() -> None:
    """Check what a `Checker` asks for, until it is gone."""
    answers = os.dup(1)
    os.dup2(2, 1)  # what the code of a policy prints must not get between the answers
    adopt_orphans()
    given = _next()
    die_with_parent(given["parent"])
    sys.path[:] = given["path"]
    _import_all()
    _answer(answers, {"ready": True})
    while (request := _next()) is not None:
        process = os.getpid()
        child = os.fork()
        if child == 0:
            die_with_parent(process)
            _check(answers, request)
        _, status = os.waitpid(child, 0)
        end_descendants()
        try:
            _answer(answers, {"ended": status})
        except BrokenPipeError:
            return


def _import_all() -> None:
    """Import what every policy needs, without what Warp says of a machine without GPUs."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        importlib.import_module("daf.policies.factory")
        importlib.import_module("daf.policies.trainable")
        importlib.import_module("daf.missions.token_bound")
        importlib.import_module("daf.sim.observe")
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _check(answers: int, request: dict[str, Any] | None) -> None:
    """Answer all requests about one policy, in a process of its own, which ends then."""
    process = os.getpid()
    while request is not None:
        sys.path[:] = request["path"]
        os.environ.clear()
        os.environ.update(request["environment"], CUDA_VISIBLE_DEVICES="")
        try:
            os.chdir(request["folder"])
            answer = {"found": _found(request)}
            if left := left_running((), os.getppid()):
                class_path = request.get("facts") or request["build"].class_path
                raise PolicyMisbehaves(f"policy '{class_path}': its code leaves {left}")
        except ConfigError as error:
            answer = {"error": f"{error}", "misbehaves": isinstance(error, PolicyMisbehaves)}
        except BaseException as error:  # foreign code may raise anything
            class_path = request.get("facts") or request["build"].class_path
            reason = f"policy '{class_path}' failed with {type(error).__name__}: {error}"
            answer = {"error": reason, "misbehaves": not isinstance(error, Exception)}
        if os.getpid() != process:  # the code has forked, and this is its child
            os._exit(1)
        _answer(answers, answer)
        request = _next()
    os._exit(0)


def _found(request: dict[str, Any]) -> dict[str, Any]:
    from daf.policies.factory import (
        accepted_init_kwargs,
        convert_init_kwargs,
        make_policy,
        policy_class,
    )
    from daf.policies.game import Game
    from daf.policies.trainable import TrainablePolicy

    if "build" in request:
        make_policy(request["build"], Game.of(*request["missions"]))
        return {}
    class_path = request["facts"]
    if "convert" in request:
        return convert_init_kwargs(class_path, request["convert"])
    return {
        "network": issubclass(policy_class(class_path), TrainablePolicy),
        "accepted": accepted_init_kwargs(class_path),
        **_file_of(class_path),
    }


def _file_of(class_path: str) -> dict[str, str | None]:
    module, _ = module_and_class(class_path)
    if class_path.startswith(METTAGRID):
        return {"file": None, "digest": importlib.import_module(module).code_digest(class_path)}
    if module.endswith(".py"):
        return {"file": os.path.abspath(module), "digest": None}
    spec = importlib.util.find_spec(module)
    if spec is None or not spec.has_location:
        return {"file": None, "digest": None}
    return {"file": spec.origin, "digest": None}


def _next() -> dict[str, Any] | None:
    """The next request; None if this is the end."""
    length = _read(LENGTH_BYTES)
    return pickle.loads(_read(int.from_bytes(length, "little"))) if length else None


def _read(length: int) -> bytes:
    found = bytearray()
    while len(found) < length:
        part = os.read(0, min(length - len(found), 2**20))
        if not part:
            return b""
        found += part
    return bytes(found)


def _answer(answers: int, answer: dict[str, Any]) -> None:
    line = json.dumps(answer).encode() + b"\n"
    while line:
        line = line[os.write(answers, line) :]
