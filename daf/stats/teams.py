"""Questions about teams: who plays which agents, what a policy adds to a team, who fits to whom.

Pure functions on tables of episodes that mixed teams played.
"""

from collections.abc import Mapping
from fractions import Fraction

import numpy as np
import pandas as pd

from daf.stats.compare import contrast
from daf.stats.estimate import EPISODE, joined, samples, student, summary
from daf.stats.table import tidy


def agents_per_policy(agents: int, shares: Mapping[str, float]) -> dict[str, int]:
    """How many of the agents each policy plays, by largest remainder.

    Each policy gets the whole part of its quota, agents x share / sum of the shares; the agents
    that are left go, one each, to the largest fractional parts (method of Hamilton, or Hare and
    Niemeyer; Balinski and Young 1982). Equal remainders go in the order of the mapping. The shares
    are those of `cogames eval -p POLICY:SHARE`.

    Args:
        agents: of the team, at least 0.
        shares: of each policy, at least one, finite, not negative, not all 0.

    Returns:
        policy -> number of agents, in the order of `shares`; the numbers add up to `agents`.

    Raises:
        ValueError: a number is not as it should be; one line.
    """
    if agents < 0:
        raise ValueError(f"agents: got {agents}; at least 0 are needed")
    for policy, share in shares.items():
        if not (np.isfinite(share) and share >= 0):
            raise ValueError(f"share of policy '{policy}': got {share}; should be 0 or more")
    # Fractions, for 0.1 + 0.2 is not 0.3: a remainder must not depend on rounding.
    exact = {policy: Fraction(str(share)) for policy, share in shares.items()}
    total = sum(exact.values())
    if total == 0:
        raise ValueError("shares: all are 0; at least one policy must play")
    quotas = {policy: agents * share / total for policy, share in exact.items()}
    seats = {policy: int(quota) for policy, quota in quotas.items()}
    by_remainder = sorted(quotas, key=lambda policy: seats[policy] - quotas[policy])
    for policy in by_remainder[: agents - sum(seats.values())]:
        seats[policy] += 1
    return seats


def value_over_replacement(
    team: pd.DataFrame, replacement: pd.DataFrame, *, agents: int, confidence: float = 0.95
) -> dict:
    """What a policy adds to a team, per agent that it plays.

    VORP, value over replacement policy, the focal metric of the Alignment League Benchmark
    (CoGames): the mean score of teams in which the policy plays some agents, minus that of the
    same teams in which the replacement plays them as well, divided by the number of agents. Paired
    by world where both played the same worlds; missions weigh the same.

    Args:
        team: episodes of the mixed team, one policy and run (see `table.COLUMNS`).
        replacement: those of the team of replacements only, likewise, on the same missions.
        agents: how many agents the policy plays in `team`, at least 1.
        confidence: coverage of the interval.

    Returns:
        value, low, high (score units per agent; low and high None where they cannot be known), p (t
        test against 0), agents, method, note. The claim is about these weights.

    Raises:
        ValueError: a table is wrong, or they do not fit together; one line.
    """
    if agents < 1:
        raise ValueError(f"agents: got {agents}; the policy must play at least 1")
    tables = {"team": tidy(team), "replacement": tidy(replacement)}
    played = {}
    for name, rows in tables.items():
        if rows["run"].nunique() > 1:
            raise ValueError(f"{name}: has {rows['run'].nunique()} runs; exactly one is needed")
        played[name] = sorted(set(rows["mission"]))
    if played["team"] != played["replacement"]:
        raise ValueError(
            f"missions differ: team {', '.join(played['team'])}; "
            f"replacement {', '.join(played['replacement'])}"
        )
    found = contrast(*(samples(rows, played["team"], EPISODE) for rows in tables.values()))
    result = student(found.difference, found.terms, confidence)
    known = result["low"] is not None
    return {
        "value": found.difference / agents,
        "low": result["low"] / agents if known else None,
        "high": result["high"] / agents if known else None,
        "p": result["p"],
        "agents": agents,
        "method": found.method,
        "note": joined(found.note, result["note"]),
    }


def cross_play(
    episodes: pd.DataFrame, pairings: Mapping[str, tuple[str, str]], *, confidence: float = 0.95
) -> dict:
    """Who fits to whom: the mean score of every pairing, and what strangers cost.

    The cross-play matrix of Hu et al. (2020, "Other-Play"): the entry of (i, j) is the mean score
    of teams of i and j, each mission weighing the same; the diagonal is self-play. The gap of i is
    its self-play minus the mean of its pairings with the others, as far as they were played.

    Args:
        episodes: of all pairings, the column policy naming the pairing (see `table.COLUMNS`), all
            on the same missions.
        pairings: its two policies, of each name; order does not matter.
        confidence: coverage of the intervals.

    Returns:
        policies (sorted), mean, low, high (matrices, None where unplayed or unknown), gaps (policy
        -> score units, or None).

    Raises:
        ValueError: the table is wrong, a pairing has no name, occurs twice, or misses a mission.
    """
    table = tidy(episodes)
    missions = sorted(set(table["mission"]))
    entries: dict[frozenset[str], dict] = {}
    for name, rows in table.groupby("policy", sort=True):
        if name not in pairings:
            raise ValueError(f"pairings: '{name}' of the table is not among them")
        pair = frozenset(pairings[name])
        if pair in entries:
            raise ValueError(f"pairings: {' and '.join(sorted(pair))} are there twice ('{name}')")
        missing = sorted(set(missions) - set(rows["mission"]))
        if missing:
            raise ValueError(f"pairing '{name}': not played on {', '.join(missing)}")
        if rows["run"].nunique() > 1:
            raise ValueError(f"pairing '{name}': has {rows['run'].nunique()} runs; one is needed")
        entries[pair] = summary(samples(rows, missions, EPISODE), confidence)
    policies = sorted(frozenset().union(*entries))

    def matrix(key: str) -> list[list[float | None]]:
        found = [[entries.get(frozenset((a, b))) for b in policies] for a in policies]
        return [[None if entry is None else entry[key] for entry in row] for row in found]

    mean = matrix("mean")
    gaps = {}
    for place, policy in enumerate(policies):
        others = [v for i, v in enumerate(mean[place]) if i != place and v is not None]
        alone = mean[place][place]
        gaps[policy] = None if alone is None or not others else alone - float(np.mean(others))
    return {
        "policies": policies,
        "mean": mean,
        "low": matrix("low"),
        "high": matrix("high"),
        "gaps": gaps,
    }
