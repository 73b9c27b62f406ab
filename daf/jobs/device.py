"""Device of a job, with torch set up for it."""

import atexit
import contextlib
import gc
import os
from collections.abc import Iterator
from typing import Any

from daf.config import ExecutionConfig
from daf.jobs.environment_check import EnvironmentProblem
from daf.system.gpus import claim_gpus


@contextlib.contextmanager
def job_device(snakemake: Any, execution: ExecutionConfig) -> Iterator[str]:
    """The device of a job, with torch set up for it: "cuda" if it was given GPUs (`resources.gpu`)
    and there are some, which then are the only ones it sees; else "cpu", with as many threads as
    the job has. Import what looks at CUDA inside the block.

    Raises:
        EnvironmentProblem, NotEnoughGPUs: the configuration asks for a GPU that is not there.
    """
    # Of several machines each has its part, and this process is on one of them.
    gpus = int(snakemake.resources.get("gpu", 0)) // int(snakemake.resources.get("nodes", 1))
    with claim_gpus(gpus, execution.jobs_per_gpu) as names:
        if names:
            print(f"on GPU {', '.join(names)}")
        yield device_for(gpus > 0, snakemake.threads, execution)


def execution_config(snakemake: Any) -> ExecutionConfig:
    """How the job is to run."""
    return ExecutionConfig.model_validate(snakemake.config.get("execution", {}))


def device_for(gpu_given: bool, threads: int, execution: ExecutionConfig) -> str:
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
    torch.cuda.set_per_process_memory_fraction(execution.gpu_memory_per_job)
    return "cuda"


def deterministic_cuda() -> None:
    """Make this process give the same bytes on the same GPU every time; what torch knows no
    deterministic way for warns."""
    import torch

    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when cuBLAS is first used
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False
