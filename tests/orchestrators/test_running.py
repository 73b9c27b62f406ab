"""Execution of pipelines: parallel, repeated, in threads and event loops."""

import asyncio
import json
import threading
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from daf.audit import VERIFIED, audit
from daf.config import AuditConfig, ConfigError, DAFConfig, DAFSweepConfig
from daf.deploy.contents import Bundle
from daf.orchestrators import (
    PipelineResult,
    daf_run_benchmark_pipeline,
    daf_run_comparison_pipeline,
    daf_run_sweep_pipeline,
    daf_run_training_pipeline,
)
from daf.policies import PolicySpec

from .failing_policies import SMALL

GRID = {
    "policies": ["random", "noop"],
    "missions": ["assembler_1", "assembler_2"],
    "episodes_per_mission": 2,
}


def max_parallel_jobs_of(events: list[dict], rule: str) -> int:
    """Return the maximum number of simultaneous jobs of a rule, from the events of a pipeline."""
    running, most = set(), 0
    job_ids = {e["jobid"] for e in events if e["event"] == "job_info" and e["rule_name"] == rule}
    for event in events:
        if event["event"] == "job_info" and event["jobid"] in job_ids:
            running.add(event["jobid"])
        elif event["event"] == "job_finished":
            running.discard(event["job_id"])
        most = max(most, len(running))
    return most


@pytest.mark.parametrize("jobs", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_number_of_parallel_jobs_is_limited(jobs, checked_folder, read_back):
    daf = DAFConfig(max_parallel_jobs=jobs)
    result = read_back(daf_run_comparison_pipeline(**GRID, name="bounded", daf_config=daf))
    assert result.is_success()
    lines = Path("results/pipelines/bounded/events.jsonl").read_text().splitlines()
    assert max_parallel_jobs_of([json.loads(line) for line in lines], "evaluate") == jobs
    spans = sorted(
        (record["begin"], record["end"])
        for path in Path("results/evaluations").rglob("*.prov.json")
        for record in [json.loads(path.read_text())]
    )
    overlaps = sum(end > begin for (_, end), (begin, _) in pairwise(spans))
    assert len(spans) == 4 and (overlaps == 0 or jobs == 2)


@pytest.mark.slow
def test_threads_and_event_loop_with_a_shared_folder(folder, read_back, capfd):
    results_by_name: dict[str, PipelineResult] = {}

    def run(name: str, results: str) -> None:
        results_by_name[name] = daf_run_comparison_pipeline(
            policies=["random"],
            missions=["assembler_1"],
            episodes_per_mission=2,
            name=name,
            results_dir=results,
            daf_config=DAFConfig(max_parallel_jobs=1),
        )

    async def notebook() -> None:
        assert asyncio.get_running_loop()
        run("third", "shared")

    threads = [
        threading.Thread(target=run, args=pair) for pair in (("first", "own"), ("second", "shared"))
    ]
    for thread in threads:
        thread.start()
    asyncio.run(notebook())
    for thread in threads:
        thread.join()
    for name in ("first", "second", "third"):
        assert read_back(results_by_name[name]).is_success(), results_by_name[name].errors
    assert capfd.readouterr().err.count("shared is in use by ") == 1
    for folder in ("own", "shared"):
        assert Path(folder, "evaluations", "random-e2-w0", "assembler_1.parquet").is_file()


def test_second_call_completes_all_stages_without_jobs(folder, read_back):
    request = {
        "policies": ["stateless", "random"],
        "missions": ["assembler_1"],
        "episodes_per_mission": 2,
        "num_training_steps": 100,
        "training": SMALL,
        "deploy": True,
        "daf_config": DAFConfig(training_seeds=(1,), policies_per_job=2),
    }
    first = read_back(daf_run_benchmark_pipeline(**request))
    assert first.is_success() and first.stages_completed == [
        "environment_check",
        "training",
        "evaluation",
        "comparison",
        "deployment",
    ]
    assert set(first.outputs) == {
        "checkpoints",
        "evaluation_results",
        "summary_statistics",
        "comparison_results",
        "report",
        "deployment_package",
        "files",
    }
    files = [path for stage in first.outputs["files"].values() for path in stage]
    assert all(Path(path).is_file() for path in files)
    about = Bundle.read(first.outputs["deployment_package"]).description
    assert about.class_path == "daf.policies.stateless:Stateless"
    assert about.trained_on == ("assembler_1",) and about.training["training_seed"] == 1
    package = Path(first.outputs["deployment_package"]).read_bytes()
    times = {path: Path(path).stat().st_mtime_ns for path in files}
    second = read_back(daf_run_benchmark_pipeline(**request))
    assert second.is_success() and second.stages_completed == first.stages_completed
    assert second.outputs == first.outputs
    assert times == {path: Path(path).stat().st_mtime_ns for path in files}
    assert set(second.stage_seconds.values()) == {0.0}
    Path(first.outputs["deployment_package"]).unlink()
    daf_run_benchmark_pipeline(**request)
    assert Path(first.outputs["deployment_package"]).read_bytes() == package


@pytest.mark.slow
def test_a_bundle_is_compared_and_audited_as_its_weights_are(folder, read_back):
    benchmark = daf_run_benchmark_pipeline(
        policies=["lstm"],
        missions=["assembler_1"],
        episodes_per_mission=3,
        num_training_steps=100,
        training=SMALL,
        deploy=True,
        daf_config=DAFConfig(training_seeds=(1,)),
    )
    [weights] = benchmark.outputs["checkpoints"]["lstm"]
    package = benchmark.outputs["deployment_package"]
    compared = read_back(
        daf_run_comparison_pipeline(
            policies=[
                PolicySpec("bundle", package),
                {"class_path": "lstm", "data_path": weights},
            ],
            missions=["assembler_1"],
            episodes_per_mission=5,
        )
    )
    assert compared.is_success(), compared.errors
    of_bundle, of_weights = (
        pd.read_parquet(cell["assembler_1"]["files"][0]).drop(columns=["policy", "run"])
        for cell in compared.outputs["comparison_results"].values()
    )
    pd.testing.assert_frame_equal(of_bundle, of_weights)
    audit_result = audit(
        "results", AuditConfig(share=1, retrain="all"), print_line=lambda line: None
    )
    assert audit_result.verdict == VERIFIED, audit_result.summary()


def test_all_types_of_policy_arguments(checked_folder, read_back):
    foreign = SimpleNamespace(class_path="random", data_path=None, init_kwargs={"glyphs": 2})
    result = read_back(
        daf_run_comparison_pipeline(
            policies=[
                "noop",
                PolicySpec("random"),
                foreign,
                {"class_path": "random", "name": "chatty", "init_kwargs": {"glyphs": 3}},
            ],
            missions=["assembler_1"],
            episodes_per_mission=2,
            daf_config=DAFConfig(policies_per_job=4),
        )
    )
    played = list(result.outputs["comparison_results"])
    assert played[0] == "noop" and played[3] == "chatty"
    assert played[1].startswith("random-") and played[2].startswith("random-")


PIPELINES = [
    daf_run_training_pipeline,
    daf_run_sweep_pipeline,
    daf_run_comparison_pipeline,
    daf_run_benchmark_pipeline,
]
SWEEP = {
    "policy_class_path": "stateless",
    "missions": ["assembler_1"],
    "search_space": {"learning_rate": [0.1]},
}
TRAIN = {"policy_class_path": "lstm", "missions": ["assembler_1"], "num_training_steps": 9}
COMPARE = {"policies": ["noop"], "missions": ["assembler_1"]}


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_unknown_keywords_are_rejected(pipeline):
    with pytest.raises(TypeError, match="unexpected keyword argument 'mission'"):
        pipeline(mission="assembler_1")


@pytest.mark.parametrize("pipeline, request_, message", [
    (daf_run_training_pipeline, TRAIN | {"policy_class_path": "lstmm"}, "did you mean 'lstm'?"),
    (daf_run_training_pipeline, TRAIN | {"policy_class_path": "random"}, "random"),
    (daf_run_training_pipeline, TRAIN | {"missions": "assembler_1"}, "argument 'missions': got "),
    (daf_run_training_pipeline, TRAIN | {"num_training_steps": -1}, "key 'steps': got -1"),
    (daf_run_training_pipeline, TRAIN | {"training": {"lerning_rate": 1}}, "'learning_rate'"),
    (daf_run_training_pipeline, TRAIN | {"name": "a/b"}, "key 'name': got \"a/b\""),
    (daf_run_training_pipeline, TRAIN | {"eval_episodes": 0}, "key 'episodes': got 0"),
    (daf_run_training_pipeline, TRAIN | {"eval_missions": []}, "eval_missions"),
    (daf_run_comparison_pipeline, COMPARE | {"policies": "noop"}, "argument 'policies': got "),
    (daf_run_comparison_pipeline, COMPARE | {"policies": [3]}, "policy 3: expected a name"),
    (daf_run_comparison_pipeline, COMPARE | {"missions": ["assembler_9"]}, "assembler_9"),
    (daf_run_comparison_pipeline, COMPARE | {"policies": ["noop", "noop"]}, "are called 'noop'"),
    (daf_run_comparison_pipeline, COMPARE | {"results_dir": "a{b}"}, "key 'results_dir'"),
    (daf_run_comparison_pipeline, COMPARE | {"daf_config": {}}, "expected a DAFConfig"),
    (daf_run_comparison_pipeline,
        COMPARE | {"daf_config": DAFConfig(profile="slrm")}, "key 'profile': got \"slrm\""),
    (daf_run_comparison_pipeline,
        COMPARE | {"policies": [{"class_path": "noop", "nam": "x"}]}, "did you mean 'name'?"),
    (daf_run_benchmark_pipeline, COMPARE | {"deploy": True}, "none of the policies has weights"),
    (daf_run_sweep_pipeline, {"config": SWEEP}, "expected a DAFSweepConfig"),
    (daf_run_sweep_pipeline,
        {"config": DAFSweepConfig(**SWEEP | {"search_space": {"hiden_size": [8]}})},
        "unknown hyperparameter 'hiden_size'; did you mean 'hidden_size'?"),
    (daf_run_sweep_pipeline,
        {"config": DAFSweepConfig(**SWEEP | {"search_space": {"clip": [0.1, -1]}})},
        "key 'clip': got -1"),
])  # fmt: skip
def test_invalid_arguments_are_rejected_before_any_job(
    pipeline, request_, message, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as caught:
        pipeline(**request_)
    assert message in str(caught.value) and "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_files_without_a_result(tmp_path):
    path = tmp_path / "result.json"
    for content in ("", "[]", "{}", '{"errors": [{"x": 1}]}', '{"errors": 3}'):
        path.write_text(content)
        with pytest.raises(ConfigError, match=r"not a pipeline result|not valid JSON"):
            PipelineResult.read(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        PipelineResult.read(tmp_path / "nowhere.json")
