"""What every script of the workflow does around its one call: log, device, record, errors."""

import atexit
import contextlib
import gc
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TextIO

from daf.config import ConfigError, ExecutionConfig
from daf.config.errors import of_file
from daf.environment import EnvironmentProblem
from daf.files import open_in_place
from daf.gpus import NotEnoughGPUs, taken
from daf.origin import Origin
from daf.record import recorded
from daf.results_lock import working
from daf.staleness import split_request
from daf.stopping import stoppable
from daf.streams import tolerate_encodings

FORESEEN = (ConfigError, EnvironmentProblem, NotEnoughGPUs, OSError, ValueError)
"""Errors whose message says it all; the trace of any other goes to the log."""

BEGIN = "begin: "
"""What the first line of a log begins with; the time follows."""

CAUSE = "failed: "
"""What the last line of the log of a failed job begins with; why follows."""


class PartsFailed(ValueError):
    """Parts of a job failed, each of which has said so."""


@dataclass(frozen=True)
class Job:
    """A running job.

    Attributes:
        inputs: the files given, by the rule's name for them.
        paths: where to write the outputs to for now, by the rule's name for them.
        parameters: the rule's params as attributes.
    """

    inputs: dict[str, list[str]]
    paths: dict[str, Path]
    parameters: SimpleNamespace
    device: str
    execution: ExecutionConfig


@contextlib.contextmanager
def job(
    snakemake: Any, device_needed: bool = False, device: str = "cpu", place: Path | None = None
) -> Iterator[Job]:
    """Run a rule's script.

    Output goes to the terminal and to the rule's log. The outputs appear together with their
    record (the output named `provenance`) when the block ends; if it fails, nothing is replaced,
    one line says why, and the process exits with 1.

    Args:
        snakemake: the object that Snakemake gives to scripts, or one like it.
        device_needed: find the job's device, see `device_of`.
        device: else the one it has, found before.
        place: see `daf.record.recorded`.
    """
    begin = datetime.now(UTC)
    asked = (snakemake.rule, snakemake.input, snakemake.output, snakemake.params)
    [request] = split_request(*asked)
    with logged(snakemake, begin):
        execution = execution_of(snakemake)
        found = device_of(snakemake, execution) if device_needed else nullcontext(device)
        with working(execution.results_dir), found as device:
            outputs = recorded(
                rule=request.rule,
                inputs=request.inputs,
                outputs=request.outputs,
                sidecar=request.sidecar,
                log=snakemake.log[0],
                parameters=request.parameters,
                execution=execution,
                device=device,
                threads=snakemake.threads,
                origin=Origin.here(device),
                begin=begin,
                place=place,
            )
            parameters = SimpleNamespace(**request.parameters)
            with outputs as paths:
                yield Job(request.inputs, paths, parameters, device, execution)


@contextlib.contextmanager
def device_of(snakemake: Any, execution: ExecutionConfig) -> Iterator[str]:
    """The device of a job, with torch set up for it: "cuda" if it was given GPUs (`resources.gpu`)
    and there are some, which then are the only ones it sees; else "cpu", with as many threads as
    the job has. Import what looks at CUDA inside the block.

    Raises:
        EnvironmentProblem, NotEnoughGPUs: the configuration asks for a GPU that is not there.
    """
    # Of several machines each has its part, and this process is on one of them.
    gpus = int(snakemake.resources.get("gpu", 0)) // int(snakemake.resources.get("nodes", 1))
    with taken(gpus, execution.gpu_slots) as names:
        if names:
            print(f"on GPU {', '.join(names)}")
        yield _device(gpus > 0, snakemake.threads, execution)


@contextlib.contextmanager
def logged(snakemake: Any, begin: datetime) -> Iterator[None]:
    """Inside, output goes to the terminal and to the rule's log; an error becomes one line, and the
    exit status 1, an interrupt 130."""
    tolerate_encodings()
    with _opened(snakemake) as log:
        try:
            print(f"{BEGIN}{begin.isoformat()}", file=log, flush=True)
            with _tee(log), stoppable():
                yield
        except KeyboardInterrupt as interrupt:
            more = f"; {interrupt}" if interrupt.args else ""
            line = f"{snakemake.rule}: interrupted, nothing was replaced{more}"
            print(line, file=sys.stderr, flush=True)
            with contextlib.suppress(OSError):
                print(line, file=log, flush=True)
            sys.exit(130)
        except Exception as error:
            reason = _reason(error, snakemake)
            if not isinstance(error, FORESEEN) and not _out_of_memory(error):
                with contextlib.suppress(OSError):
                    traceback.print_exc(file=log)
            # Snakemake shows the logs of failed jobs; the line is not to stand there twice.
            with contextlib.suppress(OSError):  # the disk may be full
                print(f"{CAUSE}{reason}", file=log, flush=True)
            if not isinstance(error, PartsFailed):
                print(f"error in {snakemake.rule}: {reason}", file=_terminal(), flush=True)
            sys.exit(1)


def _opened(snakemake: Any) -> TextIO:
    """The rule's log, to be written; if it cannot be, nothing is done."""
    try:
        descriptor = open_in_place(snakemake.log[0])
        os.ftruncate(descriptor, 0)
    except OSError as error:
        print(f"error in {snakemake.rule}: {of_file(error)}", file=sys.stderr, flush=True)
        sys.exit(1)
    return open(descriptor, "w", encoding="utf-8", errors="backslashreplace")


def _reason(error: Exception, snakemake: Any) -> str:
    """What went wrong, one line."""
    reason = " ".join(f"{error}".split())
    if _out_of_memory(error):
        execution = execution_of(snakemake)
        return (
            "the job needs more GPU memory than it may use "
            f"(gpu_memory_fraction {execution.gpu_memory_fraction:g}, gpu_slots "
            f"{execution.gpu_slots}; fewer worlds need less): {reason}"
        )
    return reason if isinstance(error, FORESEEN) else f"{type(error).__name__}: {reason}"


def reason_of(log: str | Path) -> str:
    """Why the job with a log failed; nothing if it did not, or could not say it."""
    lines = Path(log).read_text(encoding="utf-8", errors="replace").splitlines()
    return lines[-1].removeprefix(CAUSE) if lines and lines[-1].startswith(CAUSE) else ""


def _out_of_memory(error: Exception) -> bool:
    return type(error).__name__ == "OutOfMemoryError"  # torch's, without importing torch here


def execution_of(snakemake: Any) -> ExecutionConfig:
    """How the job is to run."""
    return ExecutionConfig.model_validate(snakemake.config.get("execution", {}))


def _device(gpu_given: bool, threads: int, execution: ExecutionConfig) -> str:
    # What is imported stays. To search it for garbage, now, later and at the end, takes a second.
    gc.disable()
    import torch

    gc.freeze()
    gc.enable()
    atexit.register(gc.freeze)
    torch.set_num_threads(threads)
    given = gpu_given and torch.cuda.is_available()
    if execution.device == "cuda" and not given:
        raise EnvironmentProblem("key 'execution.device': got \"cuda\", but there is no GPU here")
    if not given:
        return "cpu"
    deterministic_cuda()
    torch.cuda.set_per_process_memory_fraction(execution.gpu_memory_share)
    return "cuda"


def deterministic_cuda() -> None:
    """Make this process give the same bytes on the same GPU every time; what torch knows no
    deterministic way for warns."""
    import torch

    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when cuBLAS is first used
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False


@contextlib.contextmanager
def _tee(log: TextIO) -> Iterator[None]:
    terminal = sys.stdout, sys.stderr
    with (
        contextlib.redirect_stdout(_Both(terminal[0], log)),
        contextlib.redirect_stderr(_Both(terminal[1], log)),
    ):
        yield


def _terminal() -> Any:
    """Where errors are told, past the logs that listen."""
    stream = sys.stderr
    while isinstance(stream, _Both):
        stream = stream.streams[0]
    return stream


class _Both:
    """A text stream that writes to a log, and to a terminal or another such stream."""

    def __init__(self, terminal: TextIO | None, log: TextIO):
        self.streams = terminal, log

    def write(self, text: str) -> int:
        terminal, log = self.streams
        if terminal is not None:
            with contextlib.suppress(OSError):  # nobody may listen any more; the log has it all
                terminal.write(text)
                terminal.flush()
        log.write(text)
        log.flush()
        return len(text)

    def flush(self) -> None:
        self.write("")
