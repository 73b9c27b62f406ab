"""Report of a benchmark or comparison, from loaded results to HTML."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from daf.report import claim_tables, run_tables, tables
from daf.report.episode_player import EpisodeView, replay_viewer_data
from daf.report.game_tables import game_statistics_table
from daf.report.learning_curves import build_learning_curves_by_mission
from daf.report.map_chart import assign_station_colors, map_chart
from daf.report.page import format_yaml, render_template
from daf.report.result_types import MissionFacts, RunJson
from daf.report.score_charts import (
    IntervalRow,
    interval_chart,
    learning_curve_chart,
    performance_profile_chart,
    style_css_classes,
)
from daf.report.teams import teams_section
from daf.stats.analyse import Statistics


def render_experiment_report(
    *,
    title: str,
    stats: Statistics,
    runs: Sequence[RunJson],
    training_metrics: pd.DataFrame,
    missions: Sequence[MissionFacts],
    config: Mapping[str, Any],
    environment: Mapping[str, Any],
    provenance: Mapping[str, Any],
    source_digests: Mapping[str, str],
    failed_evaluations: Sequence[Mapping[str, Any]] = (),
    episode_views: Sequence[EpisodeView] = (),
) -> str:
    """Render the report. Equal inputs give equal text.

    Args:
        title: heading of the page.
        stats: result of `daf.stats.analyse`; all statistics of the report come from it.
        runs: run.json of each run; may be empty.
        training_metrics: all metrics.parquet files with columns run, policy, training_seed added;
            may be empty.
        missions: dicts with name, description, map (rows), legend (character to name), agents,
            max_steps, ceiling (or None), facts (label to text).
        config: resolved configuration.
        environment: environment.json; values specific to one machine are omitted.
        failed_evaluations: dicts with policy, run, mission.
        provenance: label to value; "command" is the command line that reproduces the report.
        source_digests: SHA-256 of each source file.
        episode_views: episodes for the replay viewer.

    Returns:
        HTML text.

    Raises:
        KeyError: an input has no value for one of the keys above.
    """
    order = tables.order_policies(stats)
    styles = {policy: index for index, policy in enumerate(order)}
    ceilings = {mission["name"]: mission.get("ceiling") for mission in missions}
    has_several_missions = len(stats["overall_missions"]) > 1
    parts = [*([None] if has_several_missions else []), *stats["missions"]]
    return render_template(
        "report.html.j2",
        title=title,
        stats=stats,
        failed_evaluations=run_tables.failed_evaluations_table(failed_evaluations)
        if failed_evaluations
        else None,
        level=f"{100 * stats['confidence']:g} %",
        evidence_text=claim_tables.sample_size_text(stats),
        certainty_text=claim_tables.best_policy_certainty_text(stats),
        command=provenance.get("command"),
        leaders=tables.leaders_table(stats),
        ranking=tables.ranking_table(stats),
        means=tables.means_table(stats),
        results=[
            _result_section(stats, mission, ceilings.get(mission), styles) for mission in parts
        ],
        pairs_overall=claim_tables.pair_verdicts_table(
            "Pairwise differences, overall", stats["comparisons_overall"]
        ),
        numbers_overall=claim_tables.pair_statistics_table(
            "Numbers of each pair, overall", stats["comparisons_overall"]
        ),
        pairs=claim_tables.pair_verdicts_table(
            "Pairwise differences on each mission", stats["comparisons"]
        ),
        numbers=claim_tables.pair_statistics_table(
            "Numbers of each pair on each mission", stats["comparisons"]
        ),
        teams=teams_section(stats),
        learning=_learning_curve_sections(training_metrics, styles, ceilings, stats["score_unit"]),
        shaping=_describe_reward_shaping(runs),
        missions=[
            _mission_section(mission)
            | {"game_table": game_statistics_table(stats, mission["name"], order)}
            for mission in missions
        ],
        player=replay_viewer_data(
            sorted(episode_views, key=lambda view: styles.get(view.policy_label, len(order)))
        ),
        training=run_tables.training_settings_table(runs),
        runs=run_tables.runs_table(runs),
        config_yaml=format_yaml(config),
        environment=environment,
        checks=tables.machine_checks_table(environment),
        versions=tables.facts_table("Versions", environment.get("versions", {})),
        provenance=tables.provenance_table(provenance, environment),
        sources=tables.sources_table(source_digests),
    )


def _result_section(
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
        "chart": interval_chart(
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
        "chart": performance_profile_chart(
            profile, style_index_by_policy, title=title, score_unit=score_unit
        ),
        "legend": [
            (policy, style_css_classes(style_index_by_policy[policy])) for policy in policies
        ],
        "table": claim_tables.performance_profile_table(title, profile, are_scores_fractions),
    }


def _learning_curve_sections(
    metrics: pd.DataFrame,
    style_index_by_policy: Mapping[str, int],
    ceilings: Mapping[str, float | None],
    score_unit: str,
) -> list[dict[str, Any]]:
    if metrics.empty:
        return []
    trained = sorted(set(metrics["policy"]) - set(style_index_by_policy))
    style_index_by_policy = dict(style_index_by_policy) | {
        policy: len(style_index_by_policy) + i for i, policy in enumerate(trained)
    }
    return [
        {
            "mission": mission,
            "chart": learning_curve_chart(
                curves,
                title=f"Learning curves on {mission}",
                score_unit=score_unit,
                ceiling=ceilings.get(mission),
            ),
            "legend": [(curve.policy_label, style_css_classes(curve.style)) for curve in curves],
            "table": tables.learning_curve_table(mission, curves),
        }
        for mission, curves in build_learning_curves_by_mission(
            metrics, style_index_by_policy
        ).items()
        if curves
    ]


def _describe_reward_shaping(runs: Sequence[RunJson]) -> list[tuple[str, str]]:
    """Return the policies with shaped training rewards, and the settings of their shaping."""
    texts_by_policy: dict[str, dict[str, None]] = {}
    for run in sorted(runs, key=lambda run: (str(run["policy"]), str(run["run"]))):
        settings = {
            key: value
            for key, value in tables.flatten_settings(
                (run.get("training") or {}).get("shaping") or {}
            ).items()
            if value not in ("0", "0.0", "false", tables.DASH)
        }
        if settings:
            text = ", ".join(f"{key} = {value}" for key, value in settings.items())
            texts_by_policy.setdefault(str(run["policy"]), {})[text] = None
    return [(policy, "; or ".join(texts)) for policy, texts in texts_by_policy.items()]


def _mission_section(mission_facts: MissionFacts) -> dict[str, Any]:
    name, rows, legend = (mission_facts[key] for key in ("name", "map", "legend"))
    styles = assign_station_colors(rows, legend)
    facts = {"agents": mission_facts["agents"], "steps per episode": mission_facts["max_steps"]}
    if mission_facts.get("ceiling") is not None:
        facts["ceiling (upper bound of the score)"] = f"{mission_facts['ceiling']:g}"
    facts["map"] = f"{len(rows)} × {max(map(len, rows))} cells"
    return {
        "name": name,
        "description": mission_facts["description"],
        "map": map_chart(rows, legend, title=f"Map of {name}"),
        "stations": [
            (character, legend.get(character, character), style)
            for character, style in styles.items()
        ],
        "facts": tables.facts_table(f"Facts of {name}", facts | dict(mission_facts["facts"])),
    }
