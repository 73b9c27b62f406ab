"""Report of a benchmark or comparison, from loaded results to HTML."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from daf.report import claim_tables, tables
from daf.report.episode_player import EpisodeView, player_data
from daf.report.game_tables import game_table
from daf.report.learning_curves import learning_curves
from daf.report.map_chart import map_chart, station_styles
from daf.report.page import as_yaml, render_template
from daf.report.score_charts import curve_chart, interval_chart, profile_chart, style_class
from daf.report.teams import teams_section


def render_report(
    *,
    title: str,
    stats: Mapping,
    runs: Sequence[Mapping],
    curves: pd.DataFrame,
    missions: Sequence[Mapping],
    config: Mapping,
    environment: Mapping,
    provenance: Mapping[str, Any],
    sources: Mapping[str, str],
    failed_evaluations: Sequence[Mapping] = (),
    episode_views: Sequence[EpisodeView] = (),
) -> str:
    """Render the report. Equal inputs give equal text.

    Args:
        title: heading of the page.
        stats: result of `daf.stats.analyse`; all statistics of the report come from it.
        runs: run.json of each run; may be empty.
        curves: all metrics.parquet files with columns run, policy, training_seed added; may be
            empty.
        missions: dicts with name, description, map (rows), legend (character to name), agents,
            max_steps, ceiling (or None), facts (label to text).
        config: resolved configuration.
        environment: environment.json; values specific to one machine are omitted.
        failed_evaluations: dicts with policy, run, mission.
        provenance: label to value; "command" is the command line that reproduces the report.
        sources: SHA-256 of each source file.
        episode_views: episodes for the replay viewer.

    Returns:
        HTML text.

    Raises:
        KeyError: an input has no value for one of the keys above.
    """
    order = tables.policy_order(stats)
    styles = {policy: index for index, policy in enumerate(order)}
    ceilings = {mission["name"]: mission.get("ceiling") for mission in missions}
    has_several_missions = len(stats["overall_missions"]) > 1
    parts = [*([None] if has_several_missions else []), *stats["missions"]]
    return render_template(
        "report.html.j2",
        title=title,
        stats=stats,
        failed_evaluations=tables.missing_table(failed_evaluations) if failed_evaluations else None,
        level=f"{100 * stats['confidence']:g} %",
        evidence_text=claim_tables.evidence_text(stats),
        certainty_text=claim_tables.certainty_text(stats),
        command=provenance.get("command"),
        leaders=tables.leaders_table(stats),
        ranking=tables.ranking_table(stats),
        means=tables.means_table(stats),
        results=[
            _result_section(stats, mission, ceilings.get(mission), styles) for mission in parts
        ],
        pairs_overall=claim_tables.pairs_table(
            "Pairwise differences, overall", stats["comparisons_overall"]
        ),
        numbers_overall=claim_tables.numbers_table(
            "Numbers of each pair, overall", stats["comparisons_overall"]
        ),
        pairs=claim_tables.pairs_table(
            "Pairwise differences on each mission", stats["comparisons"]
        ),
        numbers=claim_tables.numbers_table(
            "Numbers of each pair on each mission", stats["comparisons"]
        ),
        teams=teams_section(stats),
        learning=_learning_sections(curves, styles, ceilings, stats["score_unit"]),
        shaping=_shaping_facts(runs),
        missions=[
            _mission_section(mission) | {"game_table": game_table(stats, mission["name"], order)}
            for mission in missions
        ],
        player=player_data(
            sorted(episode_views, key=lambda view: styles.get(view.policy, len(order)))
        ),
        training=tables.training_table(runs),
        runs=tables.runs_table(runs),
        config_yaml=as_yaml(config),
        environment=environment,
        checks=tables.checks_table(environment),
        versions=tables.facts_table("Versions", environment.get("versions", {})),
        provenance=tables.provenance_table(provenance, environment),
        sources=tables.sources_table(sources),
    )


def _result_section(
    stats: Mapping, mission: str | None, ceiling: float | None, styles: Mapping[str, int]
) -> dict:
    """Return the chart, tables and texts of one mission, or of all missions (None)."""
    overall = mission is None
    scope = "over all missions" if overall else f"on {mission}"
    items = stats["overall"] if overall else stats["estimates"]
    by_policy = {item["policy"]: item for item in items if item["mission"] == mission}
    ranks = stats["ranking"]["overall"] if overall else stats["ranking"]["missions"][mission]
    estimates = [by_policy[rank["policy"]] for rank in ranks]
    units = sorted({item["unit"].replace("_", " ") for item in estimates})
    interval = (
        f"{100 * stats['confidence']:g} % intervals over {' or '.join(f'{u}s' for u in units)}"
    )
    verdict = stats if overall else stats["mission_verdicts"][mission]
    return {
        "mission": "Overall" if overall else mission,
        "verdict": verdict["verdict"],
        "interval": interval,
        "ceiling": ceiling,
        "chart": interval_chart(
            [item | {"best": rank["rank"] == 1} for item, rank in zip(estimates, ranks)],
            title=f"Mean scores {scope}",
            unit=stats["score_unit"],
            interval=interval,
            ceiling=ceiling,
        ),
        "table": tables.interval_table(f"Mean scores {scope}", estimates, ranks),
        "robust": claim_tables.robust_table(f"Typical scores {scope}", estimates),
        "profile": _profile_section(stats, mission, scope, styles),
        "missing": [i["policy"] for i in stats["missing"] if i["mission"] == mission],
    }


def _profile_section(
    stats: Mapping, mission: str | None, scope: str, styles: Mapping[str, int]
) -> dict | None:
    profiles = stats["profiles"]
    profile = profiles["overall"] if mission is None else profiles["missions"][mission]
    if profile is None:
        return None
    shares = mission is None
    title = f"Performance profiles {scope}"
    scores = "fraction of the ceiling" if shares else stats["score_unit"]
    policies = sorted((curve["policy"] for curve in profile["curves"]), key=styles.__getitem__)
    return {
        "chart": profile_chart(profile, styles, title=title, scores=scores),
        "legend": [(policy, style_class(styles[policy])) for policy in policies],
        "table": claim_tables.profile_table(title, profile, shares),
    }


def _learning_sections(
    metrics: pd.DataFrame, styles: Mapping[str, int], ceilings: Mapping, unit: str
) -> list[dict]:
    if metrics.empty:
        return []
    trained = sorted(set(metrics["policy"]) - set(styles))
    styles = dict(styles) | {policy: len(styles) + i for i, policy in enumerate(trained)}
    return [
        {
            "mission": mission,
            "chart": curve_chart(
                curves,
                title=f"Learning curves on {mission}",
                unit=unit,
                ceiling=ceilings.get(mission),
            ),
            "legend": [(curve.policy, style_class(curve.style)) for curve in curves],
            "table": tables.curve_table(mission, curves),
        }
        for mission, curves in learning_curves(metrics, styles).items()
        if curves
    ]


def _shaping_facts(runs: Sequence[Mapping]) -> list[tuple[str, str]]:
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


def _mission_section(mission: Mapping) -> dict:
    rows, legend = mission["map"], mission["legend"]
    styles = station_styles(rows, legend)
    facts = {"agents": mission["agents"], "steps per episode": mission["max_steps"]}
    if mission.get("ceiling") is not None:
        facts["ceiling (upper bound of the score)"] = f"{mission['ceiling']:g}"
    facts["map"] = f"{len(rows)} × {max(map(len, rows))} cells"
    return {
        "name": mission["name"],
        "description": mission["description"],
        "map": map_chart(rows, legend, title=f"Map of {mission['name']}"),
        "stations": [
            (character, legend.get(character, character), style)
            for character, style in styles.items()
        ],
        "facts": tables.facts_table(f"Facts of {mission['name']}", facts | dict(mission["facts"])),
    }
