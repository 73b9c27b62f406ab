"""Tests of one family of comparisons, with Holm's correction and an outcome for each.

The deciding test does not depend on the scores: it is the permutation test, if its smallest p-value
is below level / family size, the strictest level of Holm's correction; else the t test. Without
any variation the t test is undefined, and the permutation test decides.
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
    named_pairs: Sequence[tuple[Mapping, PairResult]],
    *,
    confidence: float,
    share: float,
    ceilings: Mapping[str | None, float | None],
) -> list[dict]:
    """Test the comparisons of one family with Holm's correction; classify each outcome.

    Args:
        named_pairs: (identifying keys a, b and mission; result of the pair).
        confidence: 1 - confidence is the family-wise level.
        share: equivalence margin as a fraction of the ceiling.
        ceilings: ceiling of each mission; the key None is the overall mean.

    Returns:
        for each pair its identifying keys, those of `PairResult.values`, and
        p (of the deciding test), test ("permutation" or "t"), method (text);
        p_holm, decided (a difference was found; None: not tested);
        margin (score units), p_equivalence, p_equivalence_holm (None without margin or test),
        within_margin (the difference is significantly smaller than the margin);
        outcome: "better" or "worse" (a than b), "equivalent", "undecided" or "not tested";
        further: additional {training_seeds, episodes} of each policy (episodes per mission) that
        would decide the observed difference at 80 % power; a value is None if it does not count,
        `further` is None if the pair is decided or no number is sufficient.
    """
    level = 1 - confidence
    size = max(sum(pair.tested for _, pair in named_pairs), 1)
    results = []
    for name, pair in named_pairs:
        p, test, method = _deciding_test(pair, level / size)
        margin = None if ceilings[name["mission"]] is None else share * ceilings[name["mission"]]
        p_equivalence = (
            None if margin is None or p is None else _equivalence_p_value(pair, margin, share)
        )
        results.append(
            {**name, **pair.values, "p": p, "test": test, "method": method}
            | {"margin": margin, "p_equivalence": p_equivalence}
        )
    for key in ("p", "p_equivalence"):
        tested = [item for item in results if item[key] is not None]
        corrected = iter(holm_adjust([item[key] for item in tested]))
        for item in results:
            item[f"{key}_holm"] = None if item[key] is None else next(corrected)
    for item, (_, pair) in zip(results, named_pairs):
        corrected = item["p_equivalence_holm"]
        item["within_margin"] = corrected is not None and corrected < level
        item["outcome"] = _classify_difference(item, level)
        item["decided"] = None if item["p"] is None else item["outcome"] in (BETTER, WORSE)
        item["further"] = _units_needed(item, pair, level / size)
    return results


def _deciding_test(pair: PairResult, level: float) -> tuple[float | None, str | None, str]:
    """Return p, name ("permutation" or "t") and description of the deciding test of a pair."""
    values = pair.values
    if not pair.tested:
        return None, None, f"no test; interval of {values['method_t']}"
    kind = {EPISODE: "episodes"}.get(values["unit"], "training seeds")
    description = (
        "paired permutation over worlds" if pair.contrast.pairs else f"permutation of {kind}"
    )
    if not pair.varies:
        p = values["p_permutation"]
        if p is None:
            p = min_sign_flip_p(pair.units) if values["difference"] else 1.0
        return p, "permutation", f"{description}, without any variation"
    if pair.resolution is not None and pair.resolution < level:
        return values["p_permutation"], "permutation", description
    return values["p_t"], "t", values["method_t"]


def _equivalence_p_value(pair: PairResult, margin: float, share: float) -> float:
    """Compute the larger p of two one-sided t tests: d < margin, d > -margin (Schuirmann 1987).

    Without variation all n units have the difference d. If the true difference were as large as
    the margin, a fraction of at least r = (margin - |d|) / (ceiling - |d|) of all cases would
    differ from d, because no difference exceeds the ceiling. The probability of n units without
    such a case is (1 - r)^n.
    """
    terms, distance = pair.contrast.terms, margin - abs(pair.contrast.difference)
    if distance <= 0 and not pair.varies:
        return 1.0
    if not pair.varies:
        return (1 - distance / (margin / share - abs(pair.contrast.difference))) ** pair.units
    variance = sum(term.variance for term in terms)
    df = 1 / sum((term.variance / variance) ** 2 / term.df for term in terms)
    return float(special.stdtr(df, -distance / math.sqrt(variance)))


def _classify_difference(item: Mapping, level: float) -> str:
    if item["p"] is None:
        return NOT_TESTED
    if item["p_holm"] < level and item["difference"] != 0:
        return BETTER if item["difference"] > 0 else WORSE
    return EQUIVALENT if item["within_margin"] else UNDECIDED


def _units_needed(item: Mapping, pair: PairResult, level: float) -> dict | None:
    """Return the additional units of an undecided pair; see `further` in `test_family`."""
    if item["seeds_missing"]:
        return {"training_seeds": item["seeds_missing"], "episodes": None}
    if item["outcome"] != UNDECIDED or item["difference"] == 0:
        return None
    n = pair.units
    if pair.varies:
        extra = further_units(item["difference"], pair.contrast.terms, n, level)
    elif pair.contrast.pairs or item["unit"] == MIXED:
        extra = smallest_sufficient(lambda k: min_sign_flip_p(n + k) < level)
    else:
        extra = smallest_sufficient(lambda k: min_permutation_p(n + k, n + k) < level)
    if extra is None:
        return None
    return {
        "training_seeds": None if pair.seeds is None else math.ceil(extra * pair.seeds / n),
        "episodes": None if pair.episodes is None else math.ceil(extra * pair.episodes / n),
    }
