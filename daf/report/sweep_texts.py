"""Texts of the report of a sweep: results of the search and of the confirmation."""

from collections.abc import Mapping
from typing import Any

from daf.report.cells import (
    NO_VARIATION,
    POINTS,
    choose_difference_unit,
    format_range,
    format_with_short_unit,
    name_score_unit,
)
from daf.report.result_types import SearchJson
from daf.stats import format_score
from daf.stats.estimate import EPISODE, HEARTS, SEED, SHARE
from daf.stats.grades import NOT_TESTED
from daf.stats.pair import SEEDS_NEEDED
from daf.stats.verdict import format_with_long_unit

UNITS = {EPISODE: "episodes", SEED: "training seeds"}
"""Name of several units of each kind."""


def describe_search_result(search: SearchJson) -> str:
    """Return the result of the search, as a sentence."""
    best, num_trials = search["best"], len(search["ranking"])
    name, rivals, num_equal = best["trial"], best["rivals"], len(best["equal_to"])
    objective = f"({format_named_objective(search, best['objective'])} in the search)"
    if rivals and num_equal == rivals:
        steps = "" if rivals + 1 == num_trials else " with all training steps"
        return (
            f"All {rivals + 1} successful trials{steps} are equal {objective}; "
            f"{name} is the first by name."
        )
    subject = f"{name} is"
    if num_equal:
        subject = f"{name} and {num_equal} equal trial{'s' if num_equal > 1 else ''} are"
    text = f"{subject} the best of {num_trials} successful trials {objective}"
    if num_trials == 1:
        return f"{text}; no other trial succeeded."
    if not rivals:
        return f"{text}; it is the only trial with all training steps."
    return f"{text}, {_describe_best_against_rivals(best)}."


def _describe_best_against_rivals(best: Mapping[str, Any]) -> str:
    """Return the outcomes of the rivals whose objective differs from that of the best trial."""
    num_rivals = best["rivals"] - len(best["equal_to"])
    tied = set(best["tied_with"]) - set(best["equal_to"])
    not_tested = tied & set(best["not_tested_with"])
    rivals = f"{num_rivals} other trials" if num_rivals > 1 else "other trial"
    rivals += " with equal training steps"
    if not tied:
        grade = f" ({best['grade']})" if best["grade"] else ""
        all_rivals = f"all {rivals}" if num_rivals > 1 else f"the {rivals}"
        return f"significantly better than {all_rivals}{grade}"
    parts = []
    if tied != not_tested:
        parts.append(("without a significant difference from", len(tied - not_tested)))
    if not_tested:
        parts.append(("not tested against", len(not_tested)))
    counts = [f"{text} {count} of" if num_rivals > 1 else text for text, count in parts]
    text = f"{' and '.join(counts)} the {rivals}"
    return f"{text} ({_explain_missing_test(best['unit'])})" if not_tested else text


def format_named_objective(search: SearchJson, value: float) -> str:
    """Format an objective with its name, such as "mean score 12.3 hearts"."""
    if search["score_unit"] == SHARE:
        return format_with_long_unit(value, SHARE)
    return f"mean {search['metric']} {format_objective_value(value, search['score_unit'])}"


def format_objective_value(value: float, score_unit: str | None) -> str:
    """Format an objective, or a difference of objectives, without its name: "12.3 hearts"."""
    has_name = score_unit in (HEARTS, SHARE, POINTS)
    return format_with_short_unit(value, score_unit) if has_name else format_score(value)


def name_objective(search: SearchJson) -> str:
    """Return the name of the objective for the axis of a chart."""
    if search["score_unit"] == HEARTS:
        return f"{search['metric']} ({name_score_unit(HEARTS)})"
    return SHARE if search["score_unit"] == SHARE else search["metric"]


def describe_confirmation(search: SearchJson) -> str:
    """Return the result of the confirmation, as a sentence."""
    confirmed = search["best"]["confirmed"]
    if confirmed is None:
        return (
            "It was not confirmed on unseen seeds, so its objective is biased by the selection "
            "of the best trial."
        )
    if confirmed["mean"] is None:
        return "Its confirmation on unseen seeds failed."
    unit = search["score_unit"]
    text = f"On unseen seeds its objective is {format_objective_value(confirmed['mean'], unit)}"
    low, high = confirmed["low"], confirmed["high"]
    if low is not None:
        is_constant = low == high
        text += f" ({NO_VARIATION if is_constant else _format_interval(low, high, unit)})"
    optimism = confirmed["optimism"]
    text += f" over {confirmed['n_units']} {UNITS[confirmed['unit']]}"
    if optimism > 0:
        amount = format_objective_value(optimism, choose_difference_unit(unit))
        return f"{text}, {amount} worse than in the search (selection bias)."
    return f"{text}, not worse than in the search."


def _format_interval(low: float, high: float, score_unit: str | None) -> str:
    hearts = f" {name_score_unit(HEARTS)}" if score_unit == HEARTS else ""
    return f"{format_range(low, high, score_unit)}{hearts}, 95 % interval"


def format_not_tested_with_reason(independent_unit: str) -> str:
    """Return the outcome "not tested" of trials with this unit, with the reason."""
    return f"{NOT_TESTED} ({_explain_missing_test(independent_unit)})"


def _explain_missing_test(independent_unit: str) -> str:
    if independent_unit == SEED:
        return f"a model-based test needs {SEEDS_NEEDED} training seeds"
    return "one observation only"
