"""Configuration: one source of truth for keys, types, ranges and defaults."""

from daf.config.audit import AuditConfig
from daf.config.benchmark import (
    BenchmarkConfig,
    ComparisonConfig,
    EvaluationConfig,
    MissingConfig,
    PolicyConfig,
    TeamsConfig,
)
from daf.config.execution import DAFConfig, ExecutionConfig
from daf.config.model import Model, Name, Number, Whole
from daf.config.plain_data import check_plain, load_json, load_yaml
from daf.config.search_space import Parameter
from daf.config.sweep import ConfirmationConfig, DAFSweepConfig
from daf.config.training import TrainingConfig
from daf.errors import ConfigError, nearest, shown

__all__ = [
    "AuditConfig",
    "BenchmarkConfig",
    "ComparisonConfig",
    "ConfigError",
    "ConfirmationConfig",
    "DAFConfig",
    "DAFSweepConfig",
    "EvaluationConfig",
    "ExecutionConfig",
    "MissingConfig",
    "Model",
    "Name",
    "Number",
    "Parameter",
    "PolicyConfig",
    "TeamsConfig",
    "TrainingConfig",
    "Whole",
    "check_plain",
    "load_json",
    "load_yaml",
    "nearest",
    "shown",
]
