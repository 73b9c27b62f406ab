"""Bundles: a trained policy as one file that can be handed on, and that proves itself."""
