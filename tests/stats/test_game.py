"""Mean game statistics and their report table."""

import numpy as np
import pandas as pd
import pytest

from daf.report.game_tables import game_statistics_table
from daf.stats import analyse
from daf.stats.game_statistics import average_game_statistics

from .episodes import rows


def example_table() -> pd.DataFrame:
    """Return a table of a policy with 2 runs on m and 1 on n, and of a fixed policy."""
    parts = [
        rows("a", "m", [1.0, 2.0, 3.0], seed=1).assign(moves=[1, 2, 3], uses_chest=[0, 1, 0]),
        rows("a", "m", [1.0], seed=2).assign(moves=[6], uses_chest=[3]),
        rows("a", "n", [1.0], seed=1).assign(moves=[5]),
        rows("a", "n", [1.0], seed=2).assign(moves=[5]),
        rows("b", "m", [0.0, 0.0]).assign(moves=[0, 0], uses_chest=[0, 0]),
    ]
    return pd.concat(parts, ignore_index=True)


def test_equal_weights_of_runs_and_missing_statistics():
    entries = {
        (i["policy"], i["mission"]): i["means"] for i in average_game_statistics(example_table())
    }
    assert entries["a", "m"] == {"moves": 4.0, "uses_chest": pytest.approx((1 / 3 + 3) / 2)}
    assert entries["a", "n"] == {"moves": 5.0}
    assert entries["b", "m"] == {"moves": 0.0, "uses_chest": 0.0}


def test_row_order_is_irrelevant():
    shuffled = example_table().sample(frac=1, random_state=np.random.RandomState(1))
    assert average_game_statistics(shuffled) == average_game_statistics(example_table())


def test_report_table_skips_zero_statistics():
    stats = analyse(example_table())
    table = game_statistics_table(stats, "m", ["b", "a"])
    assert table.columns == ["Statistic", "b", "a", "Section"]
    assert [[cell.text for cell in row] for row in table.rows] == [
        ["uses chest", "0.0", "1.67", "Uses of stations"],
        ["moves", "0.0", "4.00", "Movement and signals"],
    ]
    nothing = example_table().assign(moves=0, uses_chest=0)
    assert game_statistics_table(analyse(nothing), "m", ["a", "b"]) is None
