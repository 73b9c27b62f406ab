"""Choice of the weights that a benchmark deploys."""

from types import SimpleNamespace

import pandas as pd
import pytest

from daf.files.parquet import save_table
from daf.plan.evaluation_summary import find_best_policy_with_weights
from daf.plan.plan import Evaluation

SCORES = {  # policy -> mission -> scores
    "strong-s1": {"large": [60, 60], "small": [0, 0]},  # 30 hearts, share 0.3
    "even-s1": {"large": [30, 50], "small": [2, 2]},  # 21 hearts, share 0.7
    "partial-s1": {"large": [100, 100]},
}


@pytest.mark.parametrize(("ceilings", "best"), [
    ({"large": 100.0, "small": 2.0}, "even-s1"),
    ({"large": None, "small": None}, "strong-s1"),
    ({"large": 100.0, "small": None}, "strong-s1"),  # the share on `large` alone
])  # fmt: skip
def test_missions_weigh_the_same(tmp_path, ceilings, best):
    def episodes_path(policy: str, mission: str) -> str:
        return str(tmp_path / f"{policy}-{mission}.parquet")

    evaluations = [
        Evaluation(policy, mission) for policy, scores in SCORES.items() for mission in scores
    ]
    for policy, mission in evaluations:
        table = pd.DataFrame({"score": list(map(float, SCORES[policy][mission]))})
        save_table(episodes_path(policy, mission), table)
    plan = SimpleNamespace(
        weights=dict.fromkeys(SCORES, "policy.safetensors"),
        missions={name: SimpleNamespace(ceiling=value) for name, value in ceilings.items()},
        evaluations_except_missing=lambda: evaluations,
        episode_table_path=episodes_path,
    )
    assert find_best_policy_with_weights(plan, list(plan.missions)) == best
