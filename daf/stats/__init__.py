"""Statistics of episode tables: pure functions without torch and files.

`analyse` takes an episode table and returns all estimates, comparisons and verdicts as a dict.
"""

from daf.stats.analyse import analyse
from daf.stats.holm import holm_adjust
from daf.stats.verdict import abbreviate_name_list, format_score, format_score_or_share_percent

__all__ = [
    "abbreviate_name_list",
    "analyse",
    "format_score",
    "format_score_or_share_percent",
    "holm_adjust",
]
