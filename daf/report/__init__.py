"""One self-contained HTML file that says who is best, how sure, and how to make it again.

Everything shown comes in as data; the room computes no statistics and never imports torch.
"""

from daf.report.report import render_report, write_report

__all__ = ["render_report", "write_report"]
