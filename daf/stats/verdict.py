"""Rankings, winners and verdicts in words."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from daf.stats.contrast import MIXED
from daf.stats.estimate import EPISODE, ROUNDING, SEED, SHARE, MeanEstimate, Unit
from daf.stats.family import Comparison
from daf.stats.forecast import describe_required_sample_sizes
from daf.stats.grades import BETTER, DECIDED, DECIDED_FREE, EQUIVALENT, NOT_TESTED, UNDECIDED, WORSE
from daf.stats.pair import SEEDS_NEEDED

RankedPolicy = dict[str, Any]
"""Policy with its rank, in JSON types; see `rank_by_mean_with_intervals` for the keys."""

Winner = dict[str, Any]
"""Best policy and the policies that it does not beat; see `find_winner` for the keys."""


class _SignificantOpponents(NamedTuple):
    """Policies that a policy beats significantly, and those that beat it."""

    beaten: set[str]
    beaten_by: set[str]


def rank_by_mean_with_intervals(
    estimates: Sequence[MeanEstimate], comparisons: Sequence[Comparison]
) -> list[RankedPolicy]:
    """Rank policies by mean score with confidence intervals of the ranks.

    Equal means share a rank, and the next rank is skipped. The best possible rank is 1 + the number
    of significantly better policies; the worst is the number of policies minus the significantly
    worse ones. The tests hold simultaneously at the level of the family, so these intervals do,
    too (Mohamad, van Zwet, Solari and Goeman 2021).

    Args:
        estimates: dicts with policy and mean, of one mission or of the overall mean.
        comparisons: output of `family.test_family` for the same missions.

    Returns:
        [{rank, policy, mean, rank_low, rank_high}], best first; rank_low is the best rank.
    """
    ordered = sorted(estimates, key=lambda item: (-item["mean"], item["policy"]))
    ranks: list[RankedPolicy] = []
    for position, item in enumerate(ordered, start=1):
        rank = position
        if ranks and _is_equal_up_to_rounding(item["mean"], ranks[-1]["mean"]):
            rank = ranks[-1]["rank"]
        opponents = _find_significant_opponents(item["policy"], comparisons)
        num_beaten, num_beaten_by = len(opponents.beaten), len(opponents.beaten_by)
        ranks.append(
            {"rank": rank, "policy": item["policy"], "mean": item["mean"]}
            | {"rank_low": 1 + num_beaten_by, "rank_high": len(ordered) - num_beaten}
        )
    # Rounding errors must not decide the order of equal means.
    return sorted(ranks, key=lambda item: (item["rank"], item["policy"]))


def _find_significant_opponents(
    policy_name: str, comparisons: Sequence[Comparison]
) -> _SignificantOpponents:
    """Find the policies that differ significantly from a policy."""
    opponents = _SignificantOpponents(set(), set())
    for pair in comparisons:
        if policy_name in (pair["a"], pair["b"]) and pair["outcome"] in (BETTER, WORSE):
            won = (pair["outcome"] == BETTER) == (pair["a"] == policy_name)
            opponent = pair["b"] if pair["a"] == policy_name else pair["a"]
            (opponents.beaten if won else opponents.beaten_by).add(opponent)
    return opponents


def find_winner(ranks: Sequence[RankedPolicy], comparisons: Sequence[Comparison]) -> Winner:
    """Find the best policy of a ranking, and the policies that it does not beat significantly.

    Args:
        ranks: output of `rank_by_mean_with_intervals`.
        comparisons: output of `family.test_family` for the same missions.

    Returns:
        best_policies (sorted; several if exactly tied, empty for an empty ranking); best_policy
        (their names as one text; None without any); decided (a single best policy beats all other
        policies); undecided_with: all policies that it does not beat, sorted; equivalent_to,
        not_tested_with, not_compared_with: those of undecided_with with this reason; grade: None
        if not decided, else `grades.DECIDED_FREE` if all comparisons of the best policy have it,
        else `grades.DECIDED`.
    """
    best = [item["policy"] for item in ranks if item["rank"] == 1]
    outcomes = {}
    for pair in comparisons:
        for policy, opponent in ((pair["a"], pair["b"]), (pair["b"], pair["a"])):
            if policy in best and opponent not in best:
                outcomes.setdefault(opponent, []).append(pair["outcome"])
    others = sorted(item["policy"] for item in ranks if item["rank"] > 1)
    undecided = [
        name
        for name in others
        if not all(
            name in _find_significant_opponents(policy, comparisons).beaten for policy in best
        )
    ]
    is_decided = not undecided and len(best) == 1 and len(ranks) > 1
    grades = {pair.get("grade") for pair in comparisons if {pair["a"], pair["b"]} & set(best)}
    grade = DECIDED_FREE if grades == {DECIDED_FREE} else DECIDED
    return {
        "best_policies": best,
        "best_policy": ", ".join(best) or None,
        "decided": is_decided,
        "grade": grade if is_decided else None,
        "undecided_with": undecided,
        "equivalent_to": [n for n in undecided if EQUIVALENT in outcomes.get(n, [])],
        "not_tested_with": [n for n in undecided if NOT_TESTED in outcomes.get(n, [])],
        "not_compared_with": [n for n in undecided if n not in outcomes],
    }


def _is_equal_up_to_rounding(a: float, b: float) -> bool:
    return abs(a - b) <= ROUNDING * max(abs(a), abs(b))


def format_verdict(
    winner: Winner,
    estimates: Mapping[str, MeanEstimate],
    comparisons: Sequence[Comparison],
    scope_text: str,
    confidence: float,
) -> str:
    """Return the verdict in words: the best policy, how certain, by how much, and on what.

    Args:
        winner: output of `find_winner`.
        estimates: estimate of each policy.
        comparisons: output of `family.test_family` for the same missions.
        scope_text: "on mission_a" or "over 3 missions".
        confidence: level of the claims.
    """
    if not winner["best_policies"]:
        return "No mission has episodes of every policy, so no policy is best overall."
    level = f"{100 * confidence:g} %"
    name, best = winner["best_policies"][0], estimates[winner["best_policies"][0]]
    amount = format_with_long_unit(best["mean"], best["score_unit"])
    if winner["decided"]:
        closest = _find_comparison_with_closest_policy(name, estimates, comparisons)
        text = (
            f"{name} is the best policy {scope_text}: {amount}, "
            f"{_format_lead_of_best_policy(closest, name, level)}. "
            f"{_format_certainty_of_winner(winner, comparisons, level)}"
        )
    elif len(winner["best_policies"]) > 1:
        names = winner["best_policies"]
        policies = " and ".join(names) if len(names) < 4 else abbreviate_name_list(names)
        text = f"{policies} share the highest mean {scope_text}: {amount}."
    elif not winner["undecided_with"]:
        text = f"{name} is the only policy {scope_text}: {amount}. No comparison is possible."
    else:
        reasons = _explain_undecided(winner, comparisons, level)
        text = f"{name} has the highest mean {scope_text}: {amount}. {reasons}."
    if best["unit"] == EPISODE and best["n_training_seeds"] == 1:
        text += " It has one training seed, so this is a claim about its weights, not its method."
    return text


def _format_lead_of_best_policy(pair: Comparison, best_policy_name: str, level_text: str) -> str:
    """Return the difference to the closest policy, with the intervals of both grades."""
    sign = 1 if pair["a"] == best_policy_name else -1
    other = pair["b"] if pair["a"] == best_policy_name else pair["a"]
    scale, unit = (100, "percentage points ") if pair["score_unit"] == SHARE else (1, "")
    text = f"{format_score(scale * sign * pair['difference'])} {unit}more than {other}"
    intervals = []
    if pair["low"] != pair["high"]:
        intervals.append((pair, ""))
    if pair["grade"] == DECIDED_FREE:
        intervals.append((pair["distribution_free"], " for any distribution"))
    ranges = []
    for source, condition in intervals:
        low, high = sorted(scale * sign * source[key] for key in ("low", "high"))
        ranges.append(f"{format_score(low)} to {format_score(high)}{condition}")
    return text + (f" ({level_text} interval {', '.join(ranges)})" if ranges else "")


def _format_certainty_of_winner(
    winner: Winner, comparisons: Sequence[Comparison], level_text: str
) -> str:
    """Return the sentence on the level of a decided verdict and its assumption."""
    if winner["grade"] == DECIDED_FREE:
        return f"This is decided at the {level_text} level for any distribution of scores."
    units = {
        pair["unit"]
        for pair in comparisons
        if set(winner["best_policies"]) & {*_policy_names_of_pair(pair)}
    }
    kinds = "episodes" if units == {EPISODE} else "training seeds"
    return f"This is decided at the {level_text} level, if {kinds} vary like those seen."


def _policy_names_of_pair(pair: Comparison) -> tuple[str, str]:
    return pair["a"], pair["b"]


def _explain_undecided(winner: Winner, comparisons: Sequence[Comparison], level_text: str) -> str:
    """Return the reasons why the best policy is not decided, as a sentence without a period."""
    kinds = ("equivalent_to", "not_tested_with", "not_compared_with")
    explained = {name for kind in kinds for name in winner[kind]}
    undecided = [name for name in winner["undecided_with"] if name not in explained]
    parts = []
    if undecided:
        best = winner["best_policies"][0]
        closest = _find_comparison_with_closest_policy(best, undecided, comparisons)
        forecast = describe_required_sample_sizes(closest["forecast"])
        parts.append(
            f"its lead over {abbreviate_name_list(undecided)} is not decided at the "
            f"{level_text} level" + (f" ({forecast} may decide it)" if forecast else "")
        )
    if winner["equivalent_to"]:
        parts.append(f"it is equivalent to {abbreviate_name_list(winner['equivalent_to'])}")
    if winner["not_tested_with"]:
        has_few_seeds = any(pair["seeds_missing"] for pair in comparisons)
        reason = f"a model-based test of a method needs {SEEDS_NEEDED} training seeds"
        parts.append(
            f"its lead over {abbreviate_name_list(winner['not_tested_with'])} "
            f"could not be tested ({reason if has_few_seeds else 'one observation only'})"
        )
    if winner["not_compared_with"]:
        parts.append(
            f"it was not compared with {abbreviate_name_list(winner['not_compared_with'])}"
        )
    text = ", and ".join(parts)
    return text[:1].upper() + text[1:]


def _find_comparison_with_closest_policy(
    best_policy_name: str, other_policy_names: Iterable[str], comparisons: Sequence[Comparison]
) -> Comparison:
    """Return the comparison with the smallest difference, which is the hardest to decide."""
    pairs = [
        pair
        for pair in comparisons
        if best_policy_name in _policy_names_of_pair(pair)
        and {*_policy_names_of_pair(pair)} & {*other_policy_names}
    ]
    return min(pairs, key=lambda pair: abs(pair["difference"]))


def abbreviate_name_list(names: Sequence[str]) -> str:
    """Return up to 3 names and the number of the remaining ones."""
    remaining = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + remaining


def describe_claim_scope(unit: Unit) -> str:
    """Describe what a result with this unit is about."""
    return {
        SEED: "about the training method, on these worlds",
        EPISODE: "about these weights",
        MIXED: "about a training method against fixed weights",
    }[unit]


def format_pair_verdict(pair: Comparison) -> str:
    """Return the outcome of one comparison as a clause."""
    a, b = pair["a"], pair["b"]
    if pair["outcome"] == NOT_TESTED:
        return f"{a} and {b}: not tested" + (f"; {pair['note']}" if pair["note"] else "")
    if pair["outcome"] == UNDECIDED:
        forecast = describe_required_sample_sizes(pair["forecast"])
        return f"{a} and {b}: undecided" + (f"; {forecast} may decide it" if forecast else "")
    margin = (
        None
        if pair["margin"] is None
        else format_with_long_unit(pair["margin"], pair["score_unit"])
    )
    if pair["outcome"] == EQUIVALENT:
        return f"{a} and {b} are equivalent: they differ by less than {margin}"
    better, worse = (a, b) if pair["outcome"] == BETTER else (b, a)
    limit = f", but by less than {margin}" if pair["within_margin"] else ""
    return f"{better} scores higher than {worse}{limit}"


def format_score(value: float) -> str:
    """Format a score: 1 decimal from 10 on, more for smaller values, with a Unicode minus sign."""
    size = abs(value)
    if size >= 10 or size == 0:
        text = f"{size:.1f}"
    elif size >= 1:
        text = f"{size:.2f}"
    else:
        text = f"{size:.3f}" if size >= 0.01 else f"{size:.2g}"
    return text if value >= 0 else f"−{text}"


def format_score_or_share_percent(value: float, score_unit: str) -> str:
    """Format a score: shares in percent with a percent sign, others as `format_score` does."""
    return f"{format_score(100 * value)} %" if score_unit == SHARE else format_score(value)


def format_with_long_unit(value: float, score_unit: str) -> str:
    """Format a score with its long unit: "97.5 % of the ceiling", "1.95 hearts per episode"."""
    unit = "of the ceiling" if score_unit == SHARE else score_unit
    return f"{format_score_or_share_percent(value, score_unit)} {unit}"
