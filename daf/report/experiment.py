"""Assembles the report: results in, one HTML text out."""

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
    left_out: Sequence[Mapping] = (),
    recorded: Sequence[EpisodeView] = (),
) -> str:
    """The report as HTML text; the same input gives the same text.

    Args:
        title: the heading.
        stats: what `daf.stats.analyse` gave; every statistic shown is read from it.
        runs: run.json of each training; may be empty.
        curves: all metrics.parquet with columns run, policy, training_seed added; may be empty.
        missions: dicts with name, description, map (rows), legend (character to name), agents,
            max_steps, ceiling (or None), facts (label to text).
        config: the resolved configuration, shown as YAML.
        environment: environment.json; what it says of one machine alone is not shown.
        left_out: dicts with policy, run, mission: evaluations that failed.
        provenance: label to value; the value of "command" is shown as how to make it again.
        sources: the files that all of this comes from, each with its SHA-256.
        recorded: episodes that can be watched.

    Raises:
        KeyError: a part lacks a key named above.
    """
    order = tables.policy_order(stats)
    styles = {policy: index for index, policy in enumerate(order)}
    ceilings = {mission["name"]: mission.get("ceiling") for mission in missions}
    several = len(stats["overall_missions"]) > 1
    shown = [*([None] if several else []), *stats["missions"]]
    return render_template(
        "report.html.j2",
        title=title,
        stats=stats,
        left_out=tables.missing_table(left_out) if left_out else None,
        level=f"{100 * stats['confidence']:g} %",
        evidence_text=claim_tables.evidence_text(stats),
        certainty_text=claim_tables.certainty_text(stats),
        command=provenance.get("command"),
        leaders=tables.leaders_table(stats),
        ranking=tables.ranking_table(stats),
        means=tables.means_table(stats),
        results=[_result(stats, mission, ceilings.get(mission), styles) for mission in shown],
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
        learning=_learning(curves, styles, ceilings, stats["score_unit"]),
        shaping=_shaping(runs),
        missions=[
            _mission(mission) | {"happened": game_table(stats, mission["name"], order)}
            for mission in missions
        ],
        player=player_data(sorted(recorded, key=lambda one: styles.get(one.policy, len(order)))),
        training=tables.training_table(runs),
        runs=tables.runs_table(runs),
        config_yaml=as_yaml(config),
        environment=environment,
        checks=tables.checks_table(environment),
        versions=tables.facts_table("Versions", environment.get("versions", {})),
        provenance=tables.provenance_table(provenance, environment),
        sources=tables.sources_table(sources),
    )


def _result(
    stats: Mapping, mission: str | None, ceiling: float | None, styles: Mapping[str, int]
) -> dict:
    """What is shown of one mission, or overall."""
    overall = mission is None
    where = "over all missions" if overall else f"on {mission}"
    found = stats["overall"] if overall else stats["estimates"]
    by_policy = {item["policy"]: item for item in found if item["mission"] == mission}
    ranks = stats["ranking"]["overall"] if overall else stats["ranking"]["missions"][mission]
    estimates = [by_policy[place["policy"]] for place in ranks]
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
            [item | {"best": place["rank"] == 1} for item, place in zip(estimates, ranks)],
            title=f"Mean scores {where}",
            unit=stats["score_unit"],
            interval=interval,
            ceiling=ceiling,
        ),
        "table": tables.interval_table(f"Mean scores {where}", estimates, ranks),
        "robust": claim_tables.robust_table(f"Typical scores {where}", estimates),
        "profile": _profile(stats, mission, where, styles),
        "missing": [i["policy"] for i in stats["missing"] if i["mission"] == mission],
    }


def _profile(
    stats: Mapping, mission: str | None, where: str, styles: Mapping[str, int]
) -> dict | None:
    profiles = stats["profiles"]
    found = profiles["overall"] if mission is None else profiles["missions"][mission]
    if found is None:
        return None
    shares = mission is None
    title = f"Performance profiles {where}"
    scores = "hearts as a share of the ceiling" if shares else stats["score_unit"]
    policies = sorted((curve["policy"] for curve in found["curves"]), key=styles.__getitem__)
    return {
        "chart": profile_chart(found, styles, title=title, scores=scores),
        "legend": [(policy, style_class(styles[policy])) for policy in policies],
        "table": claim_tables.profile_table(title, found, shares),
    }


def _learning(
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


def _shaping(runs: Sequence[Mapping]) -> list[tuple[str, str]]:
    """The policies trained on shaped rewards, each with its shaping in words."""
    found: dict[str, dict[str, None]] = {}
    for run in sorted(runs, key=lambda run: (str(run["policy"]), str(run["run"]))):
        used = {
            key: value
            for key, value in tables.flatten_settings(
                (run.get("training") or {}).get("shaping") or {}
            ).items()
            if value not in ("0", "0.0", "false", tables.DASH)
        }
        if used:
            words = ", ".join(f"{key} = {value}" for key, value in used.items())
            found.setdefault(str(run["policy"]), {})[words] = None
    return [(policy, "; or ".join(words)) for policy, words in found.items()]


def _mission(mission: Mapping) -> dict:
    rows, legend = mission["map"], mission["legend"]
    styles = station_styles(rows, legend)
    facts = {"agents": mission["agents"], "steps per episode": mission["max_steps"]}
    if mission.get("ceiling") is not None:
        facts["ceiling (most hearts possible)"] = f"{mission['ceiling']:g}"
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
