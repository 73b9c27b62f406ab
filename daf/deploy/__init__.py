"""Deployment: a trained policy as one file that can be handed on."""

from daf.deploy.pack import pack

__all__ = ["pack"]
