"""Process that runs the policy of an unpacked bundle, isolated from this DAF's modules."""

import contextlib
import inspect
import os
import select
import subprocess
import sys
import time
from collections.abc import Mapping
from types import ModuleType

import safetensors.torch
import torch

from daf.config import ConfigError
from daf.deploy import isolated_server
from daf.deploy.archive import unpack_members
from daf.files.tensors import parse_tensors
from daf.system.limited_process import LimitedProcess, ProcessLimits
from daf.system.temporary_folder import scratch_folder

MAX_RESPONSE_BYTES, MAX_ERROR_BYTES = 2**28, 100_000
"""Maximum sizes of a response and the read error output; the code may write anything."""

EXIT_SECONDS = 10.0

LIMITS = ProcessLimits(memory_mb=4000, processes=16)
"""ProcessLimits of a bundle's code; the widest networks of DAF use half of the memory."""


class BundleProcess:
    """Client of a process that runs the policy of a bundle; a context manager.

    The code of the bundle runs with the rights of this user, so it must be trusted.

    Args:
        members: members of the bundle.
        minutes: time limit of one response, in minutes.
    """

    def __init__(self, members: Mapping[str, bytes], minutes: float):
        self.members, self.minutes = members, minutes

    def __enter__(self) -> "BundleProcess":
        with contextlib.ExitStack() as stack:
            folder = stack.enter_context(scratch_folder("daf-bundle-"))
            unpack_members(self.members, folder / "bundle")
            self._errors = stack.enter_context(open(folder / "errors.txt", "wb+"))
            self._limited_process = stack.enter_context(
                LimitedProcess(
                    build_isolated_command(isolated_server, str(folder / "bundle")),
                    LIMITS,
                    cwd=folder,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=self._errors,
                )
            )
            self._process = self._limited_process.process
            assert self._process.stdin is not None and self._process.stdout is not None
            self._stdin, self._stdout = self._process.stdin, self._process.stdout
            self._exit_stack = stack.pop_all()
        return self

    def __exit__(self, *_) -> None:
        self._exit_stack.close()

    def act(
        self, observations: torch.Tensor, seeds: torch.Tensor | None = None
    ) -> dict[str, torch.Tensor]:
        """Compute one step of the policy.

        Args:
            observations: uint8 [N, T, 3].
            seeds: int64 [N], seeds of the policy at the start of an episode; None within one.

        Returns:
            actions int64 [N]; logits [N, K] and values [N] if the policy called its network.

        Raises:
            ConfigError: the code fails, exceeds a limit, or gives an invalid response; one line.
        """
        request = {"observations": observations.contiguous()}
        if seeds is not None:
            request["seeds"] = seeds
        content = safetensors.torch.save(request)
        try:
            self._stdin.write(len(content).to_bytes(isolated_server.LENGTH_BYTES, "little"))
            self._stdin.write(content)
            self._stdin.flush()
        except BrokenPipeError:
            raise ConfigError(self._stop_and_get_failure_reason()) from None
        deadline = time.monotonic() + 60 * self.minutes
        length = int.from_bytes(self._read_bytes(isolated_server.LENGTH_BYTES, deadline), "little")
        if length > MAX_RESPONSE_BYTES:
            raise ConfigError("its code gave an invalid response")
        try:
            response = parse_tensors(self._read_bytes(length, deadline))
        except ValueError:
            raise ConfigError("its code gave an invalid response") from None
        actions = response.get("actions")
        if actions is None or actions.shape != (len(observations),) or actions.dtype != torch.int64:
            raise ConfigError("its code gave an invalid response")
        return response

    def _read_bytes(self, num_bytes: int, deadline: float) -> bytes:
        """Read a number of bytes from the process.

        Args:
            num_bytes: number of bytes.
            deadline: latest time of `time.monotonic`, in seconds.
        """
        content, file = bytearray(), self._stdout.fileno()
        while len(content) < num_bytes:
            remaining = max(deadline - time.monotonic(), 0)
            if not select.select([file], [], [], remaining)[0]:
                raise ConfigError(f"its code takes longer than {self.minutes:g} minutes")
            part = os.read(file, min(num_bytes - len(content), 2**20))
            if not part:
                raise ConfigError(self._stop_and_get_failure_reason())
            content += part
        return bytes(content)

    def _stop_and_get_failure_reason(self) -> str:
        if self._limited_process.violation:
            return f"its code failed ({self._limited_process.violation})"
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(EXIT_SECONDS)
        self._limited_process.kill()
        self._errors.seek(0)
        return describe_code_failure(self._errors.read(MAX_ERROR_BYTES))


def build_isolated_command(script_module: ModuleType, *arguments: str) -> list[str]:
    """Return the command that runs a module's file without PYTHONPATH and working directory."""
    return [sys.executable, "-E", "-P", "-B", inspect.getfile(script_module), *arguments]


def describe_code_failure(stderr: bytes) -> str:
    """Return the failure of a bundle's code in words, with the last line of its error output."""
    lines = stderr.decode(errors="replace").strip().splitlines()
    return f"its code failed ({lines[-1][:300] if lines else 'no error message'})"
