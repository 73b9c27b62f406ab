"""Tables of the report: formatted rows of the results."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from daf.report.learning_curve_chart import LearningCurve
from daf.report.result_types import Estimate
from daf.stats import abbreviate_name_list, format_score
from daf.stats.analyse import Statistics
from daf.stats.verdict import RankedPolicy

DASH = "–"


class Cell(NamedTuple):
    """One table cell.

    Attributes:
        text: visible text.
        sort: sort key; None sorts by text.
        strong: bold text.
    """

    text: str
    sort: float | None = None
    strong: bool = False

    @property
    def is_numeric(self) -> bool:
        """True if the cell shows a number."""
        return self.sort is not None and self.text.removesuffix(" %")[-1:].isdigit()


class Table(NamedTuple):
    """Table with a name for screen readers, column names, and rows of cells."""

    name: str
    columns: list[str]
    rows: list[list[Cell]]

    @property
    def numeric_columns(self) -> list[bool]:
        """True for each column with numbers, which are right-aligned."""
        return [
            any(row[index].is_numeric for row in self.rows) for index in range(len(self.columns))
        ]


def score_cell(value: float | None, is_strong: bool = False) -> Cell:
    """Return the cell of a score; a dash for None."""
    return Cell(DASH) if value is None else Cell(format_score(value), value, is_strong)


def count_cell(value: int | None) -> Cell:
    """Return the cell of an integer with separated thousands; a dash for None."""
    return Cell(DASH) if value is None else Cell(f"{value:,}".replace(",", " "), value)


def interval_cell(estimate: Estimate, low_key: str = "low", high_key: str = "high") -> Cell:
    """Return the cell `low to high`; a dash for None.

    Args:
        estimate: dict with both ends.
        low_key: key of the lower end.
        high_key: key of the upper end.
    """
    if estimate[low_key] is None:
        return Cell(DASH)
    return Cell(
        f"{format_score(estimate[low_key])} to {format_score(estimate[high_key])}",
        estimate[low_key],
    )


def percent_cell(value: float | None) -> Cell:
    """Return the cell of a fraction, in percent; a dash for None."""
    return Cell(DASH) if value is None else Cell(f"{100 * value:.0f} %", value)


def p_value_cell(p: float | None) -> Cell:
    """Return the cell of a p-value with 3 decimals; a dash for None."""
    if p is None:
        return Cell(DASH)
    return Cell("< 0.001" if p < 0.001 else f"{p:.3f}", p)


def unit_count_cell(estimate: Estimate) -> Cell:
    """Return the cell of the number and kind of independent units of an estimate."""
    name = {"training_seed": "training seed", "episode": "episode"}[estimate["unit"]]
    return Cell(
        f"{estimate['n_units']} {name}{'s' if estimate['n_units'] != 1 else ''}",
        estimate["n_units"],
    )


def ranking_table(stats: Statistics) -> Table:
    """Return the overall ranking, with interval, standard deviation and numbers of samples."""
    by_policy = {item["policy"]: item for item in stats["overall"]}
    level = f"{100 * stats['confidence']:g} % interval"
    rows = []
    for ranked in stats["ranking"]["overall"]:
        item = by_policy[ranked["policy"]]
        rows.append(
            [
                Cell(str(ranked["rank"]), ranked["rank"]),
                Cell(_format_possible_ranks(ranked), ranked["rank_low"]),
                Cell(ranked["policy"], strong=ranked["rank"] == 1),
                score_cell(item["mean"], is_strong=ranked["rank"] == 1),
                interval_cell(item),
                score_cell(item["sd"]),
                unit_count_cell(item),
                count_cell(item["n_episodes"]),
                Cell(item["claim"] + (f" ({item['note']})" if item["note"] else "")),
            ]
        )
    columns = ["Rank", "Possible ranks", "Policy", "Mean", level, "SD between units", "Units"]
    return Table("Overall ranking", [*columns, "Episodes", "Claim"], rows)


def _format_possible_ranks(ranked: RankedPolicy) -> str:
    """Return the possible ranks of a policy, as text."""
    low, high = ranked["rank_low"], ranked["rank_high"]
    return str(low) if low == high else f"{low} to {high}"


def leaders_table(stats: Statistics) -> Table:
    """Return the policy with the highest mean on each mission, and its certainty."""
    estimates = {(item["policy"], item["mission"]): item for item in stats["estimates"]}
    rows = []
    for mission in stats["missions"]:
        verdict = stats["mission_verdicts"][mission]
        item = estimates[verdict["best_policies"][0], mission]
        others = abbreviate_name_list(verdict["undecided_with"])
        if verdict["decided"]:
            certainty = "significantly higher than all others"
        elif len(verdict["best_policies"]) > 1:
            certainty = "tied: equal means"
        else:
            certainty = f"not significantly higher than {others}" if others else "only policy"
        rows.append(
            [
                Cell(mission),
                Cell(verdict["best_policy"], strong=True),
                score_cell(item["mean"]),
                interval_cell(item),
                Cell(certainty),
            ]
        )
    level = f"{100 * stats['confidence']:g} % interval"
    return Table("Leader of each mission", ["Mission", "Leader", "Mean", level, "Certainty"], rows)


def means_table(stats: Statistics) -> Table:
    """Return the mean score of each policy (rows, in overall order) on each mission (columns)."""
    means = {(item["policy"], item["mission"]): item["mean"] for item in stats["estimates"]}
    best = {m: v["best_policies"] for m, v in stats["mission_verdicts"].items()}
    rows = [
        [Cell(policy)]
        + [
            score_cell(means.get((policy, m)), is_strong=policy in best[m])
            for m in stats["missions"]
        ]
        for policy in order_policies(stats)
    ]
    return Table("Mean score of each policy on each mission", ["Policy", *stats["missions"]], rows)


def order_policies(stats: Statistics) -> list[str]:
    """Return all policies: the overall ranking, then the unranked ones by name."""
    ranked = [item["policy"] for item in stats["ranking"]["overall"]]
    return ranked + [p["policy"] for p in stats["policies"] if p["policy"] not in ranked]


def interval_table(
    table_name: str, estimates: Sequence[Estimate], ranked_policies: Sequence[RankedPolicy]
) -> Table:
    """Return the numbers of one interval chart."""
    by_policy = {item["policy"]: item for item in estimates}
    rows = [
        [
            Cell(str(ranked["rank"]), ranked["rank"]),
            Cell(_format_possible_ranks(ranked), ranked["rank_low"]),
            Cell(ranked["policy"]),
            score_cell(by_policy[ranked["policy"]]["mean"]),
            interval_cell(by_policy[ranked["policy"]]),
            score_cell(by_policy[ranked["policy"]]["sd"]),
            unit_count_cell(by_policy[ranked["policy"]]),
            Cell(by_policy[ranked["policy"]]["note"] or ""),
        ]
        for ranked in ranked_policies
    ]
    columns = ["Rank", "Possible ranks", "Policy", "Mean", "Interval", "SD between units", "Units"]
    return Table(table_name, [*columns, "Note"], rows)


def learning_curve_table(mission_name: str, curves: Sequence[LearningCurve]) -> Table:
    """Return mean and range of learning curves at 6 points of training."""
    rows = []
    for curve in curves:
        last = len(curve.steps) - 1
        for index in sorted({round(last * i / 5) for i in range(6)} if last >= 0 else []):
            rows.append(
                [
                    Cell(curve.policy_label),
                    count_cell(round(curve.steps[index])),
                    score_cell(curve.mean[index]),
                    score_cell(curve.low[index]),
                    score_cell(curve.high[index]),
                    count_cell(len(curve.seeds)),
                ]
            )
    columns = ["Policy", "Agent-steps", "Mean", "Lowest seed", "Highest seed", "Seeds"]
    return Table(f"Learning curves on {mission_name}", columns, rows)


def training_evaluations_table(mission_name: str, curves: Sequence[LearningCurve]) -> Table:
    """Return the evaluations during training that a chart of learning curves shows."""
    rows = [
        [
            Cell(curve.policy_label),
            count_cell(round(point.steps)),
            score_cell(point.mean),
            interval_cell(point._asdict()),
        ]
        for curve in curves
        for point in curve.evaluations
    ]
    columns = ["Policy", "Agent-steps", "Mean", "Interval"]
    return Table(f"Evaluations during training on {mission_name}", columns, rows)


def machine_checks_table(environment: Mapping[str, Any]) -> Table:
    """Return the environment checks, without values that are specific to one machine."""
    rows = [
        [
            Cell("✓ passed" if check["ok"] else "✗ failed", strong=not check["ok"]),
            Cell(str(check["name"])),
            Cell(format_value(check.get("needed"))),
        ]
        for check in environment.get("checks", [])
    ]
    return Table("Environment checks", ["Result", "Check", "Required"], rows)


def provenance_table(provenance: Mapping[str, Any], environment: Mapping[str, Any]) -> Table:
    """Return the provenance, without values that are specific to one machine."""
    kind = (environment.get("device") or {}).get("kind")
    return facts_table("Provenance", {**provenance, **({"device": kind} if kind else {})})


def sources_table(source_digests: Mapping[str, str]) -> Table:
    """Return the source files of a report, with their hashes."""
    rows = [[Cell(name), Cell(digest)] for name, digest in source_digests.items()]
    return Table("Source files of this page", ["File", "SHA-256"], rows)


def facts_table(table_name: str, facts: Mapping[str, Any]) -> Table:
    """Return labels and values, in their order."""
    return Table(
        table_name,
        ["Name", "Value"],
        [[Cell(str(k)), Cell(format_value(v))] for k, v in facts.items()],
    )


def flatten_settings(settings: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Flatten nested settings: `{"a": {"b": 1}}` becomes `{"a.b": "1"}`."""
    result: dict[str, str] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            result |= flatten_settings(value, f"{prefix}{key}.")
        else:
            result[f"{prefix}{key}"] = format_value(value)
    return result


def format_value(value: Any) -> str:
    """Return text unchanged, an empty value as a dash, and other values as JSON."""
    if value is None or value == {} or value == []:
        return DASH
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
