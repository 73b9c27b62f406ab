"""Validation of the episode table; all later statistics rely on it."""

import numpy as np
import pandas as pd

COLUMNS = ("policy", "run", "training_seed", "mission", "episode", "world_seed", "score")
"""Columns that the statistics read; other columns are ignored."""

MAX_SCORE = 1e100
"""Upper limit of the absolute score, far above any game, so that variances do not overflow."""


def check_and_sort_episodes(episodes: pd.DataFrame) -> pd.DataFrame:
    """Check an episode table; return its `COLUMNS` with fixed types and in a fixed order.

    Args:
        episodes: concatenated episode tables, one row per episode, in any order.

    Returns:
        new table sorted by policy, mission, run, episode.

    Raises:
        ValueError: one line with the column, policy or mission: the table is empty; a column is
            missing or has another type; a score is not finite; an episode or a world is repeated
            in one run and mission; a run belongs to two policies or seeds; a policy mixes trained
            and fixed runs, or has two runs with the same training seed in one mission.
    """
    missing = [column for column in COLUMNS if column not in episodes.columns]
    if missing:
        raise ValueError(f"episode table: column '{missing[0]}' is missing")
    if episodes.empty:
        raise ValueError("episode table: got no rows; expected at least 1")
    table = pd.DataFrame(
        {
            "policy": _parse_text_column(episodes, "policy"),
            "run": _parse_text_column(episodes, "run"),
            "training_seed": _parse_integer_column(episodes, "training_seed"),
            "mission": _parse_text_column(episodes, "mission"),
            "episode": _parse_integer_column(episodes, "episode"),
            "world_seed": _parse_integer_column(episodes, "world_seed"),
            "score": _parse_scores(episodes),
        }
    )
    for column in ("episode", "world_seed"):
        _raise_at_first_invalid_row(
            table, table[column].isna(), f"column '{column}' has an empty value"
        )
        table[column] = table[column].astype("int64")
    _check_run_identities(table)
    return table.sort_values(["policy", "mission", "run", "episode"], ignore_index=True)


def _parse_text_column(episodes: pd.DataFrame, column: str) -> pd.Series:
    values = episodes[column]
    if values.isna().any() or not all(isinstance(value, str) and value for value in values):
        raise ValueError(f"episode table: column '{column}' expected text in every row")
    return values.astype(object).reset_index(drop=True)


def _parse_integer_column(episodes: pd.DataFrame, column: str) -> pd.Series:
    try:
        return episodes[column].astype("Int64").reset_index(drop=True)
    except (TypeError, ValueError):
        raise ValueError(f"episode table: column '{column}' expected whole numbers") from None


def _parse_scores(episodes: pd.DataFrame) -> pd.Series:
    try:
        scores = episodes["score"].astype("float64").reset_index(drop=True)
    except (TypeError, ValueError):
        raise ValueError("episode table: column 'score' expected numbers") from None
    names = episodes[["policy", "mission"]].reset_index(drop=True)
    _raise_at_first_invalid_row(
        names, ~(scores.abs() < MAX_SCORE), "column 'score' has a value that is not finite"
    )
    return scores


def _check_run_identities(table: pd.DataFrame) -> None:
    """Check that policy, training seed and episodes identify runs without contradiction."""
    for run, rows in table.groupby("run", sort=True):
        for column in ("policy", "training_seed"):
            if rows[column].nunique(dropna=False) > 1:
                raise ValueError(f"episode table: run '{run}' has more than one {column}")
    for column, label in (("episode", "episode"), ("world_seed", "world seed")):
        repeated = table.duplicated(["run", "mission", column], keep=False)
        _raise_at_first_invalid_row(
            table, repeated, f"column '{column}': one run has the same {label} twice"
        )
    trained = table["training_seed"].notna()
    runs = table.assign(trained=trained).drop_duplicates(["policy", "mission", "run"])
    for policy, rows in runs.groupby("policy", sort=True):
        if rows["trained"].nunique() > 1:
            raise ValueError(
                f"episode table: policy '{policy}' has training_seed in some runs, not in others"
            )
    # Fixed runs share the seed NA, so a fixed policy with two sets of weights is an error, too.
    repeated = runs.duplicated(["policy", "mission", "training_seed"], keep=False)
    _raise_at_first_invalid_row(
        runs, repeated, "column 'run': two runs with the same training_seed under one policy"
    )


def _raise_at_first_invalid_row(table: pd.DataFrame, is_invalid: pd.Series, problem: str) -> None:
    if is_invalid.any():
        row = table[["policy", "mission"]][np.asarray(is_invalid)].sort_values(
            ["policy", "mission"]
        )
        policy, mission = row.iloc[0]
        raise ValueError(f"episode table: {problem} (policy '{policy}', mission '{mission}')")
