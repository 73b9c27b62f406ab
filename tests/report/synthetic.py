"""Synthetic inputs of a report, from fixed seeds."""

from itertools import combinations

import numpy as np
import pandas as pd

from daf.stats import analyse

MAPS = {
    "assembler_2": [
        "############",
        "#....@.....#",
        "#..&....o..#",
        "#......@...#",
        "#.c...=....#",
        "#....@.....#",
        "#..s....g..#",
        "#.....@..+.#",
        "#..........#",
        "############",
    ],
    "training_facility_1": [
        "#########",
        "#.c.@.o.#",
        "#.@.&.@.#",
        "#.g.=.s.#",
        "#...+...#",
        "#########",
    ],
    "hall": ["######", "#@..@#", "#.&=.#", "######"],
}
LEGEND = {
    "#": "wall",
    ".": "floor",
    "@": "agent",
    "&": "assembler",
    "=": "chest",
    "+": "charger",
    "c": "carbon_extractor",
    "o": "oxygen_extractor",
    "g": "germanium_extractor",
    "s": "silicon_extractor",
}
CEILINGS = {"assembler_2": 100.0, "training_facility_1": 40.0, "hall": None}


def content(
    trained=("stateless", "lstm"),
    fixed=("baseline", "random"),
    missions=tuple(MAPS),
    training_seeds=(1, 2, 3, 4, 5),
    teams=False,
):
    """Return the arguments of `render_experiment_report`; `teams` adds all team analyses."""
    rng = np.random.default_rng(1)
    tables, runs, curves = [], [], []
    policies = (*trained, *fixed)
    pairs = {f"{a} + {b}": [a, b] for a, b in combinations(policies, 2)} if teams else {}
    for index, (team, pair) in enumerate(pairs.items()):
        seeds = training_seeds if set(pair) & set(trained) else (None,)
        for mission in missions:
            tables += [
                episodes(team, f"{team}-{seed}", seed, mission, rng.integers(20, 40 - index, 16))
                for seed in seeds
            ]
    team_plan = {
        "teams": {
            team: {m: dict.fromkeys(pair, 2) for m in missions} for team, pair in pairs.items()
        },
        "mixed": list(pairs)[:1],
        "replacement": policies[-1],
        "valued": {pair[0]: team for team, pair in pairs.items() if pair[1] == policies[-1]},
        "pairs": pairs,
    }
    for rank, policy in enumerate((*trained, *fixed)):
        seeds = training_seeds if policy in trained else (None,)
        for seed in seeds:
            run = policy if seed is None else f"{policy}-s{seed}-1a2b3c4d"
            seed_effect = 0 if seed is None else rng.normal(0, 2)
            for index, mission in enumerate(missions):
                level = (90 - 14 * rank) / (1 + index)
                scores = np.round(
                    np.clip(level + seed_effect + rng.normal(0, 4, 16), 0, CEILINGS.get(mission))
                )
                tables.append(episodes(policy, run, seed, mission, scores))
            if seed is not None:
                runs.append(_run(policy, run, seed, missions))
                curves.append(
                    _metrics(policy, run, seed, missions, 90 - 14 * rank + seed_effect, rng)
                )
    return {
        "title": "Four policies on three missions",
        "stats": analyse(
            pd.concat(tables, ignore_index=True),
            ceilings=CEILINGS,
            teams=team_plan if teams else None,
        ),
        "runs": runs,
        "training_metrics": pd.concat(curves, ignore_index=True) if curves else pd.DataFrame(),
        "missions": [_mission(name) for name in missions],
        "config": {
            "policies": [*trained, *fixed],
            "missions": list(missions),
            "training": {"steps": 6_000_000, "seeds": list(training_seeds)},
            "evaluation": {"episodes": 16, "seed": 1000},
        },
        "environment": {
            "ok": True,
            "checks": [
                {"name": "python", "ok": True, "found": "3.11.7", "needed": ">=3.11"},
                {"name": "free disk", "ok": True, "found": "41 GB", "needed": ">=2 GB"},
            ],
            "device": {"kind": "cpu", "name": "AMD EPYC", "cores": 2},
            "versions": {"torch": "2.13.0", "numpy": "2.4.6", "warp-lang": "1.9.0"},
            "platform": "Linux-6.1-x86_64",
        },
        "source_digests": {"benchmarks/demo/stats.json": "5" * 64},
        "provenance": {
            "command": "snakemake --cores 2 --configfile config/config.yaml benchmark",
            "daf version": "0.1.0",
            "training seeds": ", ".join(map(str, training_seeds)),
            "world seeds": "1000 to 1015",
        },
    }


def episodes(policy, run, seed, mission, scores):
    """Return the episode table of one run on one mission."""
    count = len(scores)
    return pd.DataFrame(
        {
            "policy": policy,
            "run": run,
            "training_seed": pd.array([seed] * count, dtype="Int64"),
            "mission": mission,
            "episode": range(count),
            "world_seed": range(1000, 1000 + count),
            "score": scores,
        }
    )


def _run(policy, run, seed, missions):
    shaping = {"heart_made": 0.1, "energy": 0.0} if policy == "lstm" else {}
    return {
        "run": run,
        "policy": policy,
        "training_seed": seed,
        "missions": list(missions),
        "steps": 6_000_000,
        "device": "cpu",
        "parameters": 123_456,
        "training": {
            "learning_rate": 0.001 if policy == "lstm" else 0.0025,
            "discount": 0.99,
            "shaping": shaping,
        },
        "class_path": f"daf.policies.{policy}",
        "init_kwargs": {},
        "versions": {"torch": "2.13.0"},
    }


def _metrics(policy, run, seed, missions, level, rng, updates=300):
    steps = np.arange(1, updates + 1) * (6_000_000 // updates)
    table = {"run": run, "policy": policy, "training_seed": seed, "steps": steps}
    table["update"] = np.arange(updates)
    for index, mission in enumerate(missions):
        rise = level / (1 + index) / (1 + np.exp(-(steps - 2e6) / 4e5))
        scores = np.clip(rise + rng.normal(0, 2.5, updates), 0, CEILINGS.get(mission))
        scores[rng.random(updates) < 0.3] = np.nan  # updates in which no episode ended
        table[f"score/{mission}"] = scores
    table = pd.DataFrame(table)
    columns = [f"score/{mission}" for mission in missions]
    return table.assign(score=table[columns].mean(axis=1))


def _mission(name):
    rows = MAPS.get(name, MAPS["hall"])
    return {
        "name": name,
        "description": "Four agents fetch hearts from the assembler and carry them to the chest.",
        "map": rows,
        "legend": LEGEND,
        "agents": sum(row.count("@") for row in rows),
        "max_steps": 1000,
        "ceiling": CEILINGS.get(name),
        "facts": {"energy regeneration": "1 per step", "cost of a move": "2 energy"},
    }
