"""Assembles the report: results in, one HTML text out."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from daf.report import tables
from daf.report.charts import curve_chart, interval_chart, style_class
from daf.report.curves import learning_curves
from daf.report.maps import map_chart, station_styles
from daf.report.player import Recorded, player
from daf.stats import listed

TEMPLATES = Path(__file__).parent / "templates"


def render_report(
    *,
    title: str,
    stats: Mapping,
    runs: Sequence[Mapping],
    curves: pd.DataFrame,
    missions: Sequence[Mapping],
    config: Mapping,
    environment: Mapping,
    timings: Sequence[Mapping],
    provenance: Mapping[str, Any],
    left_out: Sequence[Mapping] = (),
    recorded: Sequence[Recorded] = (),
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
        environment: environment.json.
        timings: dicts with rule, item, seconds, max_rss_mb.
        left_out: dicts with policy, run, mission: evaluations that failed.
        recorded: episodes that can be watched.
        provenance: label to value; the value of "command" is shown as how to make it again.

    Raises:
        KeyError: a part lacks a key named above.
    """
    order = tables.policy_order(stats)
    styles = {policy: index for index, policy in enumerate(order)}
    ceilings = {mission["name"]: mission.get("ceiling") for mission in missions}
    page = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    ).get_template("report.html.j2")
    return page.render(
        title=title,
        stats=stats,
        left_out=tables.left_out_table(left_out) if left_out else None,
        level=f"{100 * stats['confidence']:g} %",
        evidence=_evidence(stats),
        undecided=listed(stats["undecided_with"]),
        command=provenance.get("command"),
        leaders=tables.leaders_table(stats),
        ranking=tables.ranking_table(stats),
        means=tables.means_table(stats),
        results=[_result(stats, mission, ceilings.get(mission)) for mission in stats["missions"]],
        pairs_overall=tables.pairs_table(
            "Pairwise differences, overall", stats["comparisons_overall"]
        ),
        pairs=tables.pairs_table("Pairwise differences on each mission", stats["comparisons"]),
        learning=_learning(curves, styles, ceilings, stats["score_unit"]),
        shaping=_shaping(runs),
        missions=[_mission(mission) for mission in missions],
        player=player(sorted(recorded, key=lambda one: styles.get(one.policy, len(order)))),
        training=tables.training_table(runs),
        runs=tables.runs_table(runs),
        config_yaml=_yaml(config),
        environment=environment,
        checks=tables.checks_table(environment),
        hardware=tables.facts_table("Hardware", _hardware(environment)),
        versions=tables.facts_table("Versions", environment.get("versions", {})),
        timings=tables.timings_table(timings),
        total_seconds=sum(job["seconds"] for job in timings),
        provenance=tables.facts_table("Provenance", provenance),
    )


def _evidence(stats: Mapping) -> str:
    """The size of the evidence in a few words."""
    seeds = sorted({p["n_training_seeds"] for p in stats["policies"]} - {0})
    episodes = f"{sum(p['n_episodes'] for p in stats['policies']):,}".replace(",", " ")
    if not seeds:
        return f"{episodes} episodes; no policy was trained here"
    span = f"{seeds[0]}" if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    plural = "" if seeds == [1] else "s"
    return f"{span} training seed{plural} per trained policy, {episodes} episodes in all"


def _result(stats: Mapping, mission: str, ceiling: float | None) -> dict:
    estimates = {i["policy"]: i for i in stats["estimates"] if i["mission"] == mission}
    ranks = stats["ranking"]["missions"][mission]
    items = [estimates[place["policy"]] | {"best": place["rank"] == 1} for place in ranks]
    units = sorted({item["unit"].replace("_", " ") for item in items})
    interval = (
        f"{100 * stats['confidence']:g} % intervals over {' or '.join(f'{u}s' for u in units)}"
    )
    return {
        "mission": mission,
        "verdict": stats["mission_verdicts"][mission]["verdict"],
        "interval": interval,
        "ceiling": ceiling,
        "chart": interval_chart(
            items,
            title=f"Mean scores on {mission}",
            unit=stats["score_unit"],
            interval=interval,
            ceiling=ceiling,
        ),
        "table": tables.interval_table(stats, mission),
        "missing": [i["policy"] for i in stats["missing"] if i["mission"] == mission],
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
            for key, value in tables.flat((run.get("training") or {}).get("shaping") or {}).items()
            if value not in ("0", "0.0", "false", tables.NOTHING)
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


def _hardware(environment: Mapping) -> dict[str, Any]:
    facts = dict(environment.get("device") or {})
    if environment.get("platform"):
        facts["platform"] = environment["platform"]
    return facts


def _yaml(config: Mapping) -> str:
    # Through JSON, so that paths, tuples and numbers of numpy become what YAML knows.
    values = json.loads(json.dumps(config, default=str))
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=100)
