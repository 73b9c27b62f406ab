"""One of the processes of a training, as torchrun starts it: `python -m daf.learn.worker FILE`."""

import os
import signal
import socket
import sys
import threading
import time
import traceback
from pathlib import Path

import psutil

from daf.jobs.device import deterministic_cuda
from daf.jobs.log import EXPECTED_ERRORS, LOG_FAILURE
from daf.system.streams import tolerate_encodings

SECONDS_BETWEEN, SECONDS_TO_END = 0.2, 30.0


def main(file: str) -> int:
    """Take part in a training.

    Args:
        file: with a `TrainingJob`; the rest stands in the environment that torchrun sets.

    Returns:
        the exit status: 0, 1 if it failed, 130 if it was asked to stop.
    """
    rank, local = int(os.environ["RANK"]), int(os.environ["LOCAL_RANK"])
    tolerate_encodings()
    _exit_with_launcher()
    _select_gpu(local)
    import torch
    import torch.distributed as dist

    from daf.learn.job import TrainingJob
    from daf.learn.ranks import Ranks

    task = TrainingJob.model_validate_json(Path(file).read_text(encoding="utf-8"))
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    if task.device == "cuda":
        deterministic_cuda()
        torch.cuda.set_per_process_memory_fraction(task.execution.gpu_memory_per_job)
    dist.init_process_group("cpu:gloo,cuda:nccl" if task.device == "cuda" else "gloo")
    try:
        task.execute(Ranks(rank, dist.get_world_size()))
    except KeyboardInterrupt as interrupt:
        print(f"rank {rank}: {interrupt}", flush=True)
        return 130
    except EXPECTED_ERRORS as error:
        print(f"{LOG_FAILURE}{' '.join(str(error).split())}", flush=True)
        return 1
    except Exception:  # such as: another rank is gone
        traceback.print_exc()
        return 1
    dist.destroy_process_group()
    return 0


def _select_gpu(local: int) -> None:
    """Give this process a GPU of its own, of those that the job was given; before torch looks."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    os.environ["CUDA_VISIBLE_DEVICES"] = given.split(",")[local] if given else str(local)


def _exit_with_launcher() -> None:
    """End this process if torchrun, or on the same machine the job that started it, is gone: nobody
    would wait for what it makes."""
    host, launcher = os.environ["DAF_LAUNCHER"].split()
    watched = [psutil.Process().parent()]
    if host == socket.gethostname():
        watched.append(psutil.Process(int(launcher)))
    threading.Thread(target=_watch, args=(watched,), daemon=True).start()


def _watch(watched: list[psutil.Process]) -> None:
    while all(map(_alive, watched)):
        time.sleep(SECONDS_BETWEEN)
    os.kill(os.getpid(), signal.SIGTERM)  # it saves its state after the update
    time.sleep(SECONDS_TO_END)
    os._exit(1)  # the others may be gone, and it waits for them


def _alive(process: psutil.Process) -> bool:
    # A torchrun that was killed is a zombie as long as the job reads what the ranks print.
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


if __name__ == "__main__":
    status = main(sys.argv[1])
    sys.stdout.flush()
    os._exit(status)  # threads of gloo may still wait for ranks that are gone
