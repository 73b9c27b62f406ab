"""Details behind a verdict: test, unit, number of units, p-values, both grades and forecast."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from daf.report.cells import (
    DASH,
    Cell,
    Table,
    choose_difference_unit,
    format_independent_unit_count,
    format_interval_or_placeholder,
    format_p_value,
    format_percent_range,
    format_score_in_unit,
    format_with_short_unit,
    interval_cell,
    name_score_unit,
    score_cell,
)
from daf.report.result_types import Estimate
from daf.stats.analyse import Statistics
from daf.stats.family import DISTRIBUTION_FREE, Comparison
from daf.stats.forecast import describe_required_sample_sizes

NOT_TESTED = "not tested"

EstimateByPolicy = Mapping[str, Estimate]
"""Estimates of one mission, or over all missions, by policy."""


class HolmFamilySizes(NamedTuple):
    """Numbers of comparisons of Holm's correction.

    Attributes:
        model_based: number of model-based tests.
        distribution_free: number of distribution-free tests.
    """

    model_based: int
    distribution_free: int


def get_family_sizes(stats: Statistics, is_overall: bool) -> HolmFamilySizes:
    """Return the sizes of the families of overall comparisons, or of those on single missions."""
    scope = "overall" if is_overall else "missions"
    return HolmFamilySizes(stats["families"][scope], stats["families_distribution_free"][scope])


def select_estimates_and_comparisons(
    stats: Statistics, mission_name: str | None
) -> tuple[EstimateByPolicy, list[Comparison]]:
    """Return the estimates and the comparisons of one mission, or over all missions (None)."""
    overall = mission_name is None
    items = stats["overall"] if overall else stats["estimates"]
    pairs = stats["comparisons_overall"] if overall else stats["comparisons"]
    return (
        {item["policy"]: item for item in items if item["mission"] == mission_name},
        [pair for pair in pairs if pair["mission"] == mission_name],
    )


def list_details_behind_pair_verdict(
    pair: Comparison, estimates: EstimateByPolicy, family_sizes: HolmFamilySizes
) -> tuple[tuple[str, str], ...]:
    """Return names and values of all that is behind the verdict of one pair.

    Args:
        pair: comparison.
        estimates: estimate of each policy on the same missions.
        family_sizes: numbers of comparisons of Holm's correction.
    """
    forecast = describe_required_sample_sizes(pair["forecast"])
    details = [
        ("Grade", pair["grade"] or pair["outcome"]),
        ("Claim", pair["claim"]),
        ("Independent units", _format_sample_sizes(pair, estimates)),
        ("Deciding test", f"{pair['method']}; {_format_deciding_p_values(pair, family_sizes)}"),
        ("Distribution-free test", _format_distribution_free_test(pair, family_sizes)),
        ("Distribution-free interval", _format_distribution_free_interval(pair)),
        ("Effect size", _format_effect_size(pair)),
        ("P(first > second)", _format_probability_of_improvement(pair)),
    ]
    if pair["margin"] is not None:
        margin = format_with_short_unit(pair["margin"], choose_difference_unit(pair["score_unit"]))
        p_value = format_p_value("Holm p", pair["p_equivalence_holm"])
        details.append(("Equivalence", f"margin {margin}; {p_value}"))
    if forecast or pair["forecast_note"]:
        details.append(("To decide it", forecast or pair["forecast_note"]))
    if pair["note"]:
        details.append(("Note", pair["note"]))
    return tuple((name, value) for name, value in details if value != DASH)


def pair_verdicts_table(
    table_name: str,
    pairs: Sequence[Comparison],
    estimates: EstimateByPolicy,
    family_sizes: HolmFamilySizes,
    confidence_level: str,
) -> Table:
    """Return the pairwise differences of one mission, or over all missions.

    Args:
        table_name: name of the table.
        pairs: comparisons, all in one unit.
        estimates: estimate of each policy on the same missions.
        family_sizes: numbers of comparisons of Holm's correction.
        confidence_level: confidence level, such as "95 %".
    """
    rows = []
    unit = choose_difference_unit(pairs[0]["score_unit"]) if pairs else ""
    for pair in pairs:
        name = f"{pair['a']} − {pair['b']}"
        rows.append(
            [
                Cell(name),
                score_cell(pair["difference"], score_unit=unit),
                interval_cell(select_model_or_distribution_free_interval(pair), score_unit=unit),
                Cell(
                    pair["verdict"],
                    is_bold=pair["outcome"] in ("better", "worse"),
                    badge=pair["grade"],
                ),
                Cell(
                    "",
                    details=list_details_behind_pair_verdict(pair, estimates, family_sizes),
                    details_name=name,
                ),
            ]
        )
    columns = [
        "Pair",
        f"Difference ({name_score_unit(unit)})",
        f"{confidence_level} interval",
        "Verdict",
        "Why",
    ]
    return Table(table_name, columns, rows)


def best_policy_comparisons_table(
    table_name: str,
    best_policies: Sequence[str],
    estimates: EstimateByPolicy,
    pairs: Sequence[Comparison],
    family_sizes: HolmFamilySizes,
) -> Table | None:
    """Return the comparisons of the best policy with all others; None without any.

    Args:
        table_name: name of the table.
        best_policies: policies with the highest mean.
        estimates: estimate of each policy on the same missions.
        pairs: comparisons of the same missions.
        family_sizes: numbers of comparisons of Holm's correction.
    """
    rows = []
    for pair in pairs:
        if not {pair["a"], pair["b"]} & set(best_policies):
            continue
        is_sign_flipped = pair["a"] not in best_policies
        best, other = (pair["b"], pair["a"]) if is_sign_flipped else (pair["a"], pair["b"])
        text, difference = _difference_text_and_value(pair, is_sign_flipped)
        units = _format_sample_sizes(pair, estimates)
        rows.append(
            [
                Cell(f"{best} − {other}"),
                Cell(text, difference),
                Cell(f"{pair['method']}; {units}; {_format_deciding_p_values(pair, family_sizes)}"),
                Cell(_format_distribution_free_test(pair, family_sizes)),
                Cell(pair["grade"] or pair["outcome"], is_bold=pair["grade"] is not None),
            ]
        )
    if not rows:
        return None
    columns = ["Pair", "Difference and interval", "Deciding test", "Distribution-free test"]
    return Table(table_name, [*columns, "Grade"], rows)


def select_model_or_distribution_free_interval(pair: Comparison) -> Mapping[str, Any]:
    """Return the item with the interval: the model's; distribution-free where nothing varies."""
    free = pair["distribution_free"]
    has_model_interval = pair["low"] != pair["high"]
    return pair if has_model_interval or free is None or free["low"] is None else free


def _difference_text_and_value(pair: Comparison, is_sign_flipped: bool) -> tuple[str, float]:
    """Return the difference with unit and interval, and the difference: a - b, or b - a."""
    sign, unit = (-1 if is_sign_flipped else 1), choose_difference_unit(pair["score_unit"])
    difference, interval = (
        sign * pair["difference"],
        select_model_or_distribution_free_interval(pair),
    )
    text = format_with_short_unit(difference, unit)
    if interval["low"] is not None:
        low, high = sorted((sign * interval["low"], sign * interval["high"]))
        text += f" ({format_interval_or_placeholder(low, high, unit)})"
    return text, difference


def _format_sample_sizes(pair: Comparison, estimates: EstimateByPolicy) -> str:
    return "; ".join(
        f"{policy}: {format_independent_unit_count(estimates[policy])}"
        for policy in (pair["a"], pair["b"])
    )


def _format_deciding_p_values(pair: Comparison, family_sizes: HolmFamilySizes) -> str:
    if pair["p"] is None:
        return NOT_TESTED
    is_free = pair["test"] == DISTRIBUTION_FREE
    size = family_sizes.distribution_free if is_free else family_sizes.model_based
    p_value = format_p_value("p", pair["p"])
    corrected = format_p_value("Holm p", pair["p_holm"])
    return f"{p_value}; {corrected} ({_format_number_of_comparisons(size)})"


def _format_distribution_free_test(pair: Comparison, family_sizes: HolmFamilySizes) -> str:
    free = pair["distribution_free"]
    if free is None or free["p_value"] is None:
        return free["note"] or NOT_TESTED if free else NOT_TESTED
    p_value = format_p_value("p", free["p_value"])
    corrected = format_p_value("Holm p", free["p_holm"])
    sizes = f"{free['n_a']} and {free['n_b']} values"
    corrected += f" ({_format_number_of_comparisons(family_sizes.distribution_free)})"
    return f"{free['method']}; {sizes}; {p_value}; {corrected}; {free['outcome']}"


def _format_number_of_comparisons(num_comparisons: int) -> str:
    return f"{num_comparisons} comparison{'' if num_comparisons == 1 else 's'}"


def _format_distribution_free_interval(pair: Comparison) -> str:
    free = pair["distribution_free"]
    return (
        interval_cell(free, score_unit=choose_difference_unit(pair["score_unit"])).text
        if free
        else DASH
    )


def _format_effect_size(pair: Comparison) -> str:
    if pair["effect_size"] is None:
        return DASH
    return f"{format_score_in_unit(pair['effect_size'])} ({pair['effect']})"


def _format_probability_of_improvement(pair: Comparison) -> str:
    if pair["improvement"] is None:
        return DASH
    interval = format_percent_range(pair["improvement_low"], pair["improvement_high"])
    text = f"{100 * pair['improvement']:.0f} %"
    return text if interval == DASH else f"{text} ({interval})"
