"""Playing an unpacked bundle in a fresh process, which has nothing of the DAF that asks."""

import contextlib
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
from daf.deploy.archive import unpack
from daf.files.tensors import tensors_of
from daf.system.limited_process import Confined, Limits
from daf.system.temporary_folder import scratch_folder

MAX_RESPONSE_BYTES, MAX_ERROR_BYTES = 2**28, 100_000
"""Bytes; what a bundle's code answers may be anything."""

SECONDS_TO_END = 10.0

LIMITS = Limits(memory_mb=4000, processes=16)
"""Of a bundle's code; the widest networks of DAF take half of it."""


class BundleProcess:
    """The policy of a bundle, unpacked and played elsewhere; a context, at whose end it is gone.

    Its code runs with the rights of whoever asks: look first whose it is.

    Args:
        members: of the bundle.
        minutes: that one answer may take.
    """

    def __init__(self, members: Mapping[str, bytes], minutes: float):
        self.members, self.minutes = members, minutes

    def __enter__(self) -> "BundleProcess":
        with contextlib.ExitStack() as opened:
            place = opened.enter_context(scratch_folder("daf-bundle-"))
            unpack(self.members, place / "bundle")
            self._errors = opened.enter_context(open(place / "errors.txt", "wb+"))
            self._confined = opened.enter_context(
                Confined(
                    isolated_command(isolated_server, str(place / "bundle")),
                    LIMITS,
                    cwd=place,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=self._errors,
                )
            )
            self._process = self._confined.process
            self._opened = opened.pop_all()
        return self

    def __exit__(self, *_) -> None:
        self._opened.close()

    def act(
        self, observations: torch.Tensor, seeds: torch.Tensor | None = None
    ) -> dict[str, torch.Tensor]:
        """What the policy does.

        Args:
            observations: uint8 [N, T, 3].
            seeds: int64 [N] where an episode begins.

        Returns:
            actions int64 [N]; logits [N, K] and values [N] where its network was asked.

        Raises:
            ConfigError: it fails, takes too long, or answers with something else; one line.
        """
        asked = {"observations": observations.contiguous()}
        if seeds is not None:
            asked["seeds"] = seeds
        content = safetensors.torch.save(asked)
        try:
            self._process.stdin.write(len(content).to_bytes(isolated_server.LENGTH_BYTES, "little"))
            self._process.stdin.write(content)
            self._process.stdin.flush()
        except BrokenPipeError:
            raise ConfigError(self._last_words()) from None
        deadline = time.monotonic() + 60 * self.minutes
        length = int.from_bytes(self._read(isolated_server.LENGTH_BYTES, deadline), "little")
        if length > MAX_RESPONSE_BYTES:
            raise ConfigError("its code gave no proper answer")
        try:
            answer = tensors_of(self._read(length, deadline))
        except ValueError:
            raise ConfigError("its code gave no proper answer") from None
        actions = answer.get("actions")
        if actions is None or actions.shape != (len(observations),) or actions.dtype != torch.int64:
            raise ConfigError("its code gave no proper answer")
        return answer

    def _read(self, length: int, deadline: float) -> bytes:
        found, file = bytearray(), self._process.stdout.fileno()
        while len(found) < length:
            left = max(deadline - time.monotonic(), 0)
            if not select.select([file], [], [], left)[0]:
                raise ConfigError(f"its code takes longer than {self.minutes:g} minutes")
            part = os.read(file, min(length - len(found), 2**20))
            if not part:
                raise ConfigError(self._last_words())
            found += part
        return bytes(found)

    def _last_words(self) -> str:
        if self._confined.exceeded:
            return f"its code failed ({self._confined.exceeded})"
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(SECONDS_TO_END)
        self._confined.end()
        self._errors.seek(0)
        return last_error_line(self._errors.read(MAX_ERROR_BYTES))


def isolated_command(script: ModuleType, *arguments: str) -> list[str]:
    """The command that runs a file of DAF as a script, with nothing of the surroundings: no
    PYTHONPATH, no working directory."""
    return [sys.executable, "-E", "-P", "-B", script.__file__, *arguments]


def last_error_line(errors: bytes) -> str:
    """Why a bundle's code ended, from what it wrote to stderr."""
    lines = errors.decode(errors="replace").strip().splitlines()
    return f"its code failed ({lines[-1][:300] if lines else 'without a word'})"
