"""Statistics of an episode table: estimates, comparisons, rankings and a verdict.

`analyse` returns a dict of plain values without NaN. Its keys:

- `confidence`, `score_unit`, `missions`, `seeds_needed` (training seeds that a test of a method
  needs);
- `overall_missions`: missions with episodes of every policy, the basis of all "overall" results;
- `missing`: [{policy, mission}] without episodes;
- `policies`: [{policy, unit, claim, n_training_seeds, n_episodes, runs, seeds_missing}];
- `estimates`, `overall`: [{policy, mission, mean, sd, low, high, n_units, n_episodes,
  n_training_seeds, unit, claim, note, median, iqm (each with _low, _high; `robust_note`),
  gap, gap_low, gap_high (fraction of the ceiling that the mean lacks), gap_note}]
  (`mission` is None in `overall`);
- `comparisons`, `comparisons_overall`: [{a, b, mission, claim, verdict} and the output of
  `family.test_family`]; intervals, `p_t` and `p_permutation` are uncorrected, `p_holm` is corrected
  over the family;
- `families`: sizes of the two families of Holm's correction;
- `against`, `equivalence`: {share, margins: {mission: score units or None}, overall, note};
- `ranking`: {"overall": [see `verdict.rank_policies`], "missions": {mission: [...]}};
- `teams`: see `teams.analyse_teams`; None without teams;
- `game`: see `game_statistics.average_game_statistics`;
- `profiles`: {"overall": see `profiles.compute_profile`, "missions": {mission: ...}};
- `mission_verdicts`: {mission: output of `verdict.find_winner`, and `verdict`};
- `best_policies`, `best_policy`, `best_policy_decided`, `undecided_with`, `verdict`: overall.
"""

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import pandas as pd

from daf.stats.episode_table import validate_episodes
from daf.stats.estimate import SEED, Samples, collect_samples, summarize
from daf.stats.evaluations import Evaluations, SamplesByPolicy, group_episodes
from daf.stats.family import test_family
from daf.stats.game_statistics import average_game_statistics
from daf.stats.pair import SEEDS_NEEDED, compare_pair
from daf.stats.profiles import compute_profile
from daf.stats.robust import estimate_robust
from daf.stats.teams import analyse_teams
from daf.stats.verdict import (
    SCORE_UNIT,
    claim_text,
    find_winner,
    pair_verdict,
    rank_policies,
    verdict_text,
)


def analyse(
    episodes: pd.DataFrame,
    *,
    confidence: float = 0.95,
    against: str | None = None,
    equivalence_margin: float = 0.05,
    ceilings: Mapping[str, float | None] | None = None,
    teams: Mapping | None = None,
) -> dict:
    """Compute all statistics of some episodes, independently of the order of the rows.

    Args:
        episodes: concatenated episode tables of all policies and missions (see
            `episode_table.COLUMNS`).
        confidence: coverage of the intervals; 1 - confidence is the level of the tests.
        against: reference policy of all comparisons; None for all pairs. It defines the families of
            Holm's correction, so it must be chosen before the scores are known.
        equivalence_margin: largest irrelevant difference, as a fraction of the mission's ceiling.
        ceilings: proven upper bounds of the score by mission, where available.
        teams: team statistics to compute (see `teams.analyse_teams`); excluded from all others.

    Returns:
        JSON-able dict; the docstring of this module lists its keys.

    Raises:
        ValueError: the table is invalid, or a number is not in (0, 1).
    """
    _check_fractions(confidence=confidence, equivalence_margin=equivalence_margin)
    team_results = analyse_teams(episodes, teams, confidence) if teams else None
    if teams:
        episodes = episodes[~episodes["policy"].isin(teams["teams"])]
    data = group_episodes(validate_episodes(episodes), ceilings or {})
    options = {"confidence": confidence, "against": against, "margin": equivalence_margin}
    estimates = [
        item
        for mission, samples in data.samples.items()
        for item in _describe(data, samples, mission, confidence)
    ]
    comparisons = _compare_all(data.samples, data.ceilings, **options)
    overall = _describe(data, data.overall_samples, None, confidence)
    comparisons_overall = _compare_all({None: data.overall_samples}, data.ceilings, **options)
    return (
        _evaluation_entries(data, confidence)
        | {
            "estimates": sorted(estimates, key=lambda item: (item["policy"], item["mission"])),
            "overall": overall,
            "comparisons": sorted(comparisons, key=lambda item: (item["a"], item["b"])),
            "comparisons_overall": comparisons_overall,
            "families": _count_tests(missions=comparisons, overall=comparisons_overall),
            "against": against,
            "equivalence": _equivalence_entry(data.ceilings, data.missions, equivalence_margin),
            "teams": team_results,
            "game": average_game_statistics(episodes),
            "profiles": _profile_entries(data, confidence),
        }
        | _ranking_entries(
            data, estimates, comparisons, overall, comparisons_overall, confidence=confidence
        )
    )


def _check_fractions(**values: float) -> None:
    for name, value in values.items():
        if not 0 < value < 1:
            raise ValueError(f"{name}: got {value!r}; expected a number between 0 and 1")


def _count_tests(**families: list[dict]) -> dict[str, int]:
    return {name: sum(pair["p"] is not None for pair in pairs) for name, pairs in families.items()}


def _describe(
    data: Evaluations, samples: SamplesByPolicy, mission: str | None, confidence: float
) -> list[dict]:
    """Describe each policy on a mission, or on the shared missions under None."""
    return [
        {
            "policy": policy,
            "mission": mission,
            "unit": sample.unit,
            "claim": claim_text(sample.unit),
        }
        | summarize(sample, confidence)
        | estimate_robust(sample, confidence)
        | _optimality_gap(data.by_policy[policy], sample, data.ceilings, confidence)
        for policy, sample in samples.items()
    ]


def _compare_all(
    parts: Mapping[str | None, SamplesByPolicy],
    ceilings: Mapping,
    *,
    confidence: float,
    against: str | None,
    margin: float,
) -> list[dict]:
    """Compare all pairs of policies on each mission as one family of tests."""
    named_pairs = [
        ({"a": a, "b": b, "mission": mission}, compare_pair(samples[a], samples[b], confidence))
        for mission, samples in parts.items()
        for a, b in combinations(samples, 2)
        if against in (None, a, b)
    ]
    tested = test_family(named_pairs, confidence=confidence, share=margin, ceilings=ceilings)
    return [
        pair | {"claim": claim_text(pair["unit"]), "verdict": pair_verdict(pair)} for pair in tested
    ]


def _optimality_gap(
    rows: pd.DataFrame, sample: Samples, ceilings: Mapping, confidence: float
) -> dict:
    """Compute the optimality gap: the fraction of the ceiling that the mean lacks.

    1 - mean(score / ceiling) with equal weights of the missions, and the t interval of that mean
    (Agarwal et al. 2021).
    """
    empty = dict.fromkeys(("gap", "gap_low", "gap_high"))
    for mission, scores in sample.scores.items():
        if ceilings[mission] is None:
            return empty | {"gap_note": f"{mission} has no known ceiling"}
        if np.nanmax(scores.to_numpy()) > ceilings[mission]:
            return empty | {"gap_note": f"a score on {mission} is above its ceiling"}
    rows = rows[rows["mission"].isin(list(sample.scores))]
    scaled = rows.assign(score=rows["score"] / rows["mission"].map(ceilings))
    mean = summarize(collect_samples(scaled, list(sample.scores), sample.unit), confidence)
    has_interval = mean["low"] is not None
    return {
        "gap": 1 - mean["mean"],
        "gap_low": max(1 - mean["high"], 0.0) if has_interval else None,
        "gap_high": 1 - mean["low"] if has_interval else None,
        "gap_note": None,
    }


def _equivalence_entry(ceilings: Mapping, missions: list[str], share: float) -> dict:
    margins = {m: None if ceilings[m] is None else share * ceilings[m] for m in (*missions, None)}
    unknown = [mission for mission in missions if ceilings[mission] is None]
    note = f"no verdict of equivalence on {', '.join(unknown)}: no known ceiling"
    return {
        "share": float(share),
        "overall": margins.pop(None),
        "margins": margins,
        "note": note if unknown else None,
    }


def _evaluation_entries(data: Evaluations, confidence: float) -> dict:
    """Return the entries about the evaluated policies and missions."""
    return {
        "confidence": float(confidence),
        "score_unit": SCORE_UNIT,
        "seeds_needed": SEEDS_NEEDED,
        "missions": data.missions,
        "overall_missions": data.shared,
        "missing": [
            {"policy": policy, "mission": mission}
            for policy in data.by_policy
            for mission in data.missions
            if mission not in data.evaluated[policy]
        ],
        "policies": [
            _policy_entry(policy, rows, data.units[policy])
            for policy, rows in data.by_policy.items()
        ],
    }


def _policy_entry(policy: str, rows: pd.DataFrame, unit: str) -> dict:
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


def _profile_entries(data: Evaluations, confidence: float) -> dict:
    several = len(data.shared) > 1
    return {
        "overall": (
            compute_profile(data.overall_samples, confidence, data.ceilings) if several else None
        ),
        "missions": {
            mission: compute_profile(samples, confidence, data.ceilings)
            for mission, samples in data.samples.items()
        },
    }


def _ranking_entries(
    data: Evaluations,
    estimates: list[dict],
    comparisons: list[dict],
    overall: list[dict],
    comparisons_overall: list[dict],
    *,
    confidence: float,
) -> dict:
    """Return the rankings and verdicts of each mission and overall."""
    shared = data.shared
    scope = f"over {len(shared)} missions" if len(shared) > 1 else f"on {''.join(shared)}"
    ranks, final = _rank_and_judge(overall, comparisons_overall, scope, confidence)
    rankings, verdicts = {}, {}
    for mission in data.missions:
        items = [item for item in estimates if item["mission"] == mission]
        pairs = [pair for pair in comparisons if pair["mission"] == mission]
        rankings[mission], verdicts[mission] = _rank_and_judge(
            items, pairs, f"on {mission}", confidence
        )
    return {
        "ranking": {"overall": ranks, "missions": rankings},
        "mission_verdicts": verdicts,
        "best_policies": final["best_policies"],
        "best_policy": final["best_policy"],
        "best_policy_decided": final["decided"],
        "undecided_with": final["undecided_with"],
        "verdict": final["verdict"],
    }


def _rank_and_judge(
    estimates: list[dict], comparisons: list[dict], scope: str, confidence: float
) -> tuple[list[dict], dict]:
    """Return the ranking and its winner with the verdict text."""
    ranks = rank_policies(estimates, comparisons)
    winner = find_winner(ranks, comparisons)
    by_policy = {item["policy"]: item for item in estimates}
    text = verdict_text(winner, by_policy, comparisons, scope, confidence)
    return ranks, winner | {"verdict": text}
