"""Hyperparameter sweeps: trials of each round, their ranking, and the best trial."""
