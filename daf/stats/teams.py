"""Questions about teams: what a mix of policies scores, what a policy adds to a team, who fits to
whom.

The unit is that of all statistics: with several training seeds the seed, and then the claim is
about the method; else the episode, and the claim is about these weights. Where both sides of a
difference were trained, they share the weights of a seed, so it is taken seed by seed.
Intervals only, no tests: each number is described by itself, none is corrected for the others.
"""

import math
from collections.abc import Mapping, Sequence

import pandas as pd

from daf.stats.contrast import contrast
from daf.stats.episode_table import validate_episodes
from daf.stats.estimate import SEED, error_term, join_notes, samples, summarize, t_interval, unit_of
from daf.stats.verdict import claim_text

KEYS = ["mission", "world_seed", "run", "training_seed"]


def analyse_teams(episodes: pd.DataFrame, questions: Mapping, confidence: float) -> dict:
    """What the configuration asks of its teams, on each mission and over those that all played.

    Args:
        episodes: of the policies and of the teams, the column policy naming either (see
            `table.COLUMNS`).
        questions: see `daf.plan.team_questions`.
        confidence: coverage of the intervals.

    Returns:
        a dict of plain values; `mission` is None for the mean over the missions, each of which
        weighs the same. `teams`: {team: {mission: {policy: agents}}}; `replacement`;
        `mixed`: [{team, mission, unit, claim} and what `estimate.summarize` gives];
        `values`: [{policy, mission} and what `value_over_replacement` gives];
        `pairs`, `gaps`: [{mission} and what `cross_play` gives].

    Raises:
        ValueError: the table is wrong.
    """
    table = validate_episodes(episodes)
    by_name = dict(iter(table.groupby("policy", sort=True)))
    played = {name: set(rows["mission"]) for name, rows in by_name.items()}
    replacement, agents = questions["replacement"], questions["teams"]
    pairings = {name: tuple(pair) for name, pair in questions["pairs"].items()}
    pairings |= {policy: (policy, policy) for pair in pairings.values() for policy in pair}

    def rows_of(names: Sequence[str], mission: str | None) -> list[pd.DataFrame]:
        """Of each its rows on the mission, or on those that all played; none if there are none."""
        shared = set.intersection(*(played.get(name, set()) for name in names)) if names else set()
        wanted = shared if mission is None else shared & {mission}
        tables = [by_name[name] for name in names if wanted]
        return [rows[rows["mission"].isin(wanted)] for rows in tables]

    found: dict[str, list[dict]] = {key: [] for key in ("mixed", "values", "pairs", "gaps")}
    for mission in (None, *sorted(set(table["mission"]))):
        for team in questions["mixed"]:
            for rows in rows_of([team], mission):
                found["mixed"].append({"team": team, "mission": mission} | _mean(rows, confidence))
        for policy, team in questions["valued"].items():
            if both := rows_of([team, replacement], mission):
                shares = {name: counts[policy] for name, counts in agents[team].items()}
                value = value_over_replacement(*both, agents=shares, confidence=confidence)
                found["values"].append({"policy": policy, "mission": mission} | value)
        there = [
            n for n in pairings if mission in played.get(n, ()) or (n in played and not mission)
        ]
        if tables := rows_of(there, mission):
            crossed = cross_play(pd.concat(tables), pairings, confidence=confidence)
            for key, items in crossed.items():
                found[key] += [{"mission": mission} | item for item in items]
    return {"teams": agents, "replacement": replacement} | found


def _mean(rows: pd.DataFrame, confidence: float) -> dict:
    unit = unit_of(rows)
    missions = sorted(set(rows["mission"]))
    found = summarize(samples(rows, missions, unit), confidence)
    return {"unit": unit, "claim": claim_text(unit)} | found


def value_over_replacement(
    team: pd.DataFrame,
    replacement: pd.DataFrame,
    *,
    agents: Mapping[str, int],
    confidence: float = 0.95,
) -> dict:
    """What a policy adds to a team, per agent that it plays.

    VORP, value over replacement policy, the focal metric of the Alignment League Benchmark
    (CoGames): the mean score of teams in which the policy plays some agents, minus that of the
    same teams in which the replacement plays them as well, divided by the number of agents.
    Missions weigh the same.

    Args:
        team: episodes of the mixed team (see `table.COLUMNS`).
        replacement: those of the team of replacements only, on the same missions.
        agents: how many agents the policy plays in `team`, by mission, at least 1.
        confidence: coverage of the interval.

    Returns:
        value, low, high (score units per agent; None where they cannot be known), unit, claim,
        method, n_training_seeds, note.

    Raises:
        ValueError: a table is wrong, or they do not fit together; one line.
    """
    tables = [validate_episodes(team), validate_episodes(replacement)]
    missions = [", ".join(sorted(set(rows["mission"]))) for rows in tables]
    if missions[0] != missions[1]:
        raise ValueError(f"missions differ: team {missions[0]}; replacement {missions[1]}")
    for mission in set(tables[0]["mission"]):
        if agents[mission] < 1:
            raise ValueError(f"agents: got {agents[mission]}; the policy must play at least 1")
    scaled = [rows.assign(score=rows["score"] / rows["mission"].map(agents)) for rows in tables]
    return _difference_with_interval(*scaled, "value", confidence)


def cross_play(
    episodes: pd.DataFrame, pairings: Mapping[str, tuple[str, str]], *, confidence: float = 0.95
) -> dict[str, list[dict]]:
    """Who fits to whom: the mean score of every pairing, and what strangers cost.

    The cross-play matrix of Hu et al. (2020, "Other-Play"): the entry of (a, b) is the mean score
    of teams of a and b, each mission weighing the same; the diagonal is self-play. The gap of a is
    its self-play minus the mean of its pairings with the others, as far as they were played.

    Args:
        episodes: of all pairings, the column policy naming the pairing (see `table.COLUMNS`), all
            on the same missions.
        pairings: its two policies, of each name; order does not matter.
        confidence: coverage of the intervals.

    Returns:
        pairs: [{a, b (sorted), unit, claim} and what `estimate.summarize` gives], sorted;
        gaps: [{policy, gap, low, high, unit, claim, method, n_training_seeds, note}], of the
        policies that played both alone and with others.

    Raises:
        ValueError: the table is wrong, a pairing has no name, occurs twice, or misses a mission.
    """
    table = validate_episodes(episodes)
    missions = set(table["mission"])
    entries: dict[tuple[str, str], pd.DataFrame] = {}
    for name, rows in table.groupby("policy", sort=True):
        if name not in pairings:
            raise ValueError(f"pairings: '{name}' of the table is not among them")
        first, second = sorted(pairings[name])
        if (first, second) in entries:
            raise ValueError(f"pairings: {first} and {second} are there twice ('{name}')")
        missing = sorted(missions - set(rows["mission"]))
        if missing:
            raise ValueError(f"pairing '{name}': not played on {', '.join(missing)}")
        entries[first, second] = rows
    gaps = []
    for policy in sorted({policy for pair in entries for policy in pair}):
        others = [rows for pair, rows in entries.items() if policy in pair and pair[0] != pair[1]]
        alone = entries.get((policy, policy))
        if alone is not None and others:
            gap = _difference_with_interval(alone, _mean_over_pairings(others), "gap", confidence)
            gaps.append({"policy": policy} | gap)
    return {
        "pairs": [
            {"a": a, "b": b} | _mean(rows, confidence) for (a, b), rows in sorted(entries.items())
        ],
        "gaps": gaps,
    }


def _mean_over_pairings(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The mean score of several pairings in each world, as the rows of one; with training seeds,
    for each seed that all with seeds have. Those without count for every seed."""
    seeds = [set(rows["training_seed"].dropna()) for rows in parts]
    shared = sorted(set.intersection(*filter(None, seeds))) if any(seeds) else [pd.NA]
    each = pd.DataFrame({"training_seed": pd.array(shared, dtype="Int64")})
    tables = [
        rows.drop(columns="training_seed").merge(each, how="cross")
        if not trained
        else rows[rows["training_seed"].isin(shared)]
        for rows, trained in zip(parts, seeds)
    ]
    played = pd.concat(tables)
    played["run"] = "s" + played["training_seed"].astype(str)
    scores = played.groupby(KEYS, dropna=False)["score"].agg(["mean", "size"]).reset_index()
    complete = scores[scores["size"] == len(parts)]
    return complete.rename(columns={"mean": "score"}).assign(policy="together")


def _difference_with_interval(
    a: pd.DataFrame, b: pd.DataFrame, name: str, confidence: float
) -> dict:
    """Mean of `a` minus mean of `b` on the missions of both, under `name`, with its interval."""
    missions = sorted(set(a["mission"]) & set(b["mission"]))
    a, b = (rows[rows["mission"].isin(missions)] for rows in (a, b))
    if a["training_seed"].notna().all() and b["training_seed"].notna().all():
        shared = set(a["training_seed"]) & set(b["training_seed"])
        a, b = (rows[rows["training_seed"].isin(shared)] for rows in (a, b))
    seeds = max(int(rows["training_seed"].nunique()) for rows in (a, b))
    units = [unit_of(rows) for rows in (a, b)]
    note = None
    if units == [SEED, SEED]:
        by_seed = (_seed_means(a) - _seed_means(b)).dropna()
        difference, terms = by_seed.mean(), [error_term(by_seed)]
        unit, method = SEED, "paired t over training seeds"
    elif not (a.empty or b.empty):
        found = contrast(*(samples(rows, missions, unit) for rows, unit in zip((a, b), units)))
        difference, terms, unit, method = found.difference, found.terms, found.unit, found.method
        note = found.note
    else:
        difference, terms, unit, method = math.nan, [], SEED, None
    if math.isnan(difference):
        interval = {"low": None, "high": None, "note": "no training seed was played on both sides"}
    else:
        interval = t_interval(difference, terms, confidence)
    return {
        name: None if math.isnan(difference) else float(difference),
        "low": interval["low"],
        "high": interval["high"],
        "unit": unit,
        "claim": claim_text(unit),
        "method": method,
        "n_training_seeds": seeds,
        "note": join_notes(note, interval["note"]),
    }


def _seed_means(rows: pd.DataFrame) -> pd.Series:
    """The mean over the missions of each training seed that has them all."""
    means = rows.groupby(["training_seed", "mission"])["score"].mean().unstack("mission")
    return means.dropna().mean(axis=1)
