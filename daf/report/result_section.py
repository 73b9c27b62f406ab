"""Section of the report about scores: chart, tables and profile of one mission, or of all."""

from collections.abc import Mapping
from typing import Any

from daf.report import claim_tables, tables
from daf.report.best_known import BestKnownScore, describe_best_known_score
from daf.report.charts import IntervalChart, ProfileChart
from daf.report.pair_details import (
    best_policy_comparisons_table,
    get_family_sizes,
    pair_verdicts_table,
    select_estimates_and_comparisons,
)
from daf.report.score_charts import IntervalRow, style_css_classes
from daf.stats.analyse import Statistics
from daf.stats.estimate import SHARE


def result_section(
    stats: Statistics,
    mission_name: str | None,
    ceiling: float | None,
    style_index_by_policy: Mapping[str, int],
    best_known: BestKnownScore | None = None,
) -> dict[str, Any]:
    """Return the chart, tables and texts of one mission, or of all missions (None)."""
    overall = mission_name is None
    scope = (
        f"over {tables.format_overall_mission_count(stats)}" if overall else f"on {mission_name}"
    )
    level = f"{100 * stats['confidence']:g} %"
    by_policy, _ = select_estimates_and_comparisons(stats, mission_name)
    ranked_policies = (
        stats["ranking"]["overall"] if overall else stats["ranking"]["missions"][mission_name]
    )
    estimates = [by_policy[ranked["policy"]] for ranked in ranked_policies]
    units = sorted({item["unit"].replace("_", " ") for item in estimates})
    score_unit = stats["overall_score_unit"] if overall else stats["score_unit"]
    interval = f"{level} intervals over {' or '.join(f'{u}s' for u in units)}"
    return {
        "mission": "Overall" if overall else mission_name,
        **verdict_section(stats, mission_name),
        "interval": interval,
        "ceiling": ceiling,
        "best_known": best_known and describe_best_known_score(best_known, ceiling, estimates),
        "chart": IntervalChart(
            [
                IntervalRow(
                    label=estimate["policy"],
                    mean=estimate["mean"],
                    low=estimate["low"],
                    high=estimate["high"],
                    is_best=ranked["rank"] == 1,
                )
                for estimate, ranked in zip(estimates, ranked_policies)
            ],
            title=f"Mean scores {scope}",
            unit=score_unit,
            interval_description=interval,
            ceiling=1.0 if score_unit == SHARE else ceiling,
        ),
        "table": tables.ranking_table(f"Mean scores {scope}", estimates, ranked_policies, level),
        "robust": claim_tables.robust_statistics_table(f"Typical scores {scope}", estimates),
        "profile": _profile_section(stats, mission_name, scope, style_index_by_policy, score_unit),
        "missing": [i["policy"] for i in stats["missing"] if i["mission"] == mission_name],
    }


def verdict_section(stats: Statistics, mission_name: str | None) -> dict[str, Any]:
    """Return verdict, grade and the comparisons behind it, of one mission or overall (None)."""
    estimates, pairs = select_estimates_and_comparisons(stats, mission_name)
    overall = mission_name is None
    winner = stats if overall else stats["mission_verdicts"][mission_name]
    return {
        "verdict": winner["verdict"],
        "grade": winner["best_policy_grade"] if overall else winner["grade"],
        "why": best_policy_comparisons_table(
            "Comparisons behind the verdict" + ("" if overall else f" on {mission_name}"),
            winner["best_policies"],
            estimates,
            pairs,
            get_family_sizes(stats, overall),
        ),
    }


def report_verdict_section(stats: Statistics) -> dict[str, Any]:
    """Return verdict, grade and comparisons of the whole report.

    The comparisons of a single mission have the unit of its scores, as the verdict has.
    """
    [*missions] = stats["missions"]
    has_one_mission = len(missions) == 1 and missions == stats["overall_missions"]
    return verdict_section(stats, missions[0] if has_one_mission else None)


def describe_mission_winners(stats: Statistics) -> str | None:
    """Return a sentence with the decided best policy of each mission; None for one mission."""
    if len(stats["missions"]) < 2:
        return None
    parts = [
        f"{winner['best_policy']} on {mission}"
        for mission, winner in stats["mission_verdicts"].items()
        if winner["decided"]
    ]
    if not parts:
        return "On no single mission is the best policy decided."
    return f"Decided best policies of single missions: {'; '.join(parts)}."


def difference_section(stats: Statistics, mission_name: str | None) -> dict[str, Any]:
    """Return the pairwise differences on one mission, or over all missions (None)."""
    estimates, pairs = select_estimates_and_comparisons(stats, mission_name)
    overall = mission_name is None
    decided = sum(pair["grade"] is not None for pair in pairs)
    return {
        "name": "Overall" if overall else mission_name,
        "summary": f"{decided} of {len(pairs)} comparisons decided",
        "table": pair_verdicts_table(
            "Pairwise differences" + (", overall" if overall else f" on {mission_name}"),
            pairs,
            estimates,
            get_family_sizes(stats, overall),
            f"{100 * stats['confidence']:g} %",
        ),
    }


def _profile_section(
    stats: Statistics,
    mission_name: str | None,
    scope_text: str,
    style_index_by_policy: Mapping[str, int],
    score_unit: str,
) -> dict[str, Any] | None:
    profiles = stats["profiles"]
    profile = profiles["overall"] if mission_name is None else profiles["missions"][mission_name]
    if profile is None:
        return None
    title = f"Performance profiles {scope_text}"
    policies = sorted(
        (curve["policy"] for curve in profile["curves"]), key=style_index_by_policy.__getitem__
    )
    return {
        "chart": ProfileChart(profile, style_index_by_policy, title=title, score_unit=score_unit),
        "legend": [
            (policy, style_css_classes(style_index_by_policy[policy])) for policy in policies
        ],
        "table": claim_tables.performance_profile_table(title, profile, score_unit),
    }
