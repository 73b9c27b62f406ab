"""From tables of episodes to claims with intervals. Pure functions; no torch, no files.

`analyse` is the whole room: an episode table in, a JSON-able dict out.
"""

from daf.stats.analyse import analyse
from daf.stats.contrast import holm_adjust
from daf.stats.verdict import format_names, format_score

__all__ = ["analyse", "format_names", "format_score", "holm_adjust"]
