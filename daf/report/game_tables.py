"""Tables of what happened in a mission: stations, resources, teamwork, movement, by policy."""

from collections.abc import Mapping, Sequence

from daf.report.tables import Cell, Table, score

PARTS = (
    ("Hearts", ("hearts_",)),
    ("Uses of stations", ("uses_", "partial_uses", "repairs", "clips")),
    ("Resources made", ("made_",)),
    ("Movement and signals", ("",)),
)
"""Parts of the table, and how the names of their statistics begin; the last takes the rest."""


def game_table(stats: Mapping, mission: str, order: Sequence[str]) -> Table | None:
    """Means per episode of everything that happened at all, one column a policy.

    Args:
        stats: stats.json.
        mission: its name.
        order: the policies in the order of the columns.
    """
    means = {i["policy"]: i["means"] for i in stats["game"] if i["mission"] == mission}
    policies = [policy for policy in order if policy in means]
    names = dict.fromkeys(name for policy in policies for name in means[policy])
    happened = [n for n in names if any(means[policy].get(n) for policy in policies)]
    rows = []
    for part, beginnings in PARTS:
        for name in [n for n in happened if n.startswith(beginnings)]:
            happened.remove(name)
            values = [score(means[policy].get(name)) for policy in policies]
            rows.append([Cell(part), Cell(name.replace("_", " ")), *values])
    if not rows:
        return None
    title = f"What happened on {mission}, means per episode"
    return Table(title, ["What", "Statistic", *policies], rows)
