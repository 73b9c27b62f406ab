"""Tables of the report: ranking, intervals, learning curves, checks and provenance."""

from collections.abc import Mapping, Sequence
from typing import Any

from daf.report.cells import (
    Cell,
    Table,
    count_cell,
    format_setting,
    independent_unit_count_cell,
    interval_cell,
    name_and_value_table,
    name_score_unit,
    score_cell,
)
from daf.report.learning_curve_chart import LearningCurve
from daf.report.result_types import Estimate
from daf.stats.analyse import Statistics
from daf.stats.verdict import RankedPolicy


def ranking_table(
    table_name: str,
    estimates: Sequence[Estimate],
    ranked_policies: Sequence[RankedPolicy],
    confidence_level: str,
) -> Table:
    """Return the ranking of one mission, or over all: means, intervals and numbers of units.

    Args:
        table_name: name of the table.
        estimates: estimate of each ranked policy, in one unit.
        ranked_policies: ranking.
        confidence_level: confidence level, such as "95 %".
    """
    by_policy = {item["policy"]: item for item in estimates}
    unit = name_score_unit(estimates[0]["score_unit"]) if estimates else ""
    rows = []
    for ranked in ranked_policies:
        item, is_best = by_policy[ranked["policy"]], ranked["rank"] == 1
        rows.append(
            [
                Cell(str(ranked["rank"]), ranked["rank"]),
                Cell(ranked["policy"], is_bold=is_best),
                score_cell(item["mean"], is_best, item["score_unit"]),
                interval_cell(item),
                Cell(_format_possible_ranks(ranked), ranked["rank_low"]),
                interval_cell(item["distribution_free"], score_unit=item["score_unit"]),
                score_cell(item["sd"], score_unit=item["score_unit"]),
                independent_unit_count_cell(item),
                count_cell(item["n_episodes"]),
                Cell(item["claim"]),
                Cell("; ".join(filter(None, (item["note"], item["distribution_free"]["note"])))),
            ]
        )
    columns = ["Rank", "Policy", f"Mean ({unit})", f"{confidence_level} interval", "Possible ranks"]
    columns += ["Distribution-free interval", "SD between units", "Units", "Episodes", "Claim"]
    return Table(table_name, [*columns, "Note"], rows)


def _format_possible_ranks(ranked: RankedPolicy) -> str:
    """Return the possible ranks of a policy, as text."""
    low, high = ranked["rank_low"], ranked["rank_high"]
    return str(low) if low == high else f"{low} to {high}"


def format_overall_mission_count(stats: Statistics) -> str:
    """Describe the missions of overall results: "all missions", or their number if some miss."""
    count = len(stats["overall_missions"])
    if count == len(stats["missions"]):
        return "all missions"
    return f"{count} mission{'' if count == 1 else 's'}"


def order_policies_by_rank(stats: Statistics) -> list[str]:
    """Return all policies: the overall ranking, then the unranked ones by name."""
    ranked = [item["policy"] for item in stats["ranking"]["overall"]]
    return ranked + [p["policy"] for p in stats["policies"] if p["policy"] not in ranked]


def learning_curve_table(
    mission_name: str, curves: Sequence[LearningCurve], score_unit: str
) -> Table:
    """Return mean and range of learning curves at 6 points of training."""
    rows = []
    for curve in curves:
        last = len(curve.steps) - 1
        for index in sorted({round(last * i / 5) for i in range(6)} if last >= 0 else []):
            rows.append(
                [
                    Cell(curve.policy_label),
                    count_cell(round(curve.steps[index])),
                    score_cell(curve.mean[index], score_unit=score_unit),
                    score_cell(curve.min_over_seeds[index], score_unit=score_unit),
                    score_cell(curve.max_over_seeds[index], score_unit=score_unit),
                    count_cell(len(curve.steps_and_scores_per_seed)),
                ]
            )
    columns = ["Policy", "Agent-steps", f"Mean ({name_score_unit(score_unit)})", "Lowest seed"]
    columns += ["Highest seed", "Seeds"]
    return Table(f"Learning curves on {mission_name}", columns, rows)


def training_evaluations_table(
    mission_name: str, curves: Sequence[LearningCurve], score_unit: str
) -> Table:
    """Return the evaluations during training that a chart of learning curves shows."""
    rows = [
        [
            Cell(curve.policy_label),
            count_cell(round(point.steps)),
            score_cell(point.mean, score_unit=score_unit),
            interval_cell(point._asdict(), score_unit=score_unit),
        ]
        for curve in curves
        for point in curve.evaluations
    ]
    columns = ["Policy", "Agent-steps", f"Mean ({name_score_unit(score_unit)})", "Interval"]
    return Table(f"Evaluations during training on {mission_name}", columns, rows)


def machine_checks_table(environment: Mapping[str, Any]) -> Table:
    """Return the environment checks, without values that are specific to one machine."""
    rows = [
        [
            Cell("✓ passed" if check["ok"] else "✗ failed", is_bold=not check["ok"]),
            Cell(str(check["name"])),
            Cell(format_setting(check.get("needed"))),
        ]
        for check in environment.get("checks", [])
    ]
    return Table("Environment checks", ["Result", "Check", "Required"], rows)


def provenance_table(provenance: Mapping[str, Any], environment: Mapping[str, Any]) -> Table:
    """Return the provenance, without values that are specific to one machine."""
    kind = (environment.get("device") or {}).get("kind")
    return name_and_value_table("Provenance", {**provenance, **({"device": kind} if kind else {})})


def sources_table(digest_by_source_file: Mapping[str, str]) -> Table:
    """Return the source files of a report, with their hashes."""
    rows = [[Cell(name), Cell(digest)] for name, digest in digest_by_source_file.items()]
    return Table("Source files of this page", ["File", "SHA-256"], rows)
