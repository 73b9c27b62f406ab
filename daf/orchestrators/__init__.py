"""Python API of the four pipelines: write a configuration, run the workflow, return the result."""

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
