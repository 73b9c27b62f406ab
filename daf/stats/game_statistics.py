"""What happened in the episodes: the mean of every game statistic, described and not tested."""

import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from daf.stats.episode_table import COLUMNS


def game_statistics(episodes: pd.DataFrame) -> list[dict]:
    """Means of all columns that count something, each training of a policy weighing the same.

    Args:
        episodes: concatenated episode tables; a mission that does not have a statistic has NaN.

    Returns:
        [{policy, mission, means: {statistic: mean per episode}}], sorted by mission and policy. The
        score, rewards and the length of episodes are none of them.
    """
    counted = [
        column
        for column in episodes.columns
        if column not in COLUMNS
        and column != "steps"
        and not column.startswith("reward_")
        and is_numeric_dtype(episodes[column])
        and not is_bool_dtype(episodes[column])
    ]
    of_runs = episodes.groupby(["mission", "policy", "run"])[counted].mean()
    means = of_runs.groupby(["mission", "policy"]).mean()
    return [
        {"policy": policy, "mission": mission, "means": row.dropna().astype(float).to_dict()}
        for (mission, policy), row in means.sort_index().iterrows()
    ]
