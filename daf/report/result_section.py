"""Section of the report about scores: chart, tables and profile of one mission, or of all."""

from collections.abc import Mapping
from typing import Any

from daf.report import claim_tables, tables
from daf.report.charts import IntervalChart, ProfileChart
from daf.report.score_charts import IntervalRow, style_css_classes
from daf.stats.analyse import Statistics


def result_section(
    stats: Statistics,
    mission_name: str | None,
    ceiling: float | None,
    style_index_by_policy: Mapping[str, int],
) -> dict[str, Any]:
    """Return the chart, tables and texts of one mission, or of all missions (None)."""
    overall = mission_name is None
    scope = "over all missions" if overall else f"on {mission_name}"
    items = stats["overall"] if overall else stats["estimates"]
    by_policy = {item["policy"]: item for item in items if item["mission"] == mission_name}
    ranked_policies = (
        stats["ranking"]["overall"] if overall else stats["ranking"]["missions"][mission_name]
    )
    estimates = [by_policy[ranked["policy"]] for ranked in ranked_policies]
    units = sorted({item["unit"].replace("_", " ") for item in estimates})
    interval = (
        f"{100 * stats['confidence']:g} % intervals over {' or '.join(f'{u}s' for u in units)}"
    )
    verdict = stats if overall else stats["mission_verdicts"][mission_name]
    return {
        "mission": "Overall" if overall else mission_name,
        "verdict": verdict["verdict"],
        "interval": interval,
        "ceiling": ceiling,
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
            unit=stats["score_unit"],
            interval_description=interval,
            ceiling=ceiling,
        ),
        "table": tables.interval_table(f"Mean scores {scope}", estimates, ranked_policies),
        "robust": claim_tables.robust_statistics_table(f"Typical scores {scope}", estimates),
        "profile": _profile_section(stats, mission_name, scope, style_index_by_policy),
        "missing": [i["policy"] for i in stats["missing"] if i["mission"] == mission_name],
    }


def _profile_section(
    stats: Statistics,
    mission_name: str | None,
    scope_text: str,
    style_index_by_policy: Mapping[str, int],
) -> dict[str, Any] | None:
    profiles = stats["profiles"]
    profile = profiles["overall"] if mission_name is None else profiles["missions"][mission_name]
    if profile is None:
        return None
    are_scores_fractions = mission_name is None
    title = f"Performance profiles {scope_text}"
    score_unit = "fraction of the ceiling" if are_scores_fractions else stats["score_unit"]
    policies = sorted(
        (curve["policy"] for curve in profile["curves"]), key=style_index_by_policy.__getitem__
    )
    return {
        "chart": ProfileChart(profile, style_index_by_policy, title=title, score_unit=score_unit),
        "legend": [
            (policy, style_css_classes(style_index_by_policy[policy])) for policy in policies
        ],
        "table": claim_tables.performance_profile_table(title, profile, are_scores_fractions),
    }
