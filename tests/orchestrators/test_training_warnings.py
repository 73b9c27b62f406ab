"""Warnings of pipelines about policies that never scored."""

import math
from types import SimpleNamespace

import pandas as pd
import pytest

from daf.files.parquet import save_table
from daf.orchestrators.training_warnings import list_zero_score_run_warnings

NEVER, LATE, NOTHING = [0.0, math.nan, 0.0], [0.0, 0.5], [math.nan]


@pytest.fixture
def make_plan(tmp_path):
    def make(scores_by_run: dict[str, list[float] | None], **mission_by_run: str):
        missions = dict.fromkeys(scores_by_run, "hall") | mission_by_run
        for run, scores in scores_by_run.items():
            (tmp_path / run).mkdir()
            if scores is not None:
                save_table(tmp_path / run / "metrics.parquet", pd.DataFrame({"score": scores}))
        return SimpleNamespace(
            runs_except_missing=lambda: list(scores_by_run),
            run_json_path=lambda run: str(tmp_path / run / "run.json"),
            labels={run: run.partition("-")[0] for run in scores_by_run},
            runs={run: _run_on(missions[run]) for run in scores_by_run},
        )

    return make


def _run_on(mission: str) -> SimpleNamespace:
    return SimpleNamespace(training=SimpleNamespace(missions=(mission,)))


def test_policies_that_never_scored_are_named(make_plan):
    plan = make_plan(
        {"a-1": NEVER, "a-2": NEVER, "b-1": NEVER, "b-2": LATE, "c-1": NOTHING, "d-1": None}
    )
    warnings = list_zero_score_run_warnings(plan)
    assert [warning.partition(": ")[0] for warning in warnings] == ["a", "b (1 of 2 runs)"]
    assert all("training.teacher" in warning for warning in warnings)


def test_runs_on_other_missions_have_another_warning(make_plan):
    missions = {"a-1": "hall", "a-2": "room", "a-3": "room", "b-1": "room"}
    plan = make_plan({"a-1": NEVER, "a-2": LATE, "a-3": NEVER, "b-1": NEVER}, **missions)
    warnings = list_zero_score_run_warnings(plan)
    assert [warning.partition(": ")[0] for warning in warnings] == [
        "a on hall", "a on room (1 of 2 runs)", "b"
    ]  # fmt: skip


def test_many_policies_share_a_warning(make_plan):
    [warning] = list_zero_score_run_warnings(make_plan({f"p{n}-1": NEVER for n in range(5)}))
    assert warning.startswith("p0, p1, p2 and 2 more: no episode scored")


def test_unreadable_curve_is_a_warning(make_plan, tmp_path):
    plan = make_plan({"a-1": LATE})
    (tmp_path / "a-1" / "metrics.parquet").write_bytes(b"no table")
    [warning] = list_zero_score_run_warnings(plan)
    assert "metrics.parquet" in warning and "\n" not in warning


def test_evaluations_tell_it_of_runs_in_which_no_episode_ended(make_plan, tmp_path):
    plan = make_plan({"a-1": NOTHING, "b-1": NOTHING})
    for run, score in (("a-1", 0.0), ("b-1", 0.5)):
        metrics = pd.DataFrame({"score": NOTHING, "eval_score": [score]})
        save_table(tmp_path / run / "metrics.parquet", metrics)
    [warning] = list_zero_score_run_warnings(plan)
    assert warning.startswith("a: no episode scored")
