"""Tables of the variation between training seeds, and the failures that few seeds can miss."""

from typing import Any

from daf.report.cells import (
    COLUMNS_AT_FIRST_SIGHT,
    DASH,
    Cell,
    Table,
    count_cell,
    format_interval_or_placeholder,
    format_percent_range,
    score_cell,
)
from daf.report.result_types import Estimate
from daf.stats import abbreviate_name_list, format_score
from daf.stats.analyse import Statistics


def training_variation_sections(stats: Statistics) -> list[dict[str, Any]]:
    """Return the table of each mission with policies of several training seeds, and its texts."""
    sections = []
    for mission in stats["missions"]:
        items = [
            item
            for ranked in stats["ranking"]["missions"][mission]
            for item in stats["estimates"]
            if (item["policy"], item["mission"]) == (ranked["policy"], mission)
            and item["training_variation"] is not None
        ]
        if items:
            sections.append(
                {
                    "mission": mission,
                    "threshold": _describe_solved_threshold(items[0], stats),
                    "table": _training_variation_table(mission, items, stats),
                    "note": _explain_missing_future_seed_intervals(items),
                }
            )
    return sections


def _describe_solved_threshold(item: Estimate, stats: Statistics) -> str | None:
    threshold = item["training_variation"]["solving_seeds"]["threshold"]
    if threshold is None:
        return None
    share = f"{100 * stats['solved_share']:g} %"
    score = f"{format_score(threshold)} hearts per episode"
    return f"A seed solves the mission with at least {score}, {share} of the ceiling."


def _training_variation_table(mission_name: str, items: list[Estimate], stats: Statistics) -> Table:
    level = f"{100 * stats['confidence']:g} %"
    rows = []
    for item in items:
        variation = item["training_variation"]
        solving = variation["solving_seeds"]
        rows.append(
            [
                Cell(item["policy"]),
                score_cell(variation["worst"]),
                score_cell(variation["best"]),
                Cell(solving["note"] or DASH)
                if solving["solved"] is None
                else Cell(f"{solving['solved']} of {solving['n_seeds']}", solving["share"]),
                Cell(format_percent_range(solving["low"], solving["high"]), solving["low"]),
                _future_seed_interval_cell(variation["future_seed"]),
                score_cell(solving["threshold"]),
                count_cell(variation["n_seeds"]),
                Cell(f"{100 * variation['rarest_missed_failure']:.0f} %"),
            ]
        )
    columns = ["Policy", "Worst seed (hearts)", "Best seed (hearts)", "Seeds that solve it"]
    columns += [f"Probability to solve it, exact {level} interval", "A future seed (hearts)"]
    columns += ["Threshold (hearts)", "Training seeds", "Failures missed if rarer than"]
    has_future_seed = any(
        item["training_variation"]["future_seed"]["low"] is not None for item in items
    )
    return Table(
        f"Variation between training seeds on {mission_name}",
        columns,
        rows,
        num_initially_visible_columns=COLUMNS_AT_FIRST_SIGHT + has_future_seed,
    )


def _future_seed_interval_cell(future_seed: dict[str, Any]) -> Cell:
    if future_seed["low"] is None:
        return Cell(DASH)
    ends = format_interval_or_placeholder(future_seed["low"], future_seed["high"])
    return Cell(f"{ends} (at least {100 * future_seed['probability']:.0f} %)", future_seed["low"])


def _explain_missing_future_seed_intervals(items: list[Estimate]) -> str | None:
    """Return the reasons of missing intervals of a future seed, once each; None without any."""
    policies: dict[str, list[str]] = {}
    for item in items:
        if note := item["training_variation"]["future_seed"]["note"]:
            policies.setdefault(note, []).append(item["policy"])
    reasons = [
        note if len(names) == len(items) else f"{abbreviate_name_list(names)}: {note}"
        for note, names in policies.items()
    ]
    return f"No interval of a future seed: {'; '.join(reasons)}." if reasons else None


def describe_failures_too_rare_for_seeds(stats: Statistics) -> str | None:
    """Return the kinds of failure that the training seeds can miss, as a sentence.

    None without policies of several training seeds.
    """
    policies: dict[int, set[str]] = {}
    rarest: dict[int, float] = {}
    for item in stats["estimates"]:
        if variation := item["training_variation"]:
            policies.setdefault(variation["n_seeds"], set()).add(item["policy"])
            rarest[variation["n_seeds"]] = variation["rarest_missed_failure"]
    if not rarest:
        return None
    parts = []
    for count in sorted(rarest):
        names = f" ({abbreviate_name_list(sorted(policies[count]))})" if len(rarest) > 1 else ""
        parts.append(f"{100 * rarest[count]:.0f} % of runs with {count} training seeds{names}")
    level = f"{100 * stats['confidence']:g} %"
    return (
        "Intervals cannot show what no seed did: a kind of failure may have been missed if it is "
        f"rarer than {', or '.join(parts)} ({level} confidence)."
    )
