"""Bundles: one zip with a policy, its code, its scores and golden outputs."""
