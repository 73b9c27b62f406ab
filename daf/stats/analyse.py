"""`analyse`: from the episode table to estimates, comparisons, rankings and a verdict."""

from itertools import combinations

import pandas as pd

from daf.stats.compare import compare, correct
from daf.stats.estimate import estimate, samples, unit_of
from daf.stats.table import tidy
from daf.stats.verdict import SCORE_UNIT, claim, pair_verdict, ranking, sentence, winner


def analyse(episodes: pd.DataFrame, *, confidence: float = 0.95) -> dict:
    """Everything the episodes support, as JSON-able data; the same for any order of the rows.

    Args:
        episodes: concatenated episode tables of all policies and missions (see `table.COLUMNS`).
        confidence: coverage of the intervals; 1 - confidence is the level of the tests.

    Returns:
        a dict of plain values, without NaN:
        `confidence`, `score_unit`, `missions`;
        `overall_missions`: missions that every policy played; all "overall" results are on these;
        `missing`: [{policy, mission}] not played;
        `policies`: [{policy, unit, claim, n_training_seeds, n_episodes, runs}];
        `estimates`, `overall`: [{policy, mission, mean, sd, low, high, n_units, n_episodes,
        n_training_seeds, unit, claim, note}] (`mission` None in `overall`);
        `comparisons`, `comparisons_overall`: [{a, b, mission, difference (a - b), low, high, p,
        p_holm, df, decided, unit, claim, method, verdict, note}]; the intervals and `p` are
        of one comparison, `p_holm` is corrected over its family;
        `families`: size of the two families Holm's correction was taken over;
        `ranking`: {"overall": [{rank, policy, mean}], "missions": {mission: [...]}};
        `mission_verdicts`: {mission: {best_policy, decided, undecided_with, verdict}};
        `best_policy`, `best_policy_decided`, `undecided_with`, `verdict`: the same, overall.

    Raises:
        ValueError: the table is wrong (see `table.tidy`), or `confidence` is not in (0, 1).
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1, got {confidence!r}")
    table = tidy(episodes)
    by_policy = dict(iter(table.groupby("policy", sort=True)))
    units = {policy: unit_of(rows) for policy, rows in by_policy.items()}
    played = {policy: set(rows["mission"]) for policy, rows in by_policy.items()}
    missions = sorted(set(table["mission"]))
    shared = sorted(set.intersection(*played.values()))

    def estimates_on(chosen: list[str], mission: str | None) -> list[dict]:
        found = []
        for policy, rows in by_policy.items():
            if chosen and played[policy].issuperset(chosen):
                about = {"unit": units[policy], "claim": claim(units[policy])}
                values = estimate(rows, chosen, units[policy], confidence)
                found.append({"policy": policy, "mission": mission} | values | about)
        return found

    def pairs_on(chosen: list[str], mission: str | None) -> list[dict]:
        drawn = {
            policy: samples(rows, chosen, units[policy])
            for policy, rows in by_policy.items()
            if chosen and played[policy].issuperset(chosen)
        }
        return [
            {"a": a, "b": b, "mission": mission} | compare(drawn[a], drawn[b], confidence)
            for a, b in combinations(drawn, 2)
        ]

    estimates = [item for mission in missions for item in estimates_on([mission], mission)]
    comparisons = _family(
        [pair for mission in missions for pair in pairs_on([mission], mission)], confidence
    )
    overall = estimates_on(shared, None)
    comparisons_overall = _family(pairs_on(shared, None), confidence)

    where = f"over {len(shared)} missions" if len(shared) > 1 else f"on {''.join(shared)}"
    final = _decide(overall, comparisons_overall, where, confidence)
    rankings, verdicts = {}, {}
    for mission in missions:
        here = [item for item in estimates if item["mission"] == mission]
        pairs = [pair for pair in comparisons if pair["mission"] == mission]
        rankings[mission] = ranking(here)
        verdicts[mission] = _decide(here, pairs, f"on {mission}", confidence)
    return {
        "confidence": float(confidence),
        "score_unit": SCORE_UNIT,
        "missions": missions,
        "overall_missions": shared,
        "missing": [
            {"policy": policy, "mission": mission}
            for policy in by_policy
            for mission in missions
            if mission not in played[policy]
        ],
        "policies": [
            {
                "policy": policy,
                "unit": units[policy],
                "claim": claim(units[policy]),
                "n_training_seeds": int(rows["training_seed"].nunique()),
                "n_episodes": len(rows),
                "runs": sorted(set(rows["run"])),
            }
            for policy, rows in by_policy.items()
        ],
        "estimates": sorted(estimates, key=lambda item: (item["policy"], item["mission"])),
        "overall": overall,
        "comparisons": sorted(comparisons, key=lambda item: (item["a"], item["b"])),
        "comparisons_overall": comparisons_overall,
        "families": {
            "missions": sum(pair["p"] is not None for pair in comparisons),
            "overall": sum(pair["p"] is not None for pair in comparisons_overall),
        },
        "ranking": {"overall": ranking(overall), "missions": rankings},
        "mission_verdicts": verdicts,
        "best_policy": final["best_policy"],
        "best_policy_decided": final["decided"],
        "undecided_with": final["undecided_with"],
        "verdict": final["verdict"],
    }


def _family(pairs: list[dict], confidence: float) -> list[dict]:
    return [
        pair | {"claim": claim(pair["unit"]), "verdict": pair_verdict(pair)}
        for pair in correct(pairs, confidence)
    ]


def _decide(estimates: list[dict], comparisons: list[dict], where: str, confidence: float) -> dict:
    win = winner(ranking(estimates), comparisons)
    best = next((item for item in estimates if item["policy"] == win["best_policy"]), None)
    return win | {"verdict": sentence(win, best, where, confidence)}
