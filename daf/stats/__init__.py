"""Statistics of episode tables: pure functions without torch and files.

`analyse` takes an episode table and returns all estimates, comparisons and verdicts as a dict.
"""

from daf.stats.analyse import analyse
from daf.stats.holm import holm_adjust
from daf.stats.verdict import format_names, format_score

__all__ = ["analyse", "format_names", "format_score", "holm_adjust"]
