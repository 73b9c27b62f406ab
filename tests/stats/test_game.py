"""What happened in the episodes."""

import numpy as np
import pandas as pd
import pytest

from daf.report.game_tables import game_table
from daf.stats import analyse
from daf.stats.game_statistics import game_statistics

from .episodes import rows


def played() -> pd.DataFrame:
    """A policy with two trainings of different length on m, and one on n; one fixed one."""
    parts = [
        rows("a", "m", [1.0, 2.0, 3.0], seed=1).assign(moves=[1, 2, 3], uses_chest=[0, 1, 0]),
        rows("a", "m", [1.0], seed=2).assign(moves=[6], uses_chest=[3]),
        rows("a", "n", [1.0], seed=1).assign(moves=[5]),
        rows("a", "n", [1.0], seed=2).assign(moves=[5]),
        rows("b", "m", [0.0, 0.0]).assign(moves=[0, 0], uses_chest=[0, 0]),
    ]
    return pd.concat(parts, ignore_index=True)


def test_trainings_weigh_the_same_and_missing_statistics_are_left_out():
    found = {(i["policy"], i["mission"]): i["means"] for i in game_statistics(played())}
    assert found["a", "m"] == {"moves": 4.0, "uses_chest": pytest.approx((1 / 3 + 3) / 2)}
    assert found["a", "n"] == {"moves": 5.0}
    assert found["b", "m"] == {"moves": 0.0, "uses_chest": 0.0}


def test_the_order_of_rows_does_not_matter():
    shuffled = played().sample(frac=1, random_state=np.random.RandomState(1))
    assert game_statistics(shuffled) == game_statistics(played())


def test_only_what_happened_is_shown():
    stats = analyse(played())
    table = game_table(stats, "m", ["b", "a"])
    assert table.columns == ["What", "Statistic", "b", "a"]
    assert [[cell.text for cell in row] for row in table.rows] == [
        ["Uses of stations", "uses chest", "0.0", "1.67"],
        ["Movement and signals", "moves", "0.0", "4.00"],
    ]
    nothing = played().assign(moves=0, uses_chest=0)
    assert game_table(analyse(nothing), "m", ["a", "b"]) is None
