"""The other end of `daf.plan.checker`: one process for all policies, a forked one for each."""

import importlib
import importlib.util
import json
import multiprocessing
import os
import pickle
import sys
import threading
import time
from multiprocessing import resource_tracker
from typing import Any

import psutil

from daf.config import ConfigError
from daf.policies.registry import METTAGRID, module_and_class
from daf.processes import adopt_orphans, die_with_parent, end_descendants
from daf.provenance import file_digest

LENGTH_BYTES = 8
SECONDS_TO_END = 0.5
"""Time that a process may take to end which the code of a policy has started."""


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
        _answer(answers, {"ended": status})


def _import_all() -> None:
    """Import what every policy needs, without what Warp says of a machine without GPUs."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        for name in ("spec", "trainable", "token_bound"):
            importlib.import_module(f"daf.policies.{name}")
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
            if left := _left():
                class_path = request.get("facts") or request["build"].class_path
                answer = {"error": f"policy '{class_path}': its code leaves {left}"}
        except ConfigError as error:
            answer = {"error": f"{error}"}
        except BaseException as error:  # foreign code may raise anything
            class_path = request.get("facts") or request["build"].class_path
            answer = {"error": f"policy '{class_path}' failed with {type(error).__name__}: {error}"}
        if os.getpid() != process:  # the code has forked, and this is its child
            os._exit(1)
        _answer(answers, answer)
        request = _next()
    os._exit(0)


def _found(request: dict[str, Any]) -> dict[str, Any]:
    from daf.policies.game import Game
    from daf.policies.spec import accepted_init_kwargs, make_policy, policy_class
    from daf.policies.trainable import TrainablePolicy

    if "build" in request:
        make_policy(request["build"], Game.of(*request["missions"]))
        return {}
    class_path = request["facts"]
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
        return {"file": os.path.abspath(module), "digest": file_digest(module)}
    spec = importlib.util.find_spec(module)
    if spec is None or not spec.has_location:
        return {"file": None, "digest": None}
    return {"file": spec.origin, "digest": file_digest(spec.origin)}


def _left() -> str:
    """What keeps running after the code of a policy has been imported or built, in words.

    What Python itself ends with the process does not count: pools of threads and of processes.
    """
    managed = {child.pid for child in multiprocessing.active_children() if child.daemon}
    managed |= {os.getpid(), getattr(resource_tracker._resource_tracker, "_pid", None)}
    deadline = time.monotonic() + SECONDS_TO_END
    while left := [child for child in _children() if child not in managed]:
        if time.monotonic() > deadline:
            return f"process {left[0]} running"
        time.sleep(0.01)
    pools = sys.modules.get("concurrent.futures.thread")
    ended = set(pools._threads_queues) if pools else set()
    for thread in threading.enumerate():
        if not thread.daemon and thread is not threading.main_thread() and thread not in ended:
            return f"thread {thread.name} running, and the process could not end"
    return ""


def _children() -> list[int]:
    """Living children of this process, and those that were adopted from them."""
    found = [*psutil.Process().children(), *psutil.Process(os.getppid()).children()]
    return [child.pid for child in found if child.status() != psutil.STATUS_ZOMBIE]


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
