"""Mean game statistics of the episodes, without tests."""

import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from daf.stats.episode_table import COLUMNS


def average_game_statistics(episodes: pd.DataFrame) -> list[dict]:
    """Average all game statistics per policy and mission, with equal weights of the runs.

    Args:
        episodes: concatenated episode tables; NaN where a mission lacks a statistic.

    Returns:
        [{policy, mission, means: {statistic: mean per episode}}], sorted by mission and policy,
        without score, rewards and episode length.
    """
    statistics = [
        column
        for column in episodes.columns
        if column not in COLUMNS
        and column != "steps"
        and not column.startswith("reward_")
        and is_numeric_dtype(episodes[column])
        and not is_bool_dtype(episodes[column])
    ]
    run_means = episodes.groupby(["mission", "policy", "run"])[statistics].mean()
    means = run_means.groupby(["mission", "policy"]).mean()
    return [
        {"policy": policy, "mission": mission, "means": row.dropna().astype(float).to_dict()}
        for (mission, policy), row in means.sort_index().iterrows()
    ]
