"""Episode tables for the tests, from plain lists of scores."""

import pandas as pd


def rows(policy, mission, scores, *, seed=None, run=None, first_world=100):
    """The table of one run on one mission: episode i has `scores[i]` in world `first_world + i`."""
    name = policy if seed is None else f"{policy}-s{seed}"
    return pd.DataFrame(
        {
            "policy": policy,
            "run": run or name,
            "training_seed": pd.array([seed] * len(scores), dtype="Int64"),
            "mission": mission,
            "episode": range(len(scores)),
            "world_seed": [first_world + i for i in range(len(scores))],
            "score": [float(score) for score in scores],
        }
    )


def table(*parts):
    """The parts as one table."""
    return pd.concat(parts, ignore_index=True)


def trained(policy, mission, by_seed):
    """A trained policy: {training seed: scores}."""
    parts = [rows(policy, mission, scores, seed=seed) for seed, scores in by_seed.items()]
    return table(*parts)


def only(items, **wanted):
    """The one dict whose keys have the wanted values."""
    found = [item for item in items if all(item[key] == want for key, want in wanted.items())]
    assert len(found) == 1, (wanted, found)
    return found[0]
