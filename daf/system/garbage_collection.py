"""Garbage collection of processes that import large libraries."""

import gc

COLLECTION_THRESHOLDS = (50_000, 20, 100)
"""Allocations until a collection of the young objects; collections until one of older objects."""


def collect_garbage_rarely() -> None:
    """Let the cyclic garbage collector of this process run less often.

    An import creates many objects and frees almost none. With Python's thresholds, the collector
    takes a fifth of the time to import torch and the modules of a job.
    """
    gc.set_threshold(*COLLECTION_THRESHOLDS)
