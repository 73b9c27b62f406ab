"""Sweeps: which trials a search consists of, and which of them is best."""

from daf.sweep.trials import Trial, as_benchmark, trials_of

__all__ = ["Trial", "as_benchmark", "trials_of"]
