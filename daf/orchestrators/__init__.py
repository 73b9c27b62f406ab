"""Python API of the four pipelines: write a configuration, run the workflow, return the result.

The names of this package are imported at their first use: the Snakefile needs one small module.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from daf.orchestrators.benchmark_pipeline import daf_run_benchmark_pipeline
    from daf.orchestrators.comparison_pipeline import daf_run_comparison_pipeline
    from daf.orchestrators.result import Failure, PipelineResult
    from daf.orchestrators.sweep_pipeline import daf_run_sweep_pipeline
    from daf.orchestrators.training_pipeline import daf_run_training_pipeline

__all__ = [
    "Failure",
    "PipelineResult",
    "daf_run_benchmark_pipeline",
    "daf_run_comparison_pipeline",
    "daf_run_sweep_pipeline",
    "daf_run_training_pipeline",
]

_MODULES = {
    "Failure": "daf.orchestrators.result",
    "PipelineResult": "daf.orchestrators.result",
    "daf_run_benchmark_pipeline": "daf.orchestrators.benchmark_pipeline",
    "daf_run_comparison_pipeline": "daf.orchestrators.comparison_pipeline",
    "daf_run_sweep_pipeline": "daf.orchestrators.sweep_pipeline",
    "daf_run_training_pipeline": "daf.orchestrators.training_pipeline",
}
"""Module of each public name."""


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
