"""Tables of game statistics: uses of stations, resources, movement and signals, by policy."""

from collections.abc import Sequence

from daf.report.cells import Cell, Table, score_cell
from daf.stats.analyse import Statistics

SECTIONS = (
    ("Hearts", ("hearts_",)),
    ("Uses of stations", ("uses_", "partial_uses", "repairs", "clips")),
    ("Resources produced", ("made_",)),
    ("Movement and signals", ("",)),
)
"""Sections of the table and the prefixes of their statistics; the last section takes all others."""


def game_statistics_table(
    stats: Statistics, mission_name: str, policy_order: Sequence[str]
) -> Table | None:
    """Return the means per episode of all nonzero game statistics, with one column per policy.

    Args:
        stats: stats.json.
        mission_name: name of the mission.
        policy_order: policies in the order of the columns.
    """
    means = {i["policy"]: i["means"] for i in stats["game"] if i["mission"] == mission_name}
    policies = [policy for policy in policy_order if policy in means]
    names = dict.fromkeys(name for policy in policies for name in means[policy])
    nonzero = [n for n in names if any(means[policy].get(n) for policy in policies)]
    rows = []
    for section, prefixes in SECTIONS:
        for name in [n for n in nonzero if n.startswith(prefixes)]:
            nonzero.remove(name)
            values = [score_cell(means[policy].get(name)) for policy in policies]
            rows.append([Cell(name.replace("_", " ")), *values, Cell(section)])
    if not rows:
        return None
    title = f"Game statistics on {mission_name}, means per episode"
    return Table(title, ["Statistic", *policies, "Section"], rows)
