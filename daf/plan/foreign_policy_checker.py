"""Checks of foreign policies in processes that may crash, hang or leave processes behind.

A process without GPUs imports torch once and forks a process for each policy. An error of the
policy's code reaches the plan as one line.
"""

import contextlib
import json
import os
import pickle
import select
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from daf.config import ConfigError
from daf.config.conversion import contains_text
from daf.missions import Mission
from daf.policies.registry import PolicySideEffectError, PolicySpec, runs_foreign_code
from daf.system.processes import format_exit_status, kill_tree

SERVE = "from daf.plan.foreign_policy_server import serve_policy_checks; serve_policy_checks()"
ANSWER_SECONDS = 60.0
"""Time limit of a policy's code for one request."""
STARTUP_SECONDS = 600.0
"""Time limit for the import of torch, which can be slow from a network disk."""
LENGTH_BYTES = 8


@dataclass(frozen=True)
class PolicyFacts:
    """Properties of a foreign policy class that a plan needs.

    Attributes:
        is_network: true for a `TrainablePolicy`.
        takes_weights: true for a class with a method `load`.
        accepted_init_kwargs: names of its `init_kwargs`; None if it accepts any.
        source_path: file of its definition; None without one.
        digest: hash of its code; None for code in a file.
    """

    is_network: bool
    takes_weights: bool
    accepted_init_kwargs: list[str] | None
    source_path: str | None
    digest: str | None


class ForeignPolicyChecker:
    """Process that checks foreign policies; the first request starts it."""

    def __init__(self) -> None:
        self._process: subprocess.Popen | None = None
        self._class_path: str | None = None
        self._unread = b""
        self._facts: dict[tuple[str, str], tuple[PolicyFacts, Any]] = {}

    def inspect_class(self, class_path: str) -> PolicyFacts:
        """Return the properties of a class.

        Raises:
            ConfigError: unknown class or misbehaving code, in one line.
        """
        key = class_path, os.getcwd()
        facts, version = self._facts.get(key, (None, None))
        if facts is None or _stat_fingerprint(facts.source_path) != version:
            self._end_policy_process()  # an imported file may have changed
            facts = PolicyFacts(**self._call_server(class_path, {"facts": class_path}))
            self._facts[key] = facts, _stat_fingerprint(facts.source_path)
        return facts

    def check_policy_builds(self, spec: PolicySpec, missions: Sequence[Mission]) -> None:
        """Check that a policy can be built for missions and loads its weights.

        Raises:
            ConfigError: failed build or misbehaving code, in one line.
        """
        self._call_server(spec.class_path, {"build": spec, "missions": list(missions)})

    def cast_init_kwargs_to_signature(
        self, class_path: str, init_kwargs: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return the arguments with text converted to the types of the class's signature.

        Raises:
            ConfigError: unknown class or misbehaving code, in one line.
        """
        return self._call_server(class_path, {"facts": class_path, "convert": dict(init_kwargs)})

    def _call_server(self, class_path: str, request: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = {}
        try:
            if self._class_path != class_path:
                self._end_policy_process()
            self._start_server()
            self._class_path = class_path
            context = {"path": sys.path, "folder": os.getcwd(), "environment": dict(os.environ)}
            self._send_request(context | request)
            answer = self._receive_answer(ANSWER_SECONDS)
        except TimeoutError:
            raise ConfigError(
                f"policy '{class_path}': its code takes longer than {ANSWER_SECONDS:g} s "
                "to be imported and built"
            ) from None
        except (BrokenPipeError, EOFError):
            raise PolicySideEffectError(
                f"policy '{class_path}': the process that checks it died"
            ) from None
        finally:
            if not answer:
                self._kill_server()
        if "ended" in answer:
            self._class_path = None
            raise PolicySideEffectError(
                f"policy '{class_path}': its code ends the process in which it is imported and "
                f"built ({format_exit_status(answer['ended'])})"
            )
        if "error" in answer:
            raise (PolicySideEffectError if answer["misbehaves"] else ConfigError)(answer["error"])
        return answer["result"]

    def _end_policy_process(self) -> None:
        """End the forked process of the last policy."""
        if self._class_path is None:
            return
        try:
            self._request_policy_process_exit()
            self._receive_answer(ANSWER_SECONDS)
            self._class_path = None
        except (TimeoutError, BrokenPipeError, EOFError):
            self._kill_server()

    def _start_server(self) -> None:
        if self._process is not None and self._process.poll() is None:
            return
        self._kill_server()
        # `-c` with -P: `-m` would import from the working directory.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", SERVE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
            start_new_session=True,
        )
        self._send_request({"path": sys.path, "parent": os.getpid()})
        self._receive_answer(STARTUP_SECONDS)

    def _send_request(self, request: dict[str, Any]) -> None:
        self._send_message(request)

    def _request_policy_process_exit(self) -> None:
        """Request the exit of the forked process of the last policy, by an empty message."""
        self._send_message(None)

    def _send_message(self, message: dict[str, Any] | None) -> None:
        assert self._process is not None and self._process.stdin is not None
        content = pickle.dumps(message)
        self._process.stdin.write(len(content).to_bytes(LENGTH_BYTES, "little") + content)
        self._process.stdin.flush()

    def _receive_answer(self, timeout_seconds: float) -> dict[str, Any]:
        """Return the next answer, a line of JSON.

        Raises:
            TimeoutError: no answer within `timeout_seconds`.
            EOFError: end of the process.
        """
        assert self._process is not None and self._process.stdout is not None
        deadline = time.monotonic() + timeout_seconds
        while b"\n" not in self._unread:
            remaining = max(deadline - time.monotonic(), 0)
            if not select.select([self._process.stdout], [], [], remaining)[0]:
                raise TimeoutError
            received = os.read(self._process.stdout.fileno(), 2**16)
            if not received:
                raise EOFError
            self._unread += received
        line, _, self._unread = self._unread.partition(b"\n")
        return json.loads(line)

    def _kill_server(self) -> None:
        if self._process is not None:
            kill_tree(self._process.pid)
            with contextlib.suppress(BrokenPipeError):
                self._process.communicate()
        self._process, self._class_path, self._unread = None, None, b""


_thread_local = threading.local()


def policy_checker_of_thread() -> ForeignPolicyChecker:
    """Return the checker of this thread; it ends with the thread."""
    if not hasattr(_thread_local, "checker"):
        _thread_local.checker = ForeignPolicyChecker()
    return _thread_local.checker


def cast_init_kwargs_to_signature(
    class_path: str, init_kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    """Return a policy's arguments with text converted to the types of its class's signature.

    Args:
        class_path: class path of any policy.
        init_kwargs: arguments of the class.

    Raises:
        ConfigError: unknown class or misbehaving code, in one line.
    """
    if not contains_text(init_kwargs):
        return dict(init_kwargs)
    if runs_foreign_code(class_path, init_kwargs.get("trust") is True):
        return policy_checker_of_thread().cast_init_kwargs_to_signature(class_path, init_kwargs)
    from daf.policies import factory  # imports torch, so only for policies with arguments

    return factory.cast_init_kwargs_to_signature(class_path, init_kwargs)


def _stat_fingerprint(file_path: str | None) -> tuple[int, int, int] | None:
    """Return inode, time and size of a file, which change with every edit; None without a file."""
    if file_path is None:
        return None
    with contextlib.suppress(OSError):
        status = os.stat(file_path)
        return status.st_ino, status.st_mtime_ns, status.st_size
    return None
