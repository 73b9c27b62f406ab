"""The four pipelines: each writes a configuration, runs the workflow, and reads back its files."""

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
