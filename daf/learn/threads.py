"""CPU threads of one run, without effect on its results."""

import contextlib
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor

import torch


@contextlib.contextmanager
def thread_pool_with_serial_torch() -> Iterator[Executor | None]:
    """Yield a pool with torch's number of threads, each of which runs torch single-threaded.

    torch's intra-op threads split single operations: their number changes the order of sums, and
    they synchronize thousands of times per update. With 1 thread the context yields None.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        if threads == 1:
            yield None
        else:
            # OpenMP stores the number of threads per calling thread.
            with ThreadPoolExecutor(
                threads, initializer=torch.set_num_threads, initargs=(1,)
            ) as executor:
                yield executor
    finally:
        torch.set_num_threads(threads)
