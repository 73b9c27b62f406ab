"""Server of `foreign_policy_checker`: one process for all policies, and a fork for each."""

import importlib
import importlib.util
import json
import os
import pickle
import sys
from typing import Any, NoReturn, TypedDict

from daf.config import ConfigError
from daf.policies.registry import METTAGRID_PREFIX, PolicySideEffectError, split_class_path
from daf.system.garbage_collection import collect_garbage_rarely
from daf.system.processes import (
    adopt_orphaned_descendants,
    describe_new_child_or_thread,
    die_with_parent,
    wait_then_kill_descendants,
)

LENGTH_BYTES = 8


def serve_policy_checks() -> None:
    """Process the requests of a `ForeignPolicyChecker` until it ends."""
    answer_descriptor = os.dup(1)
    os.dup2(2, 1)  # output of a policy's code must not mix with the answers
    adopt_orphaned_descendants()
    context = _read_request()
    if context is None:  # the client ended
        return
    die_with_parent(context["parent"])
    collect_garbage_rarely()
    sys.path[:] = context["path"]
    _preload_daf_modules()
    _send_answer(answer_descriptor, {"ready": True})
    while (request := _read_request()) is not None:
        process = os.getpid()
        child = os.fork()
        if child == 0:
            die_with_parent(process)
            _serve_policy_and_exit(answer_descriptor, request)
        _, status = os.waitpid(child, 0)
        wait_then_kill_descendants(0.0)
        try:
            _send_answer(answer_descriptor, {"ended": status})
        except BrokenPipeError:
            return


def _preload_daf_modules() -> None:
    """Import the modules of DAF that policies need, without Warp's warning about missing GPUs."""
    stderr, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        importlib.import_module("daf.policies.factory")
        importlib.import_module("daf.policies.trainable")
        importlib.import_module("daf.missions.token_bound")
        importlib.import_module("daf.sim.observe")
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(null)


def _serve_policy_and_exit(answer_descriptor: int, first_request: dict[str, Any]) -> NoReturn:
    """Answer all requests about one policy, then end this forked process."""
    process, request = os.getpid(), first_request
    while request is not None:
        sys.path[:] = request["path"]
        os.environ.clear()
        os.environ.update(request["environment"], CUDA_VISIBLE_DEVICES="")
        try:
            os.chdir(request["folder"])
            answer = {"result": _execute_request(request)}
            if remaining := describe_new_child_or_thread((), os.getppid()):
                class_path = request.get("facts") or request["build"].class_path
                raise PolicySideEffectError(f"policy '{class_path}': its code leaves {remaining}")
        except ConfigError as error:
            answer = {"error": f"{error}", "misbehaves": isinstance(error, PolicySideEffectError)}
        except BaseException as error:  # foreign code may raise anything
            class_path = request.get("facts") or request["build"].class_path
            reason = f"policy '{class_path}' failed with {type(error).__name__}: {error}"
            answer = {"error": reason, "misbehaves": not isinstance(error, Exception)}
        if os.getpid() != process:  # child of a fork in the policy's code
            os._exit(1)
        _send_answer(answer_descriptor, answer)
        request = _read_request()
    os._exit(0)


def _execute_request(request: dict[str, Any]) -> dict[str, Any]:
    """Return the result of a request: a build, converted arguments, or properties of a class."""
    from daf.policies.factory import (
        accepted_init_kwarg_names,
        cast_init_kwargs_to_signature,
        import_policy_class,
        make_policy,
    )
    from daf.policies.game import Game
    from daf.policies.trainable import TrainablePolicy

    if "build" in request:
        make_policy(request["build"], Game.of(*request["missions"]))
        return {}
    class_path = request["facts"]
    if "convert" in request:
        return cast_init_kwargs_to_signature(class_path, request["convert"])
    policy_class = import_policy_class(class_path)
    return {
        "is_network": issubclass(policy_class, TrainablePolicy),
        "takes_weights": callable(getattr(policy_class, "load", None)),
        "accepted_init_kwargs": accepted_init_kwarg_names(class_path),
        **_find_code_file_or_digest(class_path),
    }


class _CodeFileOrDigest(TypedDict):
    """File of a class's definition, or the hash of its code; see `PolicyFacts`."""

    source_path: str | None
    digest: str | None


def _find_code_file_or_digest(class_path: str) -> _CodeFileOrDigest:
    module, _ = split_class_path(class_path)
    if class_path.startswith(METTAGRID_PREFIX):
        return {
            "source_path": None,
            "digest": importlib.import_module(module).policy_code_digest(class_path),
        }
    if module.endswith(".py"):
        return {"source_path": os.path.abspath(module), "digest": None}
    spec = importlib.util.find_spec(module)
    if spec is None or not spec.has_location:
        return {"source_path": None, "digest": None}
    return {"source_path": spec.origin, "digest": None}


def _read_request() -> dict[str, Any] | None:
    """Return the next request; None at the end."""
    length = _read_stdin_bytes(LENGTH_BYTES)
    return pickle.loads(_read_stdin_bytes(int.from_bytes(length, "little"))) if length else None


def _read_stdin_bytes(num_bytes: int) -> bytes:
    content = bytearray()
    while len(content) < num_bytes:
        received = os.read(0, min(num_bytes - len(content), 2**20))
        if not received:
            return b""
        content += received
    return bytes(content)


def _send_answer(answer_descriptor: int, answer: dict[str, Any]) -> None:
    line = json.dumps(answer).encode() + b"\n"
    while line:
        line = line[os.write(answer_descriptor, line) :]
