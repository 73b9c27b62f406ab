"""Sweeps: which trials a search consists of, round after round, and which of them is best."""
