"""One rank of a distributed run, started by torchrun: `python -m daf.learn.worker FILE`."""

import os
import signal
import socket
import sys
import threading
import time
import traceback
from pathlib import Path

import psutil

from daf.jobs.device import use_deterministic_cuda
from daf.jobs.log import EXPECTED_ERRORS, LOG_FAILURE
from daf.system.gpus import VISIBLE_DEVICES, visible_gpus
from daf.system.streams import escape_unencodable_output

POLL_SECONDS, SECONDS_TO_END = 0.2, 30.0
"""Time between two checks of the launcher; time limit for saving after its end."""


def train_as_rank(job_file: str) -> int:
    """Train as one rank of a run; torchrun sets the environment.

    Args:
        job_file: JSON file with a `TrainingJob`.

    Returns:
        exit status: 0, 1 after an error, 130 after a stop request.
    """
    rank, local_rank = int(os.environ["RANK"]), int(os.environ["LOCAL_RANK"])
    escape_unencodable_output()
    _start_launcher_watch()
    _select_gpu(local_rank)
    import torch
    import torch.distributed as dist

    from daf.learn.job import TrainingJob
    from daf.learn.ranks import Ranks

    job = TrainingJob.model_validate_json(Path(job_file).read_text(encoding="utf-8"))
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    if job.device == "cuda":
        use_deterministic_cuda()
        torch.cuda.set_per_process_memory_fraction(job.execution.gpu_memory_fraction_per_job)
    dist.init_process_group("cpu:gloo,cuda:nccl" if job.device == "cuda" else "gloo")
    try:
        job.execute(Ranks(rank, dist.get_world_size()))
    except KeyboardInterrupt as interrupt:
        print(f"rank {rank}: {interrupt}", flush=True)
        return 130
    except EXPECTED_ERRORS as error:
        print(f"{LOG_FAILURE}{' '.join(str(error).split())}", flush=True)
        return 1
    except Exception:  # for example the loss of another rank
        traceback.print_exc()
        return 1
    dist.destroy_process_group()
    return 0


def _select_gpu(local_rank: int) -> None:
    """Select one of the job's GPUs for this process, before the import of torch."""
    devices = visible_gpus()
    if local_rank < len(devices):  # a run on CPUs has more ranks than GPUs
        os.environ[VISIBLE_DEVICES] = devices[local_rank]


def _start_launcher_watch() -> None:
    """Start a thread that ends this process after torchrun or, on one machine, after the job."""
    host, launcher = os.environ["DAF_LAUNCHER"].split()
    watched = [psutil.Process().parent()]
    if host == socket.gethostname():
        watched.append(psutil.Process(int(launcher)))
    threading.Thread(target=_terminate_self_when_any_ends, args=(watched,), daemon=True).start()


def _terminate_self_when_any_ends(processes: list[psutil.Process]) -> None:
    while all(map(_is_alive, processes)):
        time.sleep(POLL_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)  # saves the state after the update
    time.sleep(SECONDS_TO_END)
    os._exit(1)  # the process may wait for ranks that are gone


def _is_alive(process: psutil.Process) -> bool:
    # A killed torchrun is a zombie while the job reads the output of the ranks.
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


if __name__ == "__main__":
    status = train_as_rank(sys.argv[1])
    sys.stdout.flush()
    os._exit(status)  # threads of gloo may wait for ranks that are gone
