"""Device of a job, and the settings of torch for it."""

import atexit
import contextlib
import gc
import os
from collections.abc import Iterator
from typing import Any, Literal

from daf.config import ExecutionConfig
from daf.jobs.gpu_assignment import claim_gpus
from daf.system.limits import MachineCheckError

DeviceKind = Literal["cpu", "cuda"]


@contextlib.contextmanager
def claim_job_device(snakemake: Any, execution: ExecutionConfig) -> Iterator[DeviceKind]:
    """Claim the GPUs of a job and set up torch for its device.

    Code that initializes CUDA must be imported inside the block, since the block restricts the
    visible GPUs.

    Yields:
        "cuda" if the job has GPUs (`resources.gpu`) and the machine has some. Else "cpu", with as
        many threads as the job has.

    Raises:
        MachineCheckError: the configuration requires a GPU, and none is available.
        NotEnoughGPUsError: the machine has fewer GPUs than the job needs.
    """
    # A job on several nodes runs one process per node, with an equal share of the GPUs.
    num_gpus = int(snakemake.resources.get("gpu", 0)) // int(snakemake.resources.get("nodes", 1))
    with claim_gpus(num_gpus, execution.jobs_per_gpu) as names:
        if names:
            print(f"on GPU {', '.join(names)}")
        yield set_up_torch_device(num_gpus > 0, snakemake.threads, execution)


def job_execution_config(snakemake: Any) -> ExecutionConfig:
    """Return the section `execution` of a job's configuration."""
    return ExecutionConfig.model_validate(snakemake.config.get("execution", {}))


def set_up_torch_device(wants_gpu: bool, threads: int, execution: ExecutionConfig) -> DeviceKind:
    """Import torch, apply its settings and return the device: "cuda" or "cpu".

    Args:
        wants_gpu: True if the job requests a GPU.
        threads: CPU threads of torch.
        execution: section of the configuration; `gpu_memory_fraction_per_job` limits the memory on
            a GPU.
    """
    # Imported modules stay alive. Garbage collection of them, now and at exit, takes a second.
    gc.disable()
    import torch

    gc.freeze()
    gc.enable()
    atexit.register(gc.freeze)
    torch.set_num_threads(threads)
    has_gpu = wants_gpu and torch.cuda.is_available()
    if execution.device == "cuda" and not has_gpu:
        raise MachineCheckError("key 'execution.device': got \"cuda\", but no GPU is available")
    if not has_gpu:
        return "cpu"
    use_deterministic_cuda()
    torch.cuda.set_per_process_memory_fraction(execution.gpu_memory_fraction_per_job)
    return "cuda"


def use_deterministic_cuda() -> None:
    """Select deterministic CUDA algorithms in this process; operations without one warn."""
    import torch

    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when cuBLAS is first used
    torch.use_deterministic_algorithms(True, warn_only=True)
    # A missing stub of torch: the module sets this attribute by its class.
    torch.utils.deterministic.fill_uninitialized_memory = False  # pyright: ignore[reportAttributeAccessIssue]
