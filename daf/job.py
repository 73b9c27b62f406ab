"""What every script of the workflow does around its one call: log, device, provenance, errors."""

import contextlib
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from daf.config import ConfigError, ExecutionConfig
from daf.environment import EnvironmentProblem
from daf.record import recorded
from daf.results_lock import working
from daf.stopping import stoppable

FORESEEN = (ConfigError, EnvironmentProblem, OSError, ValueError)
"""Errors whose message says it all; the trace of any other goes to the log."""


@dataclass(frozen=True)
class Job:
    """A running job: `paths` are the places to write the named outputs to for now."""

    paths: dict[str, Path | list[Path]]
    parameters: Any
    device: str
    execution: ExecutionConfig


@contextlib.contextmanager
def job(snakemake: Any, device_needed: bool = False) -> Iterator[Job]:
    """Run a rule's script.

    Output goes to the terminal and to the rule's log. The outputs appear together with their
    sidecar (the output named `provenance`) when the block ends; if it fails, nothing is replaced,
    one line says why, and the process exits with 1.

    Args:
        snakemake: the object that Snakemake gives to scripts.
        device_needed: set up torch: CUDA if the job was given a GPU (`resources.gpu`) and there is
            one, else as many CPU threads as the job has.
    """
    named = dict(snakemake.output.items())
    sidecar = named.pop("provenance")
    with open(snakemake.log[0], "w", encoding="utf-8") as log:
        try:
            execution = _execution(snakemake)
            with _tee(log), stoppable(), working(execution.results_dir):
                device = _device(snakemake, execution) if device_needed else "cpu"
                with recorded(
                    rule=snakemake.rule,
                    inputs=[str(path) for path in snakemake.input],
                    outputs=[str(path) for path in snakemake.output if path != sidecar],
                    sidecar=sidecar,
                    parameters=dict(snakemake.params.items()),
                    device=device,
                    results=execution.results_dir,
                ) as temporary:
                    paths = {name: _temporary(f, temporary) for name, f in named.items()}
                    yield Job(paths, snakemake.params, device, execution)
        except KeyboardInterrupt as interrupt:
            more = f"; {interrupt}" if interrupt.args else ""
            line = f"{snakemake.rule}: interrupted, nothing was replaced{more}"
            print(line, file=sys.stderr, flush=True)
            with contextlib.suppress(OSError):
                print(line, file=log, flush=True)
            sys.exit(130)
        except Exception as error:
            reason = " ".join(f"{error}".split())
            if type(error).__name__ == "OutOfMemoryError":  # torch's, without importing torch here
                reason = (
                    f"the job needs more GPU memory than it may use ({_share(snakemake)}): {reason}"
                )
            elif not isinstance(error, FORESEEN):
                with contextlib.suppress(OSError):
                    traceback.print_exc(file=log)
                reason = f"{type(error).__name__}: {reason}"
            # Snakemake shows the logs of failed jobs; the line is not to stand there twice.
            with contextlib.suppress(OSError):  # the disk may be full
                print(f"failed: {reason}", file=log, flush=True)
            print(f"error in {snakemake.rule}: {reason}", file=sys.stderr, flush=True)
            sys.exit(1)


def _share(snakemake: Any) -> str:
    fraction = _execution(snakemake).gpu_memory_fraction
    return f"gpu_memory_fraction {fraction:g}; fewer worlds need less"


def _execution(snakemake: Any) -> ExecutionConfig:
    return ExecutionConfig.model_validate(snakemake.config.get("execution", {}))


def _temporary(output: Any, temporary: dict[str, Path]) -> Path | list[Path]:
    """Where a named output, one file or several, is written to for now."""
    return temporary[output] if isinstance(output, str) else [temporary[path] for path in output]


def _device(snakemake: Any, execution: ExecutionConfig) -> str:
    import torch

    torch.set_num_threads(snakemake.threads)
    given = int(snakemake.resources.get("gpu", 0)) > 0 and torch.cuda.is_available()
    if execution.device == "cuda" and not given:
        raise EnvironmentProblem("key 'execution.device': got \"cuda\", but there is no GPU here")
    if not given:
        return "cpu"
    torch.cuda.set_per_process_memory_fraction(execution.gpu_memory_fraction)
    return "cuda"


@contextlib.contextmanager
def _tee(log: TextIO) -> Iterator[None]:
    terminal = sys.stdout, sys.stderr
    with (
        contextlib.redirect_stdout(_Both(terminal[0], log)),
        contextlib.redirect_stderr(_Both(terminal[1], log)),
    ):
        yield


class _Both:
    """A text stream that writes to two."""

    def __init__(self, *streams: TextIO):
        self.streams = streams

    def write(self, text: str) -> int:
        for stream in self.streams:
            stream.write(text)
            stream.flush()
        return len(text)

    def flush(self) -> None:
        for stream in self.streams:
            stream.flush()
