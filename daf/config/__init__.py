"""Configuration: one source of truth for keys, types, ranges and defaults."""

from daf.config.benchmark import (
    BenchmarkConfig,
    ComparisonConfig,
    EvaluationConfig,
    PolicyConfig,
)
from daf.config.errors import ConfigError, nearest, shown
from daf.config.files import check_plain, load_yaml
from daf.config.model import Model, Name, Number, Whole
from daf.config.training import TrainingConfig

__all__ = [
    "BenchmarkConfig",
    "ComparisonConfig",
    "ConfigError",
    "EvaluationConfig",
    "Model",
    "Name",
    "Number",
    "PolicyConfig",
    "TrainingConfig",
    "Whole",
    "check_plain",
    "load_yaml",
    "nearest",
    "shown",
]
