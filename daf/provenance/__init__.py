"""Provenance: sidecars of output files, hashes of code and data, detection of stale outputs."""
