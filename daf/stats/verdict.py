"""Who is best, how sure, and the sentence that says it."""

from collections.abc import Sequence

from daf.stats.estimate import ROUNDING, SEED

SCORE_UNIT = "hearts per episode"


def ranking(estimates: Sequence[dict]) -> list[dict]:
    """Policies by mean score, best first; equal means share a rank and the next is skipped.

    Args:
        estimates: dicts with policy and mean, of one mission or of the overall mean.
    """
    ordered = sorted(estimates, key=lambda item: (-item["mean"], item["policy"]))
    ranks: list[dict] = []
    for position, item in enumerate(ordered, start=1):
        rank = position
        if ranks and _same(item["mean"], ranks[-1]["mean"]):
            rank = ranks[-1]["rank"]
        ranks.append({"rank": rank, "policy": item["policy"], "mean": item["mean"]})
    # Among equal means the name decides the order, not the last digit of a sum.
    return sorted(ranks, key=lambda item: (item["rank"], item["policy"]))


def winner(ranks: Sequence[dict], comparisons: Sequence[dict]) -> dict:
    """The best policy of a ranking, and whether the comparisons bear it out.

    Args:
        ranks: what `ranking` gave.
        comparisons: corrected pairs (`a`, `b`, `difference`, `decided`) of the same mission(s).

    Returns:
        best_policy (None for an empty ranking), decided (it beats every other policy; False where
        there is no other), undecided_with (names it cannot be told apart from, sorted).
    """
    if not ranks:
        return {"best_policy": None, "decided": False, "undecided_with": []}
    best = ranks[0]["policy"]
    beaten = {pair["b"] for pair in comparisons if _won(pair, best, "a", 1)}
    beaten |= {pair["a"] for pair in comparisons if _won(pair, best, "b", -1)}
    open_ = sorted({item["policy"] for item in ranks} - beaten - {best})
    return {
        "best_policy": best,
        "decided": not open_ and len(ranks) > 1,
        "undecided_with": open_,
    }


def _won(pair: dict, best: str, side: str, sign: int) -> bool:
    return pair[side] == best and bool(pair["decided"]) and sign * pair["difference"] > 0


def _same(a: float, b: float) -> bool:
    return abs(a - b) <= ROUNDING * max(abs(a), abs(b))


def sentence(win: dict, best: dict | None, where: str, confidence: float) -> str:
    """The verdict in plain words.

    Args:
        win: what `winner` gave.
        best: the estimate of the best policy; None if there is none.
        where: "on mission_a" or "over 3 missions".
        confidence: level of the claims.
    """
    if best is None:
        return "No mission was played by every policy, so no policy is best overall."
    level = f"{100 * confidence:g} %"
    name, others = win["best_policy"], win["undecided_with"]
    score = f"{number(best['mean'])} {SCORE_UNIT} {where}"
    if best["low"] is not None and best["low"] < best["high"]:
        score += f", {level} interval {number(best['low'])} to {number(best['high'])}"
    if win["decided"]:
        text = (
            f"{name} is the best policy ({score}); "
            f"it beats every other policy at the {level} level."
        )
    elif not others:
        text = f"{name} is the only policy ({score}); there is nothing to compare it with."
    else:
        text = (
            f"{name} has the highest mean ({score}), but it cannot be told apart from "
            f"{listed(others)} at the {level} level."
        )
    if best["n_training_seeds"] == 1:
        text += " One training seed: this is about these weights, not about the training method."
    return text


def listed(names: Sequence[str]) -> str:
    """Up to three names, and how many more there are."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def claim(unit: str) -> str:
    """What a result with this unit is about."""
    return {
        SEED: "about the training method, on these worlds",
        "episode": "about these weights",
        "mixed": "about a training method against fixed weights",
    }[unit]


def pair_verdict(pair: dict) -> str:
    """One corrected comparison in words."""
    if pair["decided"] is None:
        return f"{pair['a']} and {pair['b']}: not tested"
    if not pair["decided"]:
        return f"{pair['a']} and {pair['b']} cannot be told apart"
    better, worse = (pair["a"], pair["b"]) if pair["difference"] > 0 else (pair["b"], pair["a"])
    return f"{better} scores higher than {worse}"


def number(value: float) -> str:
    """A score for reading: one decimal from 10 on, more for smaller values, a true minus sign."""
    size = abs(value)
    if size >= 10 or size == 0:
        text = f"{size:.1f}"
    elif size >= 1:
        text = f"{size:.2f}"
    else:
        text = f"{size:.3f}" if size >= 0.01 else f"{size:.2g}"
    return text if value >= 0 else f"−{text}"
