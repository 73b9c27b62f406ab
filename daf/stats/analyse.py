"""Statistics of an episode table: estimates, comparisons, rankings and a verdict.

`analyse` returns a dict of plain values without NaN. Its keys:

- `confidence`, `missions`, `seeds_needed` (training seeds that a model-based test of a method
  needs), `solved_share`;
- `score_unit`, `overall_score_unit`: units of the scores of a mission, and of overall scores;
- `overall_missions`: missions of all "overall" results, with episodes of every policy;
- `overall_left_out`: further such missions, which have no ceiling;
- `missing`: [{policy, mission}] without episodes;
- `policies`: [{policy, unit, claim, n_training_seeds, n_episodes, runs, seeds_missing}];
- `estimates`, `overall`: [{policy, mission, score_unit, mean, sd, low, high, n_units, n_episodes,
  n_training_seeds, unit, claim, note, median, iqm (each with _low, _high; `robust_note`),
  gap, gap_low, gap_high (fraction of the ceiling that the mean lacks), gap_note,
  distribution_free: see `distribution_free.estimate_distribution_free`,
  training_variation: see `training_variation.describe_training_variation`}]
  (`mission` is None in `overall`);
- `comparisons`, `comparisons_overall`: [{a, b, mission, score_unit, claim, verdict} and the output
  of `family.test_family`]; intervals, `p_t` and `p_permutation` are uncorrected, `p_holm` is
  corrected over the family;
- `families`, `families_distribution_free`: numbers of tests in the two families of each grade;
- `against`, `equivalence`: {share, margins: {mission: score units or None}, overall, note};
- `ranking`: {"overall": [see `verdict.rank_by_mean_with_intervals`], "missions": {mission: [...]}};
- `teams`: see `teams.analyse_teams`; None without teams;
- `game`: see `game_statistics.average_game_statistics`;
- `profiles`: {"overall": see `profiles.compute_performance_profiles`, "missions": {mission: ...}};
- `mission_verdicts`: {mission: output of `verdict.find_winner`, and `verdict`};
- `best_policies`, `best_policy`, `best_policy_decided`, `best_policy_grade`, `undecided_with`,
  `verdict`: overall.
"""

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import pandas as pd

from daf.stats.episode_table import check_and_sort_episodes
from daf.stats.estimate import Ceilings, MeanEstimate
from daf.stats.evaluations import Evaluations, UnitValuesByPolicy, group_by_policy_and_mission
from daf.stats.family import Comparison, test_family
from daf.stats.game_statistics import average_game_statistics
from daf.stats.policy_estimates import estimate_policies
from daf.stats.profiles import ScoreProfiles, compute_performance_profiles
from daf.stats.summary import describe_evaluation_setup
from daf.stats.teams import TeamQuestions, analyse_teams
from daf.stats.training_variation import SOLVED_SHARE
from daf.stats.two_policies import compare_two_policies
from daf.stats.verdict import (
    RankedPolicy,
    Winner,
    describe_claim_scope,
    find_winner,
    format_pair_verdict,
    format_verdict,
    rank_by_mean_with_intervals,
)

Statistics = dict[str, Any]
"""Statistics of an experiment, in JSON types; the docstring of this module lists the keys."""


def analyse(
    episodes: pd.DataFrame,
    *,
    confidence: float = 0.95,
    against: str | None = None,
    equivalence_margin: float = 0.05,
    ceilings: Mapping[str, float | None] | None = None,
    teams: TeamQuestions | None = None,
    solved_share: float = SOLVED_SHARE,
) -> Statistics:
    """Compute all statistics of some episodes, independently of the order of the rows.

    Args:
        episodes: concatenated episode tables of all policies and missions (see
            `episode_table.COLUMNS`).
        confidence: coverage of the intervals; 1 - confidence is the level of the tests.
        against: reference policy of all comparisons; None for all pairs. It defines the families of
            Holm's correction, so it must be chosen before the scores are known.
        equivalence_margin: largest irrelevant difference, as a fraction of the mission's ceiling.
        ceilings: proven upper bounds of the score by mission, where available. Overall scores are
            shares of the ceiling; without any ceiling, they are scores.
        teams: team statistics to compute (see `teams.analyse_teams`); excluded from all others.
        solved_share: fraction of the ceiling from which on a training seed solves a mission.

    Returns:
        JSON-able dict; the docstring of this module lists its keys.

    Raises:
        ValueError: the table is invalid, or a number is not in (0, 1); `solved_share` may be 1.
    """
    _check_strictly_between_0_and_1(confidence=confidence, equivalence_margin=equivalence_margin)
    if solved_share != 1:
        _check_strictly_between_0_and_1(solved_share=solved_share)
    team_results = analyse_teams(episodes, teams, confidence, ceilings or {}) if teams else None
    if teams:
        episodes = episodes[~episodes["policy"].isin(teams["teams"])]
    data = group_by_policy_and_mission(check_and_sort_episodes(episodes), ceilings or {})
    options = {"confidence": confidence, "against": against, "margin_fraction": equivalence_margin}
    estimates = [
        item
        for mission, unit_values_by_policy in data.unit_values_by_mission.items()
        for item in estimate_policies(
            data, unit_values_by_policy, mission, confidence, solved_share
        )
    ]
    comparisons = compare_policies(data, data.unit_values_by_mission, **options)
    overall = estimate_policies(data, data.overall_unit_values, None, confidence, solved_share)
    comparisons_overall = compare_policies(data, {None: data.overall_unit_values}, **options)
    families = {"missions": comparisons, "overall": comparisons_overall}
    return (
        describe_evaluation_setup(data, confidence, solved_share)
        | {
            "estimates": sorted(estimates, key=lambda item: (item["policy"], item["mission"])),
            "overall": overall,
            "comparisons": sorted(comparisons, key=lambda item: (item["a"], item["b"])),
            "comparisons_overall": comparisons_overall,
            "families": {
                name: sum(pair["p_t"] is not None for pair in pairs)
                for name, pairs in families.items()
            },
            "families_distribution_free": {
                name: sum(pair["distribution_free"]["p_value"] is not None for pair in pairs)
                for name, pairs in families.items()
            },
            "against": against,
            "equivalence": _equivalence_margins(data.ceilings, data.missions, equivalence_margin),
            "teams": team_results,
            "game": average_game_statistics(episodes),
            "profiles": _compute_score_profiles(data, confidence),
        }
        | _build_rankings_and_verdicts(
            data, estimates, comparisons, overall, comparisons_overall, confidence=confidence
        )
    )


def _check_strictly_between_0_and_1(**values: float) -> None:
    for name, value in values.items():
        if not 0 < value < 1:
            raise ValueError(f"{name}: got {value!r}; expected a number between 0 and 1")


def compare_policies(
    data: Evaluations,
    unit_values_by_mission: Mapping[str, UnitValuesByPolicy] | Mapping[None, UnitValuesByPolicy],
    *,
    confidence: float,
    against: str | None,
    margin_fraction: float,
) -> list[Comparison]:
    """Compare all pairs of policies on each mission as one family of tests."""
    shares = data.shares_by_mission_and_policy
    named_pairs = [
        compare_two_policies(a, b, mission, by_policy, shares[mission], confidence)
        for mission, by_policy in unit_values_by_mission.items()
        for a, b in combinations(by_policy, 2)
        if against in (None, a, b)
    ]
    tested = test_family(
        named_pairs, confidence=confidence, margin_fraction=margin_fraction, ceilings=data.ceilings
    )
    results = []
    for pair in tested:
        pair |= {
            "score_unit": data.score_unit(pair["mission"]),
            "claim": describe_claim_scope(pair["unit"]),
        }
        results.append(pair | {"verdict": format_pair_verdict(pair)})
    return results


def _equivalence_margins(
    ceilings: Ceilings, mission_names: list[str], margin_fraction: float
) -> dict[str, Any]:
    """Return the equivalence margins of each mission and overall, in score units."""
    margins = {
        mission: None if (ceiling := ceilings[mission]) is None else margin_fraction * ceiling
        for mission in (*mission_names, None)
    }
    unknown = [mission for mission in mission_names if ceilings[mission] is None]
    note = f"no verdict of equivalence on {', '.join(unknown)}: no known ceiling"
    return {
        "share": float(margin_fraction),
        "overall": margins.pop(None),
        "margins": margins,
        "note": note if unknown else None,
    }


def _compute_score_profiles(data: Evaluations, confidence: float) -> ScoreProfiles:
    """Return the performance profiles overall and on each mission."""
    has_several = len(data.overall_scale.missions) > 1
    return {
        "overall": (
            compute_performance_profiles(
                data.overall_unit_values, confidence, data.ceilings_in_unit_of(None)
            )
            if has_several
            else None
        ),
        "missions": {
            mission: compute_performance_profiles(unit_values_by_policy, confidence, data.ceilings)
            for mission, unit_values_by_policy in data.unit_values_by_mission.items()
        },
    }


def _build_rankings_and_verdicts(
    data: Evaluations,
    estimates: list[MeanEstimate],
    comparisons: list[Comparison],
    overall_estimates: list[MeanEstimate],
    overall_comparisons: list[Comparison],
    *,
    confidence: float,
) -> dict[str, Any]:
    """Return the rankings and verdicts of each mission and overall."""
    missions = data.overall_scale.missions
    scope = f"over {len(missions)} missions" if len(missions) > 1 else f"on {''.join(missions)}"
    ranking, winner = _rank_policies_and_name_winner(
        overall_estimates, overall_comparisons, scope, confidence
    )
    rankings, verdicts = {}, {}
    for mission in data.missions:
        items = [item for item in estimates if item["mission"] == mission]
        pairs = [pair for pair in comparisons if pair["mission"] == mission]
        rankings[mission], verdicts[mission] = _rank_policies_and_name_winner(
            items, pairs, f"on {mission}", confidence
        )
    if missions == data.missions and len(missions) == 1:
        # The same results in hearts, which are more telling than shares.
        winner["verdict"] = verdicts[missions[0]]["verdict"]
    return {
        "ranking": {"overall": ranking, "missions": rankings},
        "mission_verdicts": verdicts,
        "best_policies": winner["best_policies"],
        "best_policy": winner["best_policy"],
        "best_policy_decided": winner["decided"],
        "best_policy_grade": winner["grade"],
        "undecided_with": winner["undecided_with"],
        "verdict": winner["verdict"],
    }


def _rank_policies_and_name_winner(
    estimates: list[MeanEstimate], comparisons: list[Comparison], scope_text: str, confidence: float
) -> tuple[list[RankedPolicy], Winner]:
    """Return the ranking, and its winner with the key `verdict`."""
    ranking = rank_by_mean_with_intervals(estimates, comparisons)
    winner = find_winner(ranking, comparisons)
    by_policy = {item["policy"]: item for item in estimates}
    text = format_verdict(winner, by_policy, comparisons, scope_text, confidence)
    return ranking, winner | {"verdict": text}
