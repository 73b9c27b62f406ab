"""Configuration: one source of truth for keys, types, ranges and defaults."""

from daf.config.audit import AuditConfig
from daf.config.benchmark import (
    BenchmarkConfig,
    ComparisonConfig,
    EvaluationConfig,
    EvaluationMission,
    MissingConfig,
    PolicyConfig,
    TeamsConfig,
)
from daf.config.execution import DAFConfig, ExecutionConfig
from daf.config.model import Float, Int, Model, Name
from daf.config.plain_data import check_plain_data, load_json, load_yaml
from daf.config.search_space import Parameter
from daf.config.sweep import ConfirmationConfig, DAFSweepConfig
from daf.config.training import TrainingConfig
from daf.errors import ConfigError, short_json, suggest_choice

__all__ = [
    "AuditConfig",
    "BenchmarkConfig",
    "ComparisonConfig",
    "ConfigError",
    "ConfirmationConfig",
    "DAFConfig",
    "DAFSweepConfig",
    "EvaluationConfig",
    "EvaluationMission",
    "ExecutionConfig",
    "Float",
    "Int",
    "MissingConfig",
    "Model",
    "Name",
    "Parameter",
    "PolicyConfig",
    "TeamsConfig",
    "TrainingConfig",
    "check_plain_data",
    "load_json",
    "load_yaml",
    "short_json",
    "suggest_choice",
]
