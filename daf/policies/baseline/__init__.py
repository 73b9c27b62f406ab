"""Baseline: the scripted policy that plays every mission."""

from daf.policies.baseline.policy import Baseline

__all__ = ["Baseline"]
