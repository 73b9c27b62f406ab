"""Several cores for one training, without a trace in its results."""

import contextlib
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor

import torch


@contextlib.contextmanager
def single_threaded_executor() -> Iterator[Executor | None]:
    """As many threads as torch was told to use, each of which calls torch for itself alone.

    torch's own threads share the work of every single call: their number changes the order of sums,
    and they wait for each other thousands of times in an update.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        if threads == 1:
            yield None
        else:
            # OpenMP keeps the number for each thread that calls it.
            with ThreadPoolExecutor(
                threads, initializer=torch.set_num_threads, initargs=(1,)
            ) as executor:
                yield executor
    finally:
        torch.set_num_threads(threads)
