"""The comparisons of one family, judged together.

Which test decides is known before any score is: the permutation test, unless it could not reach
the level that Holm's correction may ask of one comparison, level / size of the family, even if one
policy won every time; then the t test. Where nothing varies at all a t test measures nothing, and
the permutation test stands.
"""

import math
from collections.abc import Mapping, Sequence

from scipy import special

from daf.stats.contrast import MIXED, holm_adjust
from daf.stats.estimate import EPISODE
from daf.stats.pair import PairResult
from daf.stats.permutation import min_permutation_p, min_sign_flip_p
from daf.stats.power import further_units, smallest_sufficient

BETTER, WORSE, EQUIVALENT, UNDECIDED = "better", "worse", "equivalent", "undecided"
NOT_TESTED = "not tested"


def test_family(
    named: Sequence[tuple[Mapping, PairResult]],
    *,
    confidence: float,
    share: float,
    ceilings: Mapping[str | None, float | None],
) -> list[dict]:
    """The comparisons of one family, corrected and with an outcome each.

    Args:
        named: keys to begin with (a, b, mission), and the pair.
        confidence: 1 - confidence is the level that the family keeps.
        share: margin of equivalence as a share of the ceiling.
        ceilings: of each mission that occurs (None among the missions: overall).

    Returns:
        for each the keys given, those of `PairResult.values`, and
        p (of the test that decides), test ("permutation" or "t"), method (in words);
        p_holm, decided (a difference was found; None: not tested);
        margin (score units), p_equivalence, p_equivalence_holm (None without margin or test),
        within_margin (the difference was shown to be smaller than it);
        outcome: "better" or "worse" (a than b), "equivalent", "undecided" or "not tested";
        further: {training_seeds, episodes} of each policy (episodes per mission), None where they
        do not count, that would decide the observed difference at 80 % power; `further` itself is
        None where nothing is open or no number would do.
    """
    level = 1 - confidence
    size = max(sum(pair.tested for _, pair in named), 1)
    found = []
    for name, pair in named:
        p, test, method = _deciding_test(pair, level / size)
        margin = None if ceilings[name["mission"]] is None else share * ceilings[name["mission"]]
        p_equivalence = None if margin is None or p is None else _equivalence(pair, margin, share)
        found.append(
            {**name, **pair.values, "p": p, "test": test, "method": method}
            | {"margin": margin, "p_equivalence": p_equivalence}
        )
    for key in ("p", "p_equivalence"):
        tested = [item for item in found if item[key] is not None]
        corrected = iter(holm_adjust([item[key] for item in tested]))
        for item in found:
            item[f"{key}_holm"] = None if item[key] is None else next(corrected)
    for item, (_, pair) in zip(found, named):
        corrected = item["p_equivalence_holm"]
        item["within_margin"] = corrected is not None and corrected < level
        item["outcome"] = _classify(item, level)
        item["decided"] = None if item["p"] is None else item["outcome"] in (BETTER, WORSE)
        item["further"] = _units_needed(item, pair, level / size)
    return found


def _deciding_test(pair: PairResult, level: float) -> tuple[float | None, str | None, str]:
    values = pair.values
    if not pair.tested:
        return None, None, f"no test; interval of {values['method_t']}"
    kind = {EPISODE: "episodes"}.get(values["unit"], "training seeds")
    words = "paired permutation over worlds" if pair.contrast.pairs else f"permutation of {kind}"
    if not pair.varies:
        p = values["p_permutation"]
        if p is None:
            p = min_sign_flip_p(pair.units) if values["difference"] else 1.0
        return p, "permutation", f"{words}, for nothing varies"
    if pair.resolution is not None and pair.resolution < level:
        return values["p_permutation"], "permutation", words
    return values["p_t"], "t", values["method_t"]


def _equivalence(pair: PairResult, margin: float, share: float) -> float:
    """The larger p of two one-sided t tests: d < margin, d > -margin (Schuirmann 1987).

    Where nothing varies: were the true difference as large as the margin, a share of all cases at
    least r = (margin - |d|) / (ceiling - |d|) would have to differ from the d that all n units
    show, for none is larger than the ceiling; the chance to meet none of them is (1 - r)^n.
    """
    terms, inside = pair.contrast.terms, margin - abs(pair.contrast.difference)
    if inside <= 0 and not pair.varies:
        return 1.0
    if not pair.varies:
        return (1 - inside / (margin / share - abs(pair.contrast.difference))) ** pair.units
    variance = sum(term.variance for term in terms)
    df = 1 / sum((term.variance / variance) ** 2 / term.df for term in terms)
    return float(special.stdtr(df, -inside / math.sqrt(variance)))


def _classify(item: Mapping, level: float) -> str:
    if item["p"] is None:
        return NOT_TESTED
    if item["p_holm"] < level and item["difference"] != 0:
        return BETTER if item["difference"] > 0 else WORSE
    return EQUIVALENT if item["within_margin"] else UNDECIDED


def _units_needed(item: Mapping, pair: PairResult, level: float) -> dict | None:
    if item["seeds_missing"]:
        return {"training_seeds": item["seeds_missing"], "episodes": None}
    if item["outcome"] != UNDECIDED or item["difference"] == 0:
        return None
    n = pair.units
    if pair.varies:
        more = further_units(item["difference"], pair.contrast.terms, n, level)
    elif pair.contrast.pairs or item["unit"] == MIXED:
        more = smallest_sufficient(lambda more: min_sign_flip_p(n + more) < level)
    else:
        more = smallest_sufficient(lambda more: min_permutation_p(n + more, n + more) < level)
    if more is None:
        return None
    return {
        "training_seeds": None if pair.seeds is None else math.ceil(more * pair.seeds / n),
        "episodes": None if pair.episodes is None else math.ceil(more * pair.episodes / n),
    }
