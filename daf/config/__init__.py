"""Configuration: one source of truth for keys, types, ranges and defaults."""

from daf.config.model import ConfigError, Model, Number, load_yaml, nearest

__all__ = ["ConfigError", "Model", "Number", "load_yaml", "nearest"]
