"""Examples of DAF_ORCHESTRATORS.md, at tiny scale.

Numbers of steps and episodes are replaced, default hyperparameters are replaced by small ones, and
`PolicySpec` is imported from DAF, not from mettagrid.
"""

import re
import shutil
from functools import partial
from pathlib import Path

import pandas as pd
import pytest
import yaml

import daf.config
import daf.orchestrators
from daf.config import ConfirmationConfig, DAFConfig, DAFSweepConfig, TrainingConfig
from daf.orchestrators import Failure, PipelineResult

pytestmark = pytest.mark.slow  # `make document-test`, which .ci/run calls

DOCUMENT = Path(__file__).parent / "DAF_ORCHESTRATORS.md"
BLOCKS = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), flags=re.DOTALL)
TINY = {"worlds": 2, "rollout_length": 16, "minibatches": 1, "epochs": 1}
REPLACED = [
    (r"from mettagrid\.policy\.policy import PolicySpec", "from daf.policies import PolicySpec"),
    (r"num_training_steps=[\d_]+", "num_training_steps=100"),
    (r"(eval_episodes|episodes_per_mission|episodes_per_trial)=\d+", r"\1=2"),
    (r"'hidden_size': \[64, 128, 256\]", "'hidden_size': [64]"),
    (r"training_pipeline\(\.\.\.\)", "training_pipeline(**ANY_TRAINING)"),
    (r"comparison_pipeline\(\.\.\.\)", "comparison_pipeline(**ANY_COMPARISON)"),
]
ANY = {
    "ANY_TRAINING": {
        "policy_class_path": "lstm",
        "missions": ["training_facility_1"],
        "num_training_steps": 100,
    },
    "ANY_COMPARISON": {
        "policies": ["random", "noop"],
        "missions": ["assembler_1"],
        "episodes_per_mission": 2,
    },
}


class TinySweep(DAFSweepConfig):
    num_training_steps: int = 100
    episodes_per_trial: int = 2
    training: TrainingConfig = TrainingConfig(**TINY)
    keep_best: int = 1
    confirmation: ConfirmationConfig = ConfirmationConfig(training_seeds=(101,))


def example_code(text: str) -> str:
    """Return the example that contains a text, at tiny scale."""
    (code,) = [block for block in BLOCKS if text in block]
    for pattern, replacement in REPLACED:
        code = re.sub(pattern, replacement, code)
    return code


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Working directory that all examples share, so that they reuse results."""
    return tmp_path_factory.mktemp("examples")


@pytest.fixture
def example(folder, monkeypatch):
    """Function that runs an example and returns its variables."""
    monkeypatch.chdir(folder)
    for kind in ("training", "comparison", "benchmark"):
        name = f"daf_run_{kind}_pipeline"
        small = {"daf_config": DAFConfig(training_seeds=(1,), policies_per_job=4)}
        if kind != "comparison":
            small["training"] = TINY
        if kind == "benchmark":
            small["num_training_steps"] = 100
        monkeypatch.setattr(
            daf.orchestrators, name, partial(getattr(daf.orchestrators, name), **small)
        )
    monkeypatch.setattr(daf.config, "DAFSweepConfig", TinySweep)

    def run(text: str, **names) -> dict:
        names |= ANY
        for name in daf.orchestrators.__all__:
            names.setdefault(name, getattr(daf.orchestrators, name))
        exec(compile(example_code(text), text, "exec"), names)
        result = names.get("result")
        if result is not None:
            written = Path("results", "pipelines", result.pipeline_name, "result.json")
            assert PipelineResult.read(written) == result
        return names

    return run


def test_quick_start_training(example, capsys):
    names = example('print(f"Checkpoint: {result.outputs[')
    checkpoint = names["result"].outputs["final_checkpoint"]
    assert capsys.readouterr().out == f"Checkpoint: {checkpoint}\n"
    assert Path(checkpoint).is_file()
    results = names["result"].outputs["evaluation_results"]
    assert set(results) == {"assembler_2"} and results["assembler_2"]["episodes"] == 2


def test_quick_start_sweep(example):
    space = {"learning_rate": [0.001, 0.0001], "hidden_size": [8]}
    Path("sweep.yaml").write_text(
        yaml.safe_dump(
            {"policy_class_path": "stateless", "missions": ["assembler_1"], "search_space": space}
        )
    )
    names = example('DAFSweepConfig.from_yaml("sweep.yaml")')
    assert names["result"].is_success()
    assert names["best"]["learning_rate"] in space["learning_rate"]
    assert names["best"].hyperparameters == dict(names["best"])


def test_quick_start_comparison(example, capsys):
    names = example('policies = [\n    PolicySpec(class_path="lstm"),\n')
    printed = capsys.readouterr().out
    assert names["result"].is_success() and "'best_policy'" in printed
    evaluated = names["result"].outputs["comparison_results"]
    assert set(evaluated) == {"lstm-untrained", "baseline"}
    assert set(evaluated["baseline"]) == {"training_facility_1", "assembler_2"}


def test_quick_start_benchmark(example, capsys):
    names = example('print(f"Status: {result.status}")')
    assert capsys.readouterr().out == "Status: success\n"
    assert names["result"].stages_completed == [
        "environment_check",
        "training",
        "evaluation",
        "comparison",
    ]


def test_result_objects(example, capsys):
    example('print("Pipeline succeeded")')
    printed = capsys.readouterr().out
    assert "Pipeline succeeded\n" in printed
    assert "Completed: ['environment_check', 'training', 'checkpoint_save']\nFailed: []" in printed


def test_example_1(example):
    names = example("num_training_steps=100_000,\n")
    assert Path(names["checkpoint"]).is_file()
    curve = pd.read_parquet(Path(names["checkpoint"]).parent / "metrics.parquet")
    assert curve["steps"].iloc[-1] >= 100


def test_example_2(example):
    evaluated = example('eval_missions=["training_facility_2", "assembler_2"]')["eval_results"]
    assert list(evaluated) == ["training_facility_2", "assembler_2"]
    for mission in evaluated.values():
        assert len(pd.read_parquet(mission["files"][0])) == mission["episodes"] == 2


def test_example_3(example):
    names = example("'learning_rate': [0.0001, 0.001, 0.01]")
    result = names["result"]
    assert result.stages_completed == [
        "environment_check",
        "sweep_execution",
        "best_config_extraction",
        "comparison",
    ]
    trials = pd.read_parquet(result.outputs["trials"])
    assert len(trials) == 3 and (trials["status"] == "success").all()
    assert set(names["best_config"]) == {"learning_rate", "hidden_size"}
    assert trials["trial"][0] in names["comparison"]
    assert len(names["comparison"]) in (1, 2)  # the best, and the default if not among them


def test_example_4(example, folder, capsys):
    trained = daf.orchestrators.daf_run_training_pipeline(
        **ANY["ANY_TRAINING"] | {"daf_config": DAFConfig(training_seeds=(1, 2))}
    )
    (folder / "ckpt").mkdir()
    for path, name in zip(trained.outputs["checkpoints"], ("lstm_v1.pt", "lstm_v2.pt")):
        shutil.copy(path, folder / "ckpt" / name)
    names = example("ckpt/lstm_v1.pt")
    evaluated = names["result"].outputs["comparison_results"]
    policies = {"lstm-lstm_v1", "lstm-lstm_v2", "stateless-untrained", "baseline"}
    assert set(evaluated) == policies
    assert capsys.readouterr().out == f"Winner: {names['stats']['best_policy']}\n"
    assert names["stats"]["best_policy"] in policies


def test_example_5(example, capsys):
    names = example("# Stage 3: Compare against baselines")
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "Stage 1: Training...",
        "Stage 2: Hyperparameter sweep...",
        "Stage 3: Comparison...",
        "Complete workflow succeeded!",
        f"Final winner: {names['stats']['best_policy']}",
    ]
    trained = names["train_result"].outputs["final_checkpoint"]
    best = yaml.safe_load(Path(names["sweep_result"].outputs["best_config_file"]).read_text())
    assert best["training"]["initial_weights"] == trained


def test_check_pipeline_success(example, capsys):
    assert example("Partial success at:")["checkpoint"].endswith(".safetensors")
    assert capsys.readouterr().out == ""


def test_identify_failed_stages(example, capsys):
    failure = Failure("training", "train", {"run": "r"}, "it broke", [], "a.log")
    failed = PipelineResult("x", "failed", stages_failed=["training"], errors=[failure])
    failed.write("results/pipelines/x/result.json")
    example("for error in result.errors:", result=failed)
    assert capsys.readouterr().out == (
        "Failed stages: ['training']\n  - training: train (run=r): it broke [log: a.log]\n"
    )


def test_single_stage(example):
    assert example("Quick test with small scale")["result"].is_success()


def test_continue_on_failure(example, capsys):
    example("Latest completed stage:")
    assert "Latest completed stage: report_generation\n" in capsys.readouterr().out


def test_resource_limits(example):
    sweep = TinySweep(
        policy_class_path="stateless",
        missions=["assembler_1"],
        search_space={"learning_rate": [0.001, 0.0001], "hidden_size": [8]},
    )
    names = example("# Limit parallel jobs", sweep_cfg=sweep)
    assert names["result"].is_success()
    assert (names["cfg"].max_parallel_jobs, names["cfg"].gpu_memory_fraction) == (2, 0.5)


def test_execution_monitoring(example, capsys):
    result = example('print(f"Timestamp: {result.timestamp}")')["result"]
    assert capsys.readouterr().out == (
        f"Total time: {result.total_time_seconds}s\nTimestamp: {result.timestamp}\n"
        "Stages: ['environment_check', 'training', 'checkpoint_save']\n"
    )
