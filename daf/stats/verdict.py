"""Who is best, how sure, and the sentences that say it."""

from collections.abc import Mapping, Sequence

from daf.stats.contrast import MIXED
from daf.stats.estimate import EPISODE, ROUNDING, SEED
from daf.stats.family import BETTER, EQUIVALENT, NOT_TESTED, WORSE
from daf.stats.pair import SEEDS_NEEDED

SCORE_UNIT = "hearts per episode"


def ranking(estimates: Sequence[dict], comparisons: Sequence[dict]) -> list[dict]:
    """Policies by mean score, best first, each with the ranks that the comparisons leave open.

    Equal means share a rank and the next is skipped. A policy can be as high as 1 + the number of
    policies found better than it, and as low as the number of policies - those found worse: since
    all findings hold together at the level of the family, so do all these intervals (Mohamad, van
    Zwet, Solari and Goeman 2021).

    Args:
        estimates: dicts with policy and mean, of one mission or of the overall mean.
        comparisons: judged pairs of the same mission(s).

    Returns:
        [{rank, policy, mean, rank_low, rank_high}]; rank_low is the best rank.
    """
    ordered = sorted(estimates, key=lambda item: (-item["mean"], item["policy"]))
    ranks: list[dict] = []
    for position, item in enumerate(ordered, start=1):
        rank = position
        if ranks and _same(item["mean"], ranks[-1]["mean"]):
            rank = ranks[-1]["rank"]
        beaten, beaten_by = _beaten(item["policy"], comparisons)
        ranks.append(
            {"rank": rank, "policy": item["policy"], "mean": item["mean"]}
            | {"rank_low": 1 + len(beaten_by), "rank_high": len(ordered) - len(beaten)}
        )
    # Among equal means the name decides the order, not the last digit of a sum.
    return sorted(ranks, key=lambda item: (item["rank"], item["policy"]))


def _beaten(policy: str, comparisons: Sequence[dict]) -> tuple[set[str], set[str]]:
    """Whom the policy beats, and by whom it is beaten."""
    beaten, beaten_by = set(), set()
    for pair in comparisons:
        if policy in (pair["a"], pair["b"]) and pair["outcome"] in (BETTER, WORSE):
            won = (pair["outcome"] == BETTER) == (pair["a"] == policy)
            other = pair["b"] if pair["a"] == policy else pair["a"]
            (beaten if won else beaten_by).add(other)
    return beaten, beaten_by


def winner(ranks: Sequence[dict], comparisons: Sequence[dict]) -> dict:
    """The best policy of a ranking, and whether the comparisons bear it out.

    Args:
        ranks: what `ranking` gave.
        comparisons: judged pairs of the same mission(s).

    Returns:
        best_policies (several if exactly tied, sorted; empty for an empty ranking), best_policy
        (their names in one text; None without any), decided (one is best and beats every other
        policy), undecided_with, equivalent_to, not_tested_with, not_compared_with: the other
        policies that it does not beat, sorted; the first list holds them all, the others say why.
    """
    best = [item["policy"] for item in ranks if item["rank"] == 1]
    found = {}
    for pair in comparisons:
        for here, other in ((pair["a"], pair["b"]), (pair["b"], pair["a"])):
            if here in best and other not in best:
                found.setdefault(other, []).append(pair["outcome"])
    others = sorted(item["policy"] for item in ranks if item["rank"] > 1)
    open_ = [
        name
        for name in others
        if not all(name in _beaten(policy, comparisons)[0] for policy in best)
    ]
    return {
        "best_policies": best,
        "best_policy": ", ".join(best) or None,
        "decided": not open_ and len(best) == 1 and len(ranks) > 1,
        "undecided_with": open_,
        "equivalent_to": [name for name in open_ if EQUIVALENT in found.get(name, [])],
        "not_tested_with": [name for name in open_ if NOT_TESTED in found.get(name, [])],
        "not_compared_with": [name for name in open_ if name not in found],
    }


def _same(a: float, b: float) -> bool:
    return abs(a - b) <= ROUNDING * max(abs(a), abs(b))


def verdict_text(
    win: Mapping,
    estimates: Mapping[str, Mapping],
    comparisons: Sequence[Mapping],
    where: str,
    confidence: float,
) -> str:
    """The verdict in plain words.

    Args:
        win: what `winner` gave.
        estimates: of each policy.
        comparisons: judged pairs of the same mission(s).
        where: "on mission_a" or "over 3 missions".
        confidence: level of the claims.
    """
    if not win["best_policies"]:
        return "No mission was played by every policy, so no policy is best overall."
    level = f"{100 * confidence:g} %"
    name, best = win["best_policies"][0], estimates[win["best_policies"][0]]
    score = f"{format_score(best['mean'])} {SCORE_UNIT} {where}"
    if best["low"] is not None and best["low"] < best["high"]:
        score += f", {level} interval {format_score(best['low'])} to {format_score(best['high'])}"
    if win["decided"]:
        text = (
            f"{name} is the best policy ({score}); "
            f"it beats every other policy at the {level} level."
        )
    elif len(win["best_policies"]) > 1:
        text = f"{' and '.join(win['best_policies'])} share the highest mean exactly ({score})."
    elif not win["undecided_with"]:
        text = f"{name} is the only policy ({score}); there is nothing to compare it with."
    else:
        text = f"{name} has the highest mean ({score}), but {_open(win, comparisons, level)}."
    if best["unit"] == EPISODE and best["n_training_seeds"] == 1:
        text += " One training seed: this is about these weights, not about the training method."
    return text


def _open(win: Mapping, comparisons: Sequence[Mapping], level: str) -> str:
    """Why the best policy is not decided."""
    kinds = ("equivalent_to", "not_tested_with", "not_compared_with")
    said = {name for kind in kinds for name in win[kind]}
    open_ = [name for name in win["undecided_with"] if name not in said]
    parts = []
    if open_:
        more = format_units_needed(_nearest(win["best_policies"][0], open_, comparisons))
        parts.append(
            f"it cannot be told apart from {format_names(open_)} at the {level} level"
            + (f" ({more} would decide it)" if more else "")
        )
    if win["equivalent_to"]:
        parts.append(f"it is equivalent to {format_names(win['equivalent_to'])}")
    if win["not_tested_with"]:
        few = any(pair["seeds_missing"] for pair in comparisons)
        why = f"a claim about a training method needs {SEEDS_NEEDED} training seeds"
        parts.append(
            f"the difference to {format_names(win['not_tested_with'])} could not be tested "
            f"({why if few else 'one observation only'})"
        )
    if win["not_compared_with"]:
        parts.append(f"it was not to be compared with {format_names(win['not_compared_with'])}")
    return ", and ".join(parts)


def _nearest(best: str, others: Sequence[str], comparisons: Sequence[Mapping]) -> Mapping | None:
    """The comparison with the closest of the others, which is the hardest to decide."""
    pairs = [
        pair
        for pair in comparisons
        if {pair["a"], pair["b"]} & {best} and {pair["a"], pair["b"]} & set(others)
    ]
    return min(pairs, key=lambda pair: abs(pair["difference"]), default=None)


def format_units_needed(pair: Mapping | None) -> str | None:
    """The further seeds or episodes of an undecided pair in words; None if there are none."""
    further = pair["further"] if pair else None
    if not further:
        return None
    seeds, episodes = further["training_seeds"], further["episodes"]
    words = [] if seeds is None else [f"{seeds} more training seed{'s' if seeds > 1 else ''}"]
    words += [] if episodes is None else [f"{episodes} more episode{'s' if episodes > 1 else ''}"]
    about = "" if pair["seeds_missing"] else "about "
    return f"{about}{' and '.join(words)} each"


def format_names(names: Sequence[str]) -> str:
    """Up to three names, and how many more there are."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def claim_text(unit: str) -> str:
    """What a result with this unit is about."""
    return {
        SEED: "about the training method, on these worlds",
        EPISODE: "about these weights",
        MIXED: "about a training method against fixed weights",
    }[unit]


def pair_verdict(pair: Mapping) -> str:
    """One judged comparison in words."""
    a, b = pair["a"], pair["b"]
    margin = None if pair["margin"] is None else f"{format_score(pair['margin'])} {SCORE_UNIT}"
    if pair["outcome"] == NOT_TESTED:
        more = format_units_needed(pair)
        return f"{a} and {b}: not tested" + (f"; a test needs {more}" if more else "")
    if pair["outcome"] == EQUIVALENT:
        return f"{a} and {b} are equivalent: they differ by less than {margin}"
    if pair["outcome"] in (BETTER, WORSE):
        better, worse = (a, b) if pair["outcome"] == BETTER else (b, a)
        but = f", but by less than {margin}" if pair["within_margin"] else ""
        return f"{better} scores higher than {worse}{but}"
    more = format_units_needed(pair)
    return f"{a} and {b} cannot be told apart" + (f"; {more} would decide it" if more else "")


def format_score(value: float) -> str:
    """A score for reading: one decimal from 10 on, more for smaller values, a true minus sign."""
    size = abs(value)
    if size >= 10 or size == 0:
        text = f"{size:.1f}"
    elif size >= 1:
        text = f"{size:.2f}"
    else:
        text = f"{size:.3f}" if size >= 0.01 else f"{size:.2g}"
    return text if value >= 0 else f"−{text}"
