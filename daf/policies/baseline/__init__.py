"""Baseline: scripted policy for every mission."""

from daf.policies.baseline.policy import Baseline

__all__ = ["Baseline"]
