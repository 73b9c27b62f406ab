"""`analyse`: from the episode table to estimates, comparisons, rankings and a verdict."""

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import pandas as pd

from daf.stats.episode_table import validate_episodes
from daf.stats.estimate import SEED, Samples, samples, summarize, unit_of
from daf.stats.family import test_family
from daf.stats.game_statistics import game_statistics
from daf.stats.pair import SEEDS_NEEDED, compare_pair
from daf.stats.profiles import profile
from daf.stats.robust import robust
from daf.stats.teams import analyse_teams
from daf.stats.verdict import SCORE_UNIT, claim_text, pair_verdict, ranking, verdict_text, winner

SamplesByPolicy = dict[str, Samples]
"""The unit values of each policy on the same missions."""


def analyse(
    episodes: pd.DataFrame,
    *,
    confidence: float = 0.95,
    against: str | None = None,
    equivalence_margin: float = 0.05,
    ceilings: Mapping[str, float | None] | None = None,
    teams: Mapping | None = None,
) -> dict:
    """Everything the episodes support, as JSON-able data; the same for any order of the rows.

    Args:
        episodes: concatenated episode tables of all policies and missions (see `table.COLUMNS`).
        confidence: coverage of the intervals; 1 - confidence is the level of the tests.
        against: compare with this policy only (if it was not evaluated, nothing is compared); None
            for all pairs. It decides the families of Holm's correction, so choose it beforehand.
        equivalence_margin: differences below this share of a mission's ceiling do not matter.
        ceilings: proven upper bounds of the score, by mission, as far as they are known.
        teams: what is asked of teams, see `teams.analyse_teams`. Their episodes serve nothing else.

    Returns:
        a dict of plain values, without NaN:
        `confidence`, `score_unit`, `missions`, `seeds_needed` (for a test about a method);
        `overall_missions`: missions that every policy played; all "overall" results are on these;
        `missing`: [{policy, mission}] not played;
        `policies`: [{policy, unit, claim, n_training_seeds, n_episodes, runs, seeds_missing}];
        `estimates`, `overall`: [{policy, mission, mean, sd, low, high, n_units, n_episodes,
        n_training_seeds, unit, claim, note, median, iqm (each with _low, _high; `robust_note`),
        gap, gap_low, gap_high (share of the ceiling that the mean lacks), gap_note}]
        (`mission` None in `overall`);
        `comparisons`, `comparisons_overall`: [{a, b, mission, claim, verdict} and what
        `family.test_family` gives]; intervals, `p_t` and `p_permutation` are of one comparison, `p_holm`
        is corrected over its family;
        `families`: size of the two families Holm's correction was taken over;
        `against`, `equivalence`: {share, margins: {mission: score units or None}, overall, note};
        `ranking`: {"overall": [see `verdict.ranking`], "missions": {mission: [...]}};
        `teams`: see `teams.analyse_teams`; None if nothing was asked;
        `game`: what happened, see `game.game_statistics`;
        `profiles`: {"overall": see `profiles.profile`, "missions": {mission: ...}};
        `mission_verdicts`: {mission: what `verdict.winner` gives, and verdict};
        `best_policies`, `best_policy`, `best_policy_decided`, `undecided_with`, `verdict`: overall.

    Raises:
        ValueError: the table is wrong (see `table.validate_episodes`), or a number is not in (0, 1).
    """
    for name, value in (("confidence", confidence), ("equivalence_margin", equivalence_margin)):
        if not 0 < value < 1:
            raise ValueError(f"{name} must lie between 0 and 1, got {value!r}")
    answered = analyse_teams(episodes, teams, confidence) if teams else None
    if teams:
        episodes = episodes[~episodes["policy"].isin(teams["teams"])]
    table = validate_episodes(episodes)
    by_policy = dict(iter(table.groupby("policy", sort=True)))
    units = {policy: unit_of(rows) for policy, rows in by_policy.items()}
    played = {policy: set(rows["mission"]) for policy, rows in by_policy.items()}
    missions = sorted(set(table["mission"]))
    shared = sorted(set.intersection(*played.values()))
    limits = _usable_ceilings(ceilings or {}, missions, shared)
    drawn: dict[str, SamplesByPolicy] = {mission: {} for mission in missions}
    for (mission, policy), rows in table.groupby(["mission", "policy"], sort=True):
        drawn[mission][policy] = samples(rows, [mission], units[policy])
    together: SamplesByPolicy = {
        policy: samples(rows, shared, units[policy]) for policy, rows in by_policy.items() if shared
    }

    def described(on: SamplesByPolicy, mission: str | None) -> list[dict]:
        return [
            {
                "policy": policy,
                "mission": mission,
                "unit": sample.unit,
                "claim": claim_text(sample.unit),
            }
            | summarize(sample, confidence)
            | robust(sample, confidence)
            | _optimality_gap(by_policy[policy], sample, limits, confidence)
            for policy, sample in on.items()
        ]

    def family(parts: Mapping[str | None, SamplesByPolicy]) -> list[dict]:
        named = [
            ({"a": a, "b": b, "mission": mission}, compare_pair(on[a], on[b], confidence))
            for mission, on in parts.items()
            for a, b in combinations(on, 2)
            if against in (None, a, b)
        ]
        judged = test_family(
            named, confidence=confidence, share=equivalence_margin, ceilings=limits
        )
        return [
            pair | {"claim": claim_text(pair["unit"]), "verdict": pair_verdict(pair)}
            for pair in judged
        ]

    estimates = [item for mission, on in drawn.items() for item in described(on, mission)]
    comparisons = family(drawn)
    overall = described(together, None)
    comparisons_overall = family({None: together})

    where = f"over {len(shared)} missions" if len(shared) > 1 else f"on {''.join(shared)}"
    ranks, final = _rank_and_judge(overall, comparisons_overall, where, confidence)
    rankings, verdicts = {}, {}
    for mission in missions:
        here = [item for item in estimates if item["mission"] == mission]
        pairs = [pair for pair in comparisons if pair["mission"] == mission]
        rankings[mission], verdicts[mission] = _rank_and_judge(
            here, pairs, f"on {mission}", confidence
        )
    return {
        "confidence": float(confidence),
        "score_unit": SCORE_UNIT,
        "seeds_needed": SEEDS_NEEDED,
        "missions": missions,
        "overall_missions": shared,
        "missing": [
            {"policy": policy, "mission": mission}
            for policy in by_policy
            for mission in missions
            if mission not in played[policy]
        ],
        "policies": [_policy(policy, rows, units[policy]) for policy, rows in by_policy.items()],
        "estimates": sorted(estimates, key=lambda item: (item["policy"], item["mission"])),
        "overall": overall,
        "comparisons": sorted(comparisons, key=lambda item: (item["a"], item["b"])),
        "comparisons_overall": comparisons_overall,
        "families": {
            "missions": sum(pair["p"] is not None for pair in comparisons),
            "overall": sum(pair["p"] is not None for pair in comparisons_overall),
        },
        "against": against,
        "equivalence": _equivalence(limits, missions, equivalence_margin),
        "ranking": {"overall": ranks, "missions": rankings},
        "teams": answered,
        "game": game_statistics(episodes),
        "profiles": {
            "overall": profile(together, confidence, limits) if len(shared) > 1 else None,
            "missions": {mission: profile(on, confidence, limits) for mission, on in drawn.items()},
        },
        "mission_verdicts": verdicts,
        "best_policies": final["best_policies"],
        "best_policy": final["best_policy"],
        "best_policy_decided": final["decided"],
        "undecided_with": final["undecided_with"],
        "verdict": final["verdict"],
    }


def _usable_ceilings(
    ceilings: Mapping[str, float | None], missions: list[str], shared: list[str]
) -> dict[str | None, float | None]:
    """The ceiling of each mission, and under None that of the overall mean; None where unknown.

    A ceiling of 0 leaves nothing to measure against, so it counts as unknown.
    """
    limits: dict[str | None, float | None] = {m: ceilings.get(m) or None for m in missions}
    known = bool(shared) and all(limits[mission] for mission in shared)
    limits[None] = float(np.mean([limits[mission] for mission in shared])) if known else None
    return limits


def _optimality_gap(
    rows: pd.DataFrame, sample: Samples, limits: Mapping, confidence: float
) -> dict:
    """The optimality gap: the share of the ceiling that the mean lacks (Agarwal et al. 2021).

    1 - mean(score / ceiling), each mission weighing the same, with the t interval of that mean.
    """
    empty = dict.fromkeys(("gap", "gap_low", "gap_high"))
    for mission, cell in sample.scores.items():
        if limits[mission] is None:
            return empty | {"gap_note": f"{mission} has no known ceiling"}
        if np.nanmax(cell.to_numpy()) > limits[mission]:
            return empty | {"gap_note": f"a score on {mission} is above its ceiling"}
    rows = rows[rows["mission"].isin(list(sample.scores))]
    scaled = rows.assign(score=rows["score"] / rows["mission"].map(limits))
    mean = summarize(samples(scaled, list(sample.scores), sample.unit), confidence)
    known = mean["low"] is not None
    return {
        "gap": 1 - mean["mean"],
        "gap_low": max(1 - mean["high"], 0.0) if known else None,
        "gap_high": 1 - mean["low"] if known else None,
        "gap_note": None,
    }


def _equivalence(limits: Mapping, missions: list[str], share: float) -> dict:
    margins = {m: None if limits[m] is None else share * limits[m] for m in (*missions, None)}
    unknown = [mission for mission in missions if limits[mission] is None]
    note = f"no verdict of equivalence on {', '.join(unknown)}: no ceiling is known there"
    return {
        "share": float(share),
        "overall": margins.pop(None),
        "margins": margins,
        "note": note if unknown else None,
    }


def _policy(policy: str, rows: pd.DataFrame, unit: str) -> dict:
    seeds = int(rows["training_seed"].nunique())
    return {
        "policy": policy,
        "unit": unit,
        "claim": claim_text(unit),
        "n_training_seeds": seeds,
        "n_episodes": len(rows),
        "runs": sorted(set(rows["run"])),
        "seeds_missing": max(SEEDS_NEEDED - seeds, 0) if unit == SEED else 0,
    }


def _rank_and_judge(
    estimates: list[dict], comparisons: list[dict], where: str, confidence: float
) -> tuple[list[dict], dict]:
    """The ranking, and who won it."""
    ranks = ranking(estimates, comparisons)
    win = winner(ranks, comparisons)
    by_policy = {item["policy"]: item for item in estimates}
    return ranks, win | {"verdict": verdict_text(win, by_policy, comparisons, where, confidence)}
