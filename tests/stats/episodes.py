"""Episode tables from plain lists of scores."""

import pandas as pd


def rows(policy, mission, scores, *, seed=None, run=None, first_world=100):
    """Return the table of one run on one mission; world `first_world + i` has `scores[i]`."""
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
    """Concatenate tables."""
    return pd.concat(parts, ignore_index=True)


def trained(policy, mission, by_seed):
    """Return the table of a trained policy with scores by training seed."""
    parts = [rows(policy, mission, scores, seed=seed) for seed, scores in by_seed.items()]
    return table(*parts)


def only(items, **values):
    """Return the only dict with these values."""
    matches = [item for item in items if all(item[key] == value for key, value in values.items())]
    assert len(matches) == 1, (values, matches)
    return matches[0]
