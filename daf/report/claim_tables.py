"""The tables behind the claims: differences in words and numbers, robust statistics, profiles."""

from collections.abc import Mapping, Sequence

from daf.report.tables import DASH, Cell, Table, interval, p_value, percent, score
from daf.stats import format_names, format_score


def pairs_table(name: str, pairs: Sequence[Mapping]) -> Table:
    """Pairwise differences with interval, verdict and method."""
    rows = []
    for pair in pairs:
        note = f" ({pair['note']})" if pair["note"] else ""
        rows.append(
            [
                *_mission(pair),
                Cell(f"{pair['a']} − {pair['b']}"),
                score(pair["difference"]),
                interval(pair),
                p_value(pair["p_holm"]),
                Cell(pair["verdict"] + note, strong=pair["outcome"] in ("better", "worse")),
                Cell(pair["claim"]),
                Cell(pair["method"]),
            ]
        )
    columns = ["Pair", "Difference", "Interval", "Holm p", "Verdict", "Claim", "Method"]
    return Table(name, (["Mission"] if _by_mission(pairs) else []) + columns, rows)


def numbers_table(name: str, pairs: Sequence[Mapping]) -> Table:
    """All that was computed about each pair."""
    rows = [
        [
            *_mission(pair),
            Cell(f"{pair['a']} − {pair['b']}"),
            percent(pair["improvement"]),
            Cell(_percents(pair["improvement_low"], pair["improvement_high"])),
            score(pair["effect_size"]),
            Cell(pair["effect"]),
            p_value(pair["p_permutation"]),
            p_value(pair["p_t"]),
            score(pair["margin"]),
            p_value(pair["p_equivalence_holm"]),
            Cell(_units_needed(pair)),
        ]
        for pair in pairs
    ]
    columns = [
        *(
            "Pair",
            "First is better",
            "Interval",
            "Effect size",
            "Kind",
            "p permutation",
            "p t",
        ),
        *("Margin", "Holm p of equivalence", "More of each needed"),
    ]
    return Table(name, (["Mission"] if _by_mission(pairs) else []) + columns, rows)


def _by_mission(pairs: Sequence[Mapping]) -> bool:
    return any(pair["mission"] is not None for pair in pairs)


def _mission(pair: Mapping) -> list[Cell]:
    return [] if pair["mission"] is None else [Cell(pair["mission"])]


def _units_needed(pair: Mapping) -> str:
    if pair["further"] is None:
        return DASH
    names = {"training_seeds": "training seeds", "episodes": "episodes"}
    return ", ".join(f"{n} {names[kind]}" for kind, n in pair["further"].items() if n)


def _percents(low: float | None, high: float | None) -> str:
    return DASH if low is None else f"{100 * low:.0f} to {100 * high:.0f} %"


def robust_table(name: str, estimates: Sequence[Mapping]) -> Table:
    """Median, interquartile mean and gap to the ceiling of each policy."""
    rows = []
    for item in estimates:
        notes = [note for note in (item["robust_note"], item["gap_note"]) if note]
        rows.append(
            [
                Cell(item["policy"]),
                score(item["median"]),
                interval(item, "median_low", "median_high"),
                score(item["iqm"]),
                interval(item, "iqm_low", "iqm_high"),
                percent(item["gap"]),
                Cell(_percents(item["gap_low"], item["gap_high"])),
                Cell("; ".join(notes)),
            ]
        )
    columns = ["Policy", "Median", "Interval", "Interquartile mean", "Interval", "Below ceiling"]
    return Table(name, [*columns, "Interval", "Note"], rows)


def profile_table(name: str, profile: Mapping, shares: bool) -> Table:
    """A performance profile at a few scores, which are shares of the ceiling or hearts."""
    thresholds = profile["thresholds"]
    places = range(0, len(thresholds), max(len(thresholds) // 8, 1))
    rows = [
        [
            Cell(curve["policy"]),
            percent(thresholds[i]) if shares else Cell(format_score(thresholds[i]), thresholds[i]),
            percent(curve["share"][i]),
            Cell(_percents(curve["low"][i], curve["high"][i])),
        ]
        for curve in profile["curves"]
        for i in places
    ]
    return Table(name, ["Policy", "Score of at least", "Share of episodes", "Interval"], rows)


def certainty_text(stats: Mapping) -> str:
    """Whether the best policy is certain, in a few words."""
    level = f"{100 * stats['confidence']:g} %"
    others = stats["undecided_with"]
    if stats["best_policy_decided"]:
        return f"Certain at the {level} level: it beats every other policy"
    if not stats["best_policies"]:
        return "No mission was played by every policy"
    if len(stats["best_policies"]) > 1:
        return "Not certain: exactly the same mean"
    return f"Not certain: {format_names(others)} may be as good" if others else "Nothing to compare"


def evidence_text(stats: Mapping) -> str:
    """The size of the evidence in a few words."""
    seeds = sorted({p["n_training_seeds"] for p in stats["policies"]} - {0})
    episodes = f"{sum(p['n_episodes'] for p in stats['policies']):,}".replace(",", " ")
    if not seeds:
        return f"{episodes} episodes; no policy was trained here"
    span = f"{seeds[0]}" if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    plural = "" if seeds == [1] else "s"
    few = [p["policy"] for p in stats["policies"] if p["seeds_missing"]]
    need = f"; a test of {format_names(few)} needs {stats['seeds_needed']}" if few else ""
    return f"{span} training seed{plural} per trained policy{need}; {episodes} episodes in all"
