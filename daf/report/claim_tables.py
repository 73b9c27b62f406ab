"""Tables of pairwise differences, robust statistics and performance profiles."""

from collections.abc import Sequence

from daf.report.result_types import Estimate
from daf.report.tables import (
    DASH,
    Cell,
    Table,
    interval_cell,
    p_value_cell,
    percent_cell,
    score_cell,
)
from daf.stats import abbreviate_name_list, format_score
from daf.stats.analyse import Statistics
from daf.stats.family import Comparison
from daf.stats.profiles import Profile


def pair_verdicts_table(table_name: str, pairs: Sequence[Comparison]) -> Table:
    """Return the pairwise differences, with interval, verdict and method."""
    rows = []
    for pair in pairs:
        note = f" ({pair['note']})" if pair["note"] else ""
        rows.append(
            [
                *_mission_name_cells(pair),
                Cell(f"{pair['a']} − {pair['b']}"),
                score_cell(pair["difference"]),
                interval_cell(pair),
                p_value_cell(pair["p_holm"]),
                Cell(pair["verdict"] + note, strong=pair["outcome"] in ("better", "worse")),
                Cell(pair["claim"]),
                Cell(pair["method"]),
            ]
        )
    columns = ["Pair", "Difference", "Interval", "Holm p", "Verdict", "Claim", "Method"]
    return Table(table_name, (["Mission"] if _has_mission_names(pairs) else []) + columns, rows)


def pair_statistics_table(table_name: str, pairs: Sequence[Comparison]) -> Table:
    """Return the other statistics of each pair."""
    rows = [
        [
            *_mission_name_cells(pair),
            Cell(f"{pair['a']} − {pair['b']}"),
            percent_cell(pair["improvement"]),
            Cell(_format_percent_interval(pair["improvement_low"], pair["improvement_high"])),
            score_cell(pair["effect_size"]),
            Cell(pair["effect"]),
            p_value_cell(pair["p_permutation"]),
            p_value_cell(pair["p_t"]),
            score_cell(pair["margin"]),
            p_value_cell(pair["p_equivalence_holm"]),
            Cell(_format_units_still_needed(pair)),
        ]
        for pair in pairs
    ]
    columns = [
        *(
            "Pair",
            "P(first > second)",
            "Interval",
            "Effect size",
            "Kind",
            "p permutation",
            "p t",
        ),
        *("Margin", "Holm p (equivalence)", "Units still needed"),
    ]
    return Table(table_name, (["Mission"] if _has_mission_names(pairs) else []) + columns, rows)


def _has_mission_names(pairs: Sequence[Comparison]) -> bool:
    return any(pair["mission"] is not None for pair in pairs)


def _mission_name_cells(pair: Comparison) -> list[Cell]:
    return [] if pair["mission"] is None else [Cell(pair["mission"])]


def _format_units_still_needed(pair: Comparison) -> str:
    if pair["further"] is None:
        return DASH
    names = {"training_seeds": "training seeds", "episodes": "episodes"}
    return ", ".join(f"{n} {names[kind]}" for kind, n in pair["further"].items() if n)


def _format_percent_interval(low: float | None, high: float | None) -> str:
    return DASH if low is None or high is None else f"{100 * low:.0f} to {100 * high:.0f} %"


def robust_statistics_table(table_name: str, estimates: Sequence[Estimate]) -> Table:
    """Return median, interquartile mean and optimality gap of each policy."""
    rows = []
    for item in estimates:
        notes = [note for note in (item["robust_note"], item["gap_note"]) if note]
        rows.append(
            [
                Cell(item["policy"]),
                score_cell(item["median"]),
                interval_cell(item, "median_low", "median_high"),
                score_cell(item["iqm"]),
                interval_cell(item, "iqm_low", "iqm_high"),
                percent_cell(item["gap"]),
                Cell(_format_percent_interval(item["gap_low"], item["gap_high"])),
                Cell("; ".join(notes)),
            ]
        )
    columns = ["Policy", "Median", "Interval", "Interquartile mean", "Interval", "Optimality gap"]
    return Table(table_name, [*columns, "Interval", "Note"], rows)


def performance_profile_table(
    table_name: str, profile: Profile, are_scores_fractions: bool
) -> Table:
    """Return a performance profile at about 8 scores.

    Args:
        table_name: name of the table.
        profile: profile from `daf.stats`.
        are_scores_fractions: scores are fractions of the ceiling, not hearts.
    """
    thresholds = profile["thresholds"]
    indices = range(0, len(thresholds), max(len(thresholds) // 8, 1))
    rows = [
        [
            Cell(curve["policy"]),
            percent_cell(thresholds[i])
            if are_scores_fractions
            else Cell(format_score(thresholds[i]), thresholds[i]),
            percent_cell(curve["share"][i]),
            Cell(_format_percent_interval(curve["low"][i], curve["high"][i])),
        ]
        for curve in profile["curves"]
        for i in indices
    ]
    return Table(table_name, ["Policy", "Minimum score", "Fraction of episodes", "Interval"], rows)


def best_policy_certainty_text(stats: Statistics) -> str:
    """Return a short text on the certainty of the best policy."""
    level = f"{100 * stats['confidence']:g} %"
    others = stats["undecided_with"]
    if stats["best_policy_decided"]:
        return f"Yes, at the {level} level: significantly higher than all others"
    if not stats["best_policies"]:
        return "No mission has results of every policy"
    if len(stats["best_policies"]) > 1:
        return "No: equal means"
    return f"No: {abbreviate_name_list(others)} may be as good" if others else "Only policy"


def sample_size_text(stats: Statistics) -> str:
    """Return a short text on the numbers of training seeds and episodes."""
    seeds = sorted({p["n_training_seeds"] for p in stats["policies"]} - {0})
    episodes = f"{sum(p['n_episodes'] for p in stats['policies']):,}".replace(",", " ")
    if not seeds:
        return f"{episodes} episodes; no trained policies"
    seeds_text = f"{seeds[0]}" if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    plural = "" if seeds == [1] else "s"
    untestable = [p["policy"] for p in stats["policies"] if p["seeds_missing"]]
    note = ""
    if untestable:
        note = f" (a test of {abbreviate_name_list(untestable)} needs {stats['seeds_needed']})"
    return f"{seeds_text} training seed{plural} per trained policy{note}; {episodes} episodes"
