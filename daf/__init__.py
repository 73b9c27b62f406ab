"""Distributed Agent Framework: reproducible pipelines for multi-agent reinforcement learning."""
