"""Report of a benchmark or comparison, from loaded results to HTML."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from daf.jobs.training_groups import RunMissions, name_training_group_by_run
from daf.report import claim_tables, run_tables, tables
from daf.report.cells import name_and_value_table
from daf.report.charts import Chart, MapChart
from daf.report.episode_player import EpisodeView, replay_viewer_data
from daf.report.game_tables import game_statistics_table
from daf.report.heat_map import heat_map_section
from daf.report.learning_section import (
    describe_imitation,
    describe_reward_shaping,
    describe_weights_from_before_training_end,
    find_policies_with_scoreless_runs,
    learning_curve_section_per_mission,
)
from daf.report.map_chart import assign_colors_to_station_symbols
from daf.report.page import format_yaml, render_template
from daf.report.result_section import (
    describe_mission_winners,
    difference_section,
    report_verdict_section,
    result_section,
)
from daf.report.result_types import MissionFacts, RunJson
from daf.report.teams import teams_section
from daf.report.variation_tables import (
    describe_failures_too_rare_for_seeds,
    training_variation_sections,
)
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
            max_steps, ceiling (or None), best_known (`BestKnownScore` or None), facts (label to
            text).
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
    order = tables.order_policies_by_rank(stats)
    styles = {policy: index for index, policy in enumerate(order)}
    ceilings = {mission["name"]: mission.get("ceiling") for mission in missions}
    best_known = {mission["name"]: mission.get("best_known") for mission in missions}
    parts = _list_missions_with_none_for_overall(stats)
    group_by_run = name_training_group_by_run(
        [RunMissions(run["run"], run["policy"], run.get("missions") or []) for run in runs]
    )
    grouped_runs = [{**run, "policy": group_by_run[run["run"]]} for run in runs]
    grouped_metrics = training_metrics
    if not training_metrics.empty:
        grouped_metrics = training_metrics.assign(policy=training_metrics["run"].map(group_by_run))
    differences = [difference_section(stats, mission) for mission in parts]
    return render_template(
        "report.html.j2",
        title=title,
        stats=stats,
        failed_evaluations=run_tables.failed_evaluations_table(failed_evaluations)
        if failed_evaluations
        else None,
        level=f"{100 * stats['confidence']:g} %",
        evidence_text=claim_tables.sample_size_text(stats),
        missed_failures_text=describe_failures_too_rare_for_seeds(stats),
        command=provenance.get("command"),
        summary=report_verdict_section(stats),
        mission_winners=describe_mission_winners(stats),
        heat_map=heat_map_section(stats, ceilings),
        results=[
            result_section(stats, mission, ceilings.get(mission), styles, best_known.get(mission))
            for mission in parts
        ],
        variation=training_variation_sections(stats),
        differences=[section for section in differences if section["table"].rows],
        teams=teams_section(stats),
        learning=learning_curve_section_per_mission(
            training_metrics, styles, ceilings, stats["score_unit"], stats["confidence"]
        ),
        shaping=describe_reward_shaping(grouped_runs),
        never_scored=find_policies_with_scoreless_runs(grouped_metrics),
        early_weights=describe_weights_from_before_training_end(grouped_runs),
        imitation=describe_imitation(grouped_runs),
        missions=[
            _mission_section(mission)
            | {"game_table": game_statistics_table(stats, mission["name"], order)}
            for mission in missions
        ],
        player=replay_viewer_data(
            sorted(episode_views, key=lambda view: styles.get(view.policy_label, len(order)))
        ),
        training=run_tables.training_settings_by_policy_table(grouped_runs),
        runs=run_tables.runs_table(runs),
        config_yaml=format_yaml(config),
        environment=environment,
        checks=tables.machine_checks_table(environment),
        versions=name_and_value_table("Versions", environment.get("versions", {})),
        provenance=tables.provenance_table(provenance, environment),
        sources=tables.sources_table(source_digests),
    )


def collect_experiment_charts(
    *, stats: Statistics, training_metrics: pd.DataFrame, missions: Sequence[MissionFacts]
) -> dict[str, Chart]:
    """Return all charts of `render_experiment_report`, such as `scores_overall`, `map_MISSION`."""
    styles = {policy: index for index, policy in enumerate(tables.order_policies_by_rank(stats))}
    ceilings = {mission["name"]: mission.get("ceiling") for mission in missions}
    charts: dict[str, Chart] = {}
    for mission in _list_missions_with_none_for_overall(stats):
        section = result_section(stats, mission, ceilings.get(mission), styles)
        charts[f"scores_{mission or 'overall'}"] = section["chart"]
        if section["profile"]:
            charts[f"profile_{mission or 'overall'}"] = section["profile"]["chart"]
    for section in learning_curve_section_per_mission(
        training_metrics, styles, ceilings, stats["score_unit"], stats["confidence"]
    ):
        charts[f"learning_{section['mission']}"] = section["chart"]
    for section in (teams_section(stats) or {"matrices": []})["matrices"]:
        charts[f"cross_play_{section['mission']}"] = section["chart"]
    for mission in missions:
        charts[f"map_{mission['name']}"] = _mission_section(mission)["map"]
    return charts


def _list_missions_with_none_for_overall(stats: Statistics) -> list[str | None]:
    """Return the parts of the results: all missions together (None) if several, and each."""
    return [*([None] if len(stats["overall_missions"]) > 1 else []), *stats["missions"]]


def _mission_section(mission_facts: MissionFacts) -> dict[str, Any]:
    name, rows, legend = (mission_facts[key] for key in ("name", "map", "legend"))
    styles = assign_colors_to_station_symbols(rows, legend)
    facts = {"agents": mission_facts["agents"], "steps per episode": mission_facts["max_steps"]}
    if mission_facts.get("ceiling") is not None:
        facts["ceiling (upper bound of the score)"] = f"{mission_facts['ceiling']:g}"
    facts["map"] = f"{len(rows)} × {max(map(len, rows))} cells"
    return {
        "name": name,
        "description": mission_facts["description"],
        "map": MapChart(rows, legend, title=f"Map of {name}"),
        "stations": [
            (character, legend.get(character, character), style)
            for character, style in styles.items()
        ],
        "facts": name_and_value_table(f"Facts of {name}", facts | dict(mission_facts["facts"])),
    }
