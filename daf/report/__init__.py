"""One self-contained HTML file that says who is best, how sure, and how to make it again.

Everything shown comes in as data; the room computes no statistics and never imports torch.
"""

from daf.report.build import benchmark_report
from daf.report.experiment import render_report

__all__ = ["benchmark_report", "render_report"]
