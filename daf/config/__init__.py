"""Configuration: one source of truth for keys, types, ranges and defaults."""

from daf.config.benchmark import (
    BenchmarkConfig,
    ComparisonConfig,
    EvaluationConfig,
    PolicyConfig,
)
from daf.config.model import ConfigError, Model, Number, load_yaml, nearest
from daf.config.training import TrainingConfig

__all__ = [
    "BenchmarkConfig",
    "ComparisonConfig",
    "ConfigError",
    "EvaluationConfig",
    "Model",
    "Number",
    "PolicyConfig",
    "TrainingConfig",
    "load_yaml",
    "nearest",
]
