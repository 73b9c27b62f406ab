"""Statistics of teams: scores of mixed teams, value over replacement, and cross-play.

The unit is that of all statistics: the training seed of a policy with several runs (claims about
the method), else the episode (claims about these weights). If both sides of a difference are
trained, they share the weights of a seed, so the difference is taken seed by seed. The results are
intervals without tests and without correction for multiple comparisons.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from daf.stats.contrast import compute_contrast
from daf.stats.episode_table import check_and_sort_episodes
from daf.stats.estimate import (
    HEARTS,
    SEED,
    TInterval,
    Unit,
    choose_independent_unit,
    collect_unit_values,
    compute_error_term,
    estimate_unit_values_mean,
    join_notes,
    t_interval,
)
from daf.stats.normalization import choose_overall_scale
from daf.stats.verdict import describe_claim_scope

TeamQuestions = Mapping[str, Any]
"""Configured team statistics, in JSON types; see `daf.plan.team_questions` for the keys."""

KEYS = ["mission", "world_seed", "run", "training_seed"]


def analyse_teams(
    episodes: pd.DataFrame,
    questions: TeamQuestions,
    confidence: float,
    ceilings: Mapping[str, float | None],
) -> dict[str, Any]:
    """Compute the configured team statistics on each mission and over the common missions.

    Args:
        episodes: episodes of policies and teams; the column `policy` has the name of either (see
            `episode_table.COLUMNS`).
        questions: configured team statistics.
        confidence: coverage of the intervals.
        ceilings: proven upper bounds of the score by mission, where available.

    Returns:
        dict of plain values; `mission` is None for the mean over missions with equal weights (see
        `normalization.OverallScale`).
        `teams`: {team: {mission: {policy: agents}}}; `replacement`; `overall_score_unit`;
        `mixed`: [{team, mission, score_unit, unit, claim} and the output of
        `estimate.estimate_mean`];
        `values`: [{policy, mission, score_unit} and the output of `value_over_replacement`];
        `pairs`, `gaps`: [{mission, score_unit} and the output of `compute_cross_play`].

    Raises:
        ValueError: the table is invalid.
    """
    table = check_and_sort_episodes(episodes)
    scale = choose_overall_scale(sorted(set(table["mission"])), ceilings)
    by_name = dict(iter(table.groupby("policy", sort=True)))
    evaluated = {name: set(rows["mission"]) for name, rows in by_name.items()}
    replacement, agents = questions["replacement"], questions["teams"]
    pairings = {name: tuple(pair) for name, pair in questions["pairs"].items()}
    pairings |= {policy: (policy, policy) for pair in pairings.values() for policy in pair}

    def select_rows(names: Sequence[str], mission: str | None) -> list[pd.DataFrame]:
        """Return the rows of each name on the mission, or on the common missions under None."""
        shared = (
            set.intersection(*(evaluated.get(name, set()) for name in names)) if names else set()
        )
        selected = shared & ({*scale.missions} if mission is None else {mission})
        tables = [by_name[name] for name in names if selected]
        tables = [rows[rows["mission"].isin(selected)] for rows in tables]
        return (
            tables
            if mission
            else [scale.select_missions_and_normalize_scores(rows) for rows in tables]
        )

    results: dict[str, list[dict]] = {key: [] for key in ("mixed", "values", "pairs", "gaps")}
    for mission in (None, *sorted(set(table["mission"]))):
        scope = {"mission": mission, "score_unit": HEARTS if mission else scale.score_unit}
        for team in questions["mixed"]:
            for rows in select_rows([team], mission):
                entry = {"team": team} | scope
                results["mixed"].append(entry | _estimate_team_score(rows, confidence))
        for policy, team in questions["valued"].items():
            if both := select_rows([team, replacement], mission):
                shares = {name: counts[policy] for name, counts in agents[team].items()}
                value = value_over_replacement(
                    *both, controlled_agents_by_mission=shares, confidence=confidence
                )
                results["values"].append({"policy": policy} | scope | value)
        available = [
            name
            for name in pairings
            if mission in evaluated.get(name, ()) or (name in evaluated and not mission)
        ]
        if tables := select_rows(available, mission):
            crossed = compute_cross_play(pd.concat(tables), pairings, confidence=confidence)
            for key, items in crossed.items():
                results[key] += [scope | item for item in items]
    return {
        "teams": agents,
        "replacement": replacement,
        "overall_score_unit": scale.score_unit,
    } | results


def _estimate_team_score(team_episodes: pd.DataFrame, confidence: float) -> dict[str, Any]:
    unit = choose_independent_unit(team_episodes)
    missions = sorted(set(team_episodes["mission"]))
    summary = estimate_unit_values_mean(
        collect_unit_values(team_episodes, missions, unit), confidence
    )
    return {"unit": unit, "claim": describe_claim_scope(unit)} | summary


def value_over_replacement(
    team_episodes: pd.DataFrame,
    replacement_episodes: pd.DataFrame,
    *,
    controlled_agents_by_mission: Mapping[str, int],
    confidence: float = 0.95,
) -> dict[str, Any]:
    """Compute the value over replacement policy (VORP) per agent that the policy controls.

    VORP is the focal metric of the Alignment League Benchmark (CoGames): the mean score of teams in
    which the policy controls some agents, minus that of the same teams with the replacement in
    control of them, divided by the number of these agents. Missions have equal weights.

    Args:
        team_episodes: episodes of the mixed team (see `episode_table.COLUMNS`).
        replacement_episodes: episodes of the team of replacements only, on the same missions.
        controlled_agents_by_mission: number of agents that the policy controls in the mixed
            team, at least 1.
        confidence: coverage of the interval.

    Returns:
        value, low, high (score units per agent; None if unknown), unit, claim, method,
        n_training_seeds, note.

    Raises:
        ValueError: a table is invalid, or the missions of the tables differ; one line.
    """
    tables = [check_and_sort_episodes(team_episodes), check_and_sort_episodes(replacement_episodes)]
    missions = [", ".join(sorted(set(rows["mission"]))) for rows in tables]
    if missions[0] != missions[1]:
        raise ValueError(f"missions differ: team {missions[0]}; replacement {missions[1]}")
    for mission in set(tables[0]["mission"]):
        if controlled_agents_by_mission[mission] < 1:
            raise ValueError(
                f"agents: got {controlled_agents_by_mission[mission]}; expected at least 1"
            )
    per_agent, replacement_per_agent = (
        rows.assign(score=rows["score"] / rows["mission"].map(controlled_agents_by_mission))
        for rows in tables
    )
    return _estimate_difference(per_agent, replacement_per_agent, "value", confidence)


def compute_cross_play(
    episodes: pd.DataFrame, pairings: Mapping[str, tuple[str, str]], *, confidence: float = 0.95
) -> dict[str, list[dict[str, Any]]]:
    """Compute the cross-play matrix and the cross-play gap of each policy.

    The cross-play matrix of Hu et al. (2020, "Other-Play"): the entry (a, b) is the mean score of
    teams of a and b with equal weights of the missions; the diagonal is self-play. The gap of a is
    its self-play score minus the mean of its evaluated pairings with other policies.

    Args:
        episodes: episodes of all pairings on the same missions; the column `policy` has the name of
            the pairing (see `episode_table.COLUMNS`).
        pairings: the two policies of each pairing, in any order.
        confidence: coverage of the intervals.

    Returns:
        pairs: [{a, b (sorted), unit, claim} and the output of `estimate.estimate_mean`],
        sorted;
        gaps: [{policy, gap, low, high, unit, claim, method, n_training_seeds, note}] of the
        policies with both self-play and other pairings.

    Raises:
        ValueError: the table is invalid, or a pairing is unknown, repeated, or lacks a mission.
    """
    table = check_and_sort_episodes(episodes)
    missions = set(table["mission"])
    entries: dict[tuple[str, str], pd.DataFrame] = {}
    for name, rows in table.groupby("policy", sort=True):
        if name not in pairings:
            raise ValueError(f"pairings: unknown pairing '{name}' in the table")
        first, second = sorted(pairings[name])
        if (first, second) in entries:
            raise ValueError(f"pairings: duplicate pairing of {first} and {second} ('{name}')")
        missing = sorted(missions - set(rows["mission"]))
        if missing:
            raise ValueError(f"pairing '{name}': no episodes on {', '.join(missing)}")
        entries[first, second] = rows
    gaps = []
    for policy in sorted({policy for pair in entries for policy in pair}):
        others = [rows for pair, rows in entries.items() if policy in pair and pair[0] != pair[1]]
        self_play = entries.get((policy, policy))
        if self_play is not None and others:
            gap = _estimate_difference(
                self_play, _average_pairing_episodes(others), "gap", confidence
            )
            gaps.append({"policy": policy} | gap)
    return {
        "pairs": [
            {"a": a, "b": b} | _estimate_team_score(rows, confidence)
            for (a, b), rows in sorted(entries.items())
        ],
        "gaps": gaps,
    }


def _average_pairing_episodes(pairing_episodes: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the mean score of several pairings in each world, as episodes of one policy.

    With training seeds, the means are taken for each seed that all trained pairings share; pairings
    without seeds count for every seed.
    """
    seeds = [set(rows["training_seed"].dropna()) for rows in pairing_episodes]
    shared = sorted(set.intersection(*filter(None, seeds))) if any(seeds) else [pd.NA]
    shared_seeds = pd.DataFrame({"training_seed": pd.array(shared, dtype="Int64")})
    tables = [
        rows.drop(columns="training_seed").merge(shared_seeds, how="cross")
        if not trained
        else rows[rows["training_seed"].isin(shared)]
        for rows, trained in zip(pairing_episodes, seeds)
    ]
    episodes = pd.concat(tables)
    episodes["run"] = "s" + episodes["training_seed"].astype(str)
    scores = episodes.groupby(KEYS, dropna=False)["score"].agg(["mean", "size"]).reset_index()
    complete = scores[scores["size"] == len(pairing_episodes)]
    return complete.rename(columns={"mean": "score"}).assign(policy="together")


def _estimate_difference(
    a: pd.DataFrame, b: pd.DataFrame, difference_key: str, confidence: float
) -> dict[str, Any]:
    """Estimate the mean of `a` minus the mean of `b` on common missions, under the result key."""
    missions = sorted(set(a["mission"]) & set(b["mission"]))
    a, b = (rows[rows["mission"].isin(missions)] for rows in (a, b))
    if a["training_seed"].notna().all() and b["training_seed"].notna().all():
        shared = set(a["training_seed"]) & set(b["training_seed"])
        a, b = (rows[rows["training_seed"].isin(shared)] for rows in (a, b))
    seeds = max(int(rows["training_seed"].nunique()) for rows in (a, b))
    units: list[Unit] = [choose_independent_unit(rows) for rows in (a, b)]
    note = None
    if units == [SEED, SEED]:
        by_seed = (_average_by_training_seed(a) - _average_by_training_seed(b)).dropna()
        difference, terms = by_seed.mean(), [compute_error_term(by_seed)]
        unit, method = SEED, "paired t over training seeds"
    elif not (a.empty or b.empty):
        sides = (collect_unit_values(rows, missions, unit) for rows, unit in zip((a, b), units))
        contrast = compute_contrast(*sides)
        difference, terms = contrast.difference, contrast.error_terms
        unit, method, note = contrast.unit, contrast.method, contrast.note
    else:
        difference, terms, unit, method = math.nan, [], SEED, None
    if math.isnan(difference):
        interval = TInterval(None, None, None, None, "no common training seed")
    else:
        interval = t_interval(difference, terms, confidence)
    return {
        difference_key: None if math.isnan(difference) else float(difference),
        "low": interval.low,
        "high": interval.high,
        "unit": unit,
        "claim": describe_claim_scope(unit),
        "method": method,
        "n_training_seeds": seeds,
        "note": join_notes(note, interval.note),
    }


def _average_by_training_seed(episodes: pd.DataFrame) -> pd.Series:
    """Return the mean over the missions of each training seed with all missions."""
    means = episodes.groupby(["training_seed", "mission"])["score"].mean().unstack("mission")
    return means.dropna().mean(axis=1)
