"""Checks of policies that are not DAF's own, in processes that may crash, hang or leave a mess.

A process without GPUs imports torch once and forks a process for each policy. Whatever the policy's
code does there, the plan learns of it as one line.
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
from daf.config.conversion import has_text
from daf.missions import Mission
from daf.policies.registry import PolicyMisbehaves, PolicySpec, is_foreign
from daf.system.processes import ending, kill_tree

SERVE = "from daf.plan.policy_checker_process import serve; serve()"
SECONDS = 60.0
"""Time limit of the code of a policy for one answer."""
SECONDS_TO_BEGIN = 600.0
"""Time limit for importing torch, which can be slow from a network disk."""
LENGTH_BYTES = 8


@dataclass(frozen=True)
class Facts:
    """What the plan has to know of a foreign class.

    Attributes:
        network: whether it is a `TrainablePolicy`.
        accepted: names of its further arguments; None if it takes any.
        file: that it is defined in, if it is in one.
        digest: hash of its code if that is in no file.
    """

    network: bool
    accepted: list[str] | None
    file: str | None
    digest: str | None


class Checker:
    """The process that checks foreign policies, begun when it is first asked."""

    def __init__(self) -> None:
        self._process: subprocess.Popen | None = None
        self._class_path: str | None = None
        self._unread = b""
        self._facts: dict[tuple[str, str], tuple[Facts, Any]] = {}

    def facts(self, class_path: str) -> Facts:
        """
        Raises:
            ConfigError: no such class, or its code misbehaves; one line.
        """
        key = class_path, os.getcwd()
        facts, edition = self._facts.get(key, (None, None))
        if facts is None or _edition(facts.file) != edition:
            self._finish()  # what has been imported may have been edited
            facts = Facts(**self._ask(class_path, {"facts": class_path}))
            self._facts[key] = facts, _edition(facts.file)
        return facts

    def build(self, spec: PolicySpec, missions: Sequence[Mission]) -> None:
        """Build a policy for missions, and load its weights.

        Raises:
            ConfigError: it cannot be, or its code misbehaves; one line.
        """
        self._ask(spec.class_path, {"build": spec, "missions": list(missions)})

    def convert(self, class_path: str, init_kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments with their text converted to the types that the class names.

        Raises:
            ConfigError: no such class, or its code misbehaves; one line.
        """
        return self._ask(class_path, {"facts": class_path, "convert": dict(init_kwargs)})

    def _ask(self, class_path: str, request: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = {}
        try:
            if self._class_path != class_path:
                self._finish()
            self._begin()
            self._class_path = class_path
            there = {"path": sys.path, "folder": os.getcwd(), "environment": dict(os.environ)}
            self._send(there | request)
            answer = self._receive(SECONDS)
        except TimeoutError:
            raise ConfigError(
                f"policy '{class_path}': its code takes longer than {SECONDS:g} s to be imported "
                "and built"
            ) from None
        except (BrokenPipeError, EOFError):
            raise PolicyMisbehaves(
                f"policy '{class_path}': the process that checks it died"
            ) from None
        finally:
            if not answer:
                self._end()
        if "ended" in answer:
            self._class_path = None
            raise PolicyMisbehaves(
                f"policy '{class_path}': its code ends the process in which it is imported and "
                f"built ({ending(answer['ended'])})"
            )
        if "error" in answer:
            raise (PolicyMisbehaves if answer["misbehaves"] else ConfigError)(answer["error"])
        return answer["found"]

    def _finish(self) -> None:
        """End the process of the policy that was checked last."""
        if self._class_path is None:
            return
        try:
            self._send(None)
            self._receive(SECONDS)
            self._class_path = None
        except (TimeoutError, BrokenPipeError, EOFError):
            self._end()

    def _begin(self) -> None:
        if self._process is not None and self._process.poll() is None:
            return
        self._end()
        # Not `-m`: what lies in the working directory is not to be imported.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", SERVE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
            start_new_session=True,
        )
        self._send({"path": sys.path, "parent": os.getpid()})
        self._receive(SECONDS_TO_BEGIN)

    def _send(self, request: dict[str, Any] | None) -> None:
        content = pickle.dumps(request)
        self._process.stdin.write(len(content).to_bytes(LENGTH_BYTES, "little") + content)
        self._process.stdin.flush()

    def _receive(self, seconds: float) -> dict[str, Any]:
        """The next answer, a line of JSON.

        Raises:
            TimeoutError, EOFError: there is none.
        """
        deadline = time.monotonic() + seconds
        while b"\n" not in self._unread:
            left = max(deadline - time.monotonic(), 0)
            if not select.select([self._process.stdout], [], [], left)[0]:
                raise TimeoutError
            part = os.read(self._process.stdout.fileno(), 2**16)
            if not part:
                raise EOFError
            self._unread += part
        line, _, self._unread = self._unread.partition(b"\n")
        return json.loads(line)

    def _end(self) -> None:
        if self._process is not None:
            kill_tree(self._process.pid)
            with contextlib.suppress(BrokenPipeError):
                self._process.communicate()
        self._process, self._class_path, self._unread = None, None, b""


_of_thread = threading.local()


def checker() -> Checker:
    """The checker of this thread; it ends with the thread."""
    if not hasattr(_of_thread, "checker"):
        _of_thread.checker = Checker()
    return _of_thread.checker


def convert_init_kwargs(class_path: str, init_kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments of any policy with their text converted to the types that its class names.

    Raises:
        ConfigError: no such class, or its code misbehaves; one line.
    """
    if not has_text(init_kwargs):
        return dict(init_kwargs)
    if is_foreign(class_path, init_kwargs):
        return checker().convert(class_path, init_kwargs)
    from daf.policies import factory  # torch, only for policies with arguments

    return factory.convert_init_kwargs(class_path, init_kwargs)


def _edition(file: str | None) -> Any:
    """What changes when a file is edited."""
    with contextlib.suppress(OSError, TypeError):
        found = os.stat(file)
        return found.st_ino, found.st_mtime_ns, found.st_size
    return None
