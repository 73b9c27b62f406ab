"""Reports: self-contained HTML files with results, uncertainty and provenance.

All statistics come from `daf.stats`. The package does not import torch.
"""

from daf.report.build import build_benchmark_report
from daf.report.experiment import render_experiment_report

__all__ = ["build_benchmark_report", "render_experiment_report"]
