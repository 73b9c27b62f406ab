"""Results of pipelines after failures: one injected failure per test."""

from pathlib import Path

import pandas as pd
import pytest

from daf.config import ConfigError, DAFConfig, DAFSweepConfig
from daf.orchestrators import (
    daf_run_benchmark_pipeline,
    daf_run_comparison_pipeline,
    daf_run_sweep_pipeline,
    daf_run_training_pipeline,
)

from .failing_policies import SMALL

TRAINING = {"missions": ["assembler_1"], "num_training_steps": 100, "training": SMALL}


def test_diverging_run(checked_folder, read_back):
    result = read_back(
        daf_run_benchmark_pipeline(
            policies=["stateless", "mine.py:Diverging"],
            missions=["assembler_1"],
            episodes_per_mission=2,
            num_training_steps=100,
            training=SMALL,
            daf_config=DAFConfig(training_seeds=(1,)),
        )
    )
    assert result.status == "partial"
    assert result.stages_failed == ["training"]
    assert result.stages_completed == ["environment_check", "evaluation", "comparison"]
    (error,) = result.errors
    assert (error.stage, error.rule) == ("training", "train")
    assert error.wildcards["run"].startswith("Diverging-s1-")
    assert "diverged in update 1 of 4" in error.message and Path(error.log).is_file()
    assert error.last_lines[-1] == f"failed: {error.message}"
    assert set(result.outputs["checkpoints"]) == {"stateless"}
    stats = result.outputs["summary_statistics"]
    assert [item["policy"] for item in stats["left_out"]] == ["Diverging"]
    report = Path(result.outputs["report"]).read_text()
    assert "Incomplete: 1 evaluation failed" in report and "Diverging" in report
    assert not list(Path("results/runs").glob("Diverging*"))


@pytest.mark.slow
def test_diverging_run_in_training_pipeline(folder, read_back):
    result = read_back(
        daf_run_training_pipeline(
            policy_class_path="mine.py:Diverging", eval_missions=["assembler_1"], **TRAINING
        )
    )
    assert result.status == "failed" and not result.is_success()
    assert result.stages_completed == ["environment_check"]
    assert result.stages_failed == ["training"]
    assert "final_checkpoint" not in result.outputs
    assert "diverged" in str(result.errors[0])


@pytest.mark.slow
def test_failure_that_prevents_the_report(checked_folder, read_back):
    result = read_back(
        daf_run_comparison_pipeline(
            policies=["random", "mine.py:Deleted"],
            missions=["assembler_1"],
            episodes_per_mission=2,
        )
    )
    policy_error, plan_error = result.errors
    assert "policy 'Deleted' failed with RuntimeError: boom" in policy_error.message
    assert plan_error.rule is None and "no file mine.py" in plan_error.message


def test_policy_with_exception(checked_folder, read_back):
    result = read_back(
        daf_run_comparison_pipeline(
            policies=["random", "noop", "mine.py:Raises"],
            missions=["assembler_1"],
            episodes_per_mission=2,
        )
    )
    assert result.status == "partial"
    assert result.stages_failed == ["policy_comparison"]
    assert result.stages_completed == [
        "environment_check",
        "statistical_analysis",
        "report_generation",
    ]
    (error,) = result.errors
    assert error.message.startswith("policy 'Raises' failed with RuntimeError: boom (in ")
    assert error.wildcards["mission"] == "assembler_1"
    assert set(result.outputs["comparison_results"]) == {"random", "noop"}
    assert "Raises" in Path(result.outputs["report"]).read_text()


TWO_AGENTS = """
description: Two agents.
max_steps: 20
map: ["######", "#@&=@#", "######"]
"""


@pytest.mark.slow
def test_teams_without_a_failing_member(folder, read_back):
    Path("two.yaml").write_text(TWO_AGENTS)
    result = read_back(
        daf_run_comparison_pipeline(
            policies=["random", "noop", "mine.py:Raises"],
            missions=["two.yaml"],
            episodes_per_mission=2,
            teams={"replacement": "noop", "cross_play": True},
        )
    )
    assert result.status == "partial"
    assert {error.message.split(" failed with ")[0] for error in result.errors} == {
        "policy 'Raises'", "policy 'random + Raises'", "policy 'noop + Raises'"
    }  # fmt: skip
    assert set(result.outputs["comparison_results"]) == {"random", "noop", "random + noop"}
    stats = result.outputs["summary_statistics"]
    assert {item["policy"] for item in stats["teams"]["values"]} == {"random"}
    assert {(pair["a"], pair["b"]) for pair in stats["teams"]["pairs"]} == {
        ("noop", "noop"), ("noop", "random"), ("random", "random")
    }  # fmt: skip
    assert {item["policy"] for item in stats["left_out"]} == {
        "Raises", "random + Raises", "noop + Raises"
    }  # fmt: skip
    assert "Incomplete: 3 evaluations failed" in Path(result.outputs["report"]).read_text()


def test_invalid_team_configurations(folder):
    request = {"policies": ["random", "noop"], "missions": ["assembler_2"]}
    for run in (daf_run_comparison_pipeline, daf_run_benchmark_pipeline):
        with pytest.raises(ConfigError, match=r"^argument 'teams': unknown key 'crossplay'"):
            run(**request, teams={"crossplay": True})
        with pytest.raises(ConfigError, match=r"key 'teams.replacement': got \"loop\"; did"):
            run(**request, teams={"replacement": "loop"})
    assert not Path("results").exists()


@pytest.mark.slow
def test_failing_mission_is_repeated_after_a_fix(folder, read_back):
    request = {
        "policies": ["mine.py:Loner"],
        "missions": ["assembler_1", "assembler_2"],
        "episodes_per_mission": 2,
        "name": "fixed",
    }
    result = read_back(daf_run_comparison_pipeline(**request))
    assert result.status == "partial"
    assert [error.wildcards["mission"] for error in result.errors] == ["assembler_2"]
    evaluated = result.outputs["comparison_results"]
    assert {policy: set(missions) for policy, missions in evaluated.items()} == {
        "Loner": {"assembler_1"}
    }
    assert len(result.outputs["files"]["policy_comparison"]) == 1
    Path("mine.py").write_text(Path("mine.py").read_text().replace("== 8", "== 0"))
    result = read_back(daf_run_comparison_pipeline(**request))
    assert result.is_success() and result.errors == []
    assert result.outputs["summary_statistics"]["left_out"] == []


@pytest.mark.slow
def test_all_policies_fail(folder, read_back):
    result = read_back(
        daf_run_comparison_pipeline(
            policies=["mine.py:Raises"], missions=["assembler_1"], episodes_per_mission=2
        )
    )
    assert result.status == "failed"
    assert result.stages_completed == ["environment_check"]
    assert result.stages_failed == ["policy_comparison"]
    assert "summary_statistics" not in result.outputs


@pytest.mark.slow
@pytest.mark.parametrize(
    "strategy, direction, runs_per_job",
    [("grid", "minimize", 1), ("grid", "maximize", 4), ("halving", "maximize", 1)],
)
def test_failing_trials(strategy, direction, runs_per_job, folder, read_back):
    """One trial kills their co-located job; then each trial is retried in its own job."""
    failures = ["diverges", "crashes", "killed"]
    config = DAFSweepConfig(
        policy_class_path="mine.py:Fragile",
        missions=["assembler_1"],
        strategy=strategy,
        search_space={"failure": [*failures, "none"]},
        training=SMALL,
        num_training_steps=300,
        episodes_per_trial=2,
        optimize_direction=direction,
        keep_best=1,
        confirmation={"training_seeds": [8]},
        execution={"runs_per_job": runs_per_job},
    )
    result = read_back(daf_run_sweep_pipeline(config=config))
    assert result.status == "partial"
    assert result.stages_failed == ["sweep_execution"]
    assert result.stages_completed == ["environment_check", "best_config_extraction"]
    assert result.outputs["best_config"]["failure"] == "none"
    trials = pd.read_parquet(result.outputs["trials"])
    assert trials["status"].tolist() == ["success"] + ["failed"] * 3
    assert trials["rank"].isna().tolist() == [False] + [True] * 3
    messages = " ".join(map(str, result.errors))
    assert all(text in messages for text in ("diverged", "RuntimeError: boom", "was it killed?"))
    report = Path(result.outputs["sweep_report"]).read_text()
    assert "3 trials failed" in report and "failure-killed" in report
    assert result.outputs["confirmed_objective"]["n_episodes"] == 2


@pytest.mark.slow
def test_failing_policy_does_not_affect_others_in_its_job(folder, read_back):
    result = read_back(
        daf_run_benchmark_pipeline(
            policies=["stateless", "mine.py:Diverging", "random", "mine.py:Loner", "noop"],
            missions=["assembler_1", "assembler_2"],
            episodes_per_mission=2,
            num_training_steps=100,
            training=SMALL,
            daf_config=DAFConfig(training_seeds=(1,), policies_per_job=5),
        )
    )
    assert result.status == "partial"
    trained, played = result.errors
    assert trained.wildcards["run"].startswith("Diverging-s1-")
    assert (played.rule, played.wildcards["mission"]) == ("evaluate", "assembler_2")
    assert played.wildcards["policy"].startswith("Loner") and "too crowded" in played.message
    left_out = result.outputs["summary_statistics"]["left_out"]
    assert sorted((item["policy"], item["mission"]) for item in left_out) == [
        ("Diverging", "assembler_1"), ("Diverging", "assembler_2"), ("Loner", "assembler_2")
    ]  # fmt: skip
    tables = sorted(str(path) for path in Path("results/evaluations").glob("*/*.parquet"))
    assert len(tables) == 7
    played_once = [p.stat() for p in Path("results/logs/evaluate").glob("*/*.log")]
    assert len(played_once) == 8 and not list(Path("results/resume/parts").rglob("*.parquet"))
