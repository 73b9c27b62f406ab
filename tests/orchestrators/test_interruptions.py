"""Results of pipelines after failures of the machine and after interrupts."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from daf.config import DAFConfig
from daf.orchestrators import daf_run_comparison_pipeline, daf_run_training_pipeline

from .failing_policies import SMALL

TRAINING = {"missions": ["assembler_1"], "num_training_steps": 100, "training": SMALL}


@pytest.fixture
def small_disk(folder):
    """Results folder on a disk with little more space than the environment check needs."""
    room = folder / "results"
    room.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1100m", "tmpfs", str(room)]
    if os.geteuid():
        pytest.skip("mounting a small tmpfs needs root")
    subprocess.run(mount, check=True)
    yield room
    subprocess.run(["umount", "--lazy", str(room)], check=True)


@pytest.mark.slow
def test_full_disk(small_disk, monkeypatch):
    monkeypatch.setenv("ROOM", str(small_disk))
    request = {"missions": ["assembler_1"], "episodes_per_mission": 2, "name": "full"}
    first = daf_run_comparison_pipeline(policies=["random", "noop"], **request)
    assert first.is_success()
    before = Path(first.outputs["report"]).read_bytes()
    result = daf_run_comparison_pipeline(
        policies=["random", "noop", "mine.py:Greedy"],
        daf_config=DAFConfig(max_parallel_jobs=1),
        **request,
    )
    assert not result.is_success()
    assert any("No space left on device" in str(error) for error in result.errors)
    assert "policy_comparison" in result.stages_failed
    assert Path(first.outputs["report"]).read_bytes() == before
    for path in Path("results/evaluations").glob("*/*.parquet"):
        assert "Greedy" not in str(path)
    (small_disk / "ballast").unlink()
    again = daf_run_comparison_pipeline(policies=["random", "noop"], **request)
    assert again.is_success()


def test_failing_environment_check(folder, read_back, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    result = read_back(
        daf_run_training_pipeline(
            policy_class_path="stateless", daf_config=DAFConfig(device="cuda"), **TRAINING
        )
    )
    assert result.status == "failed"
    assert (result.stages_completed, result.stages_failed) == ([], ["environment_check"])
    (error,) = result.errors
    assert error.rule == "environment_check" and "no GPU is available" in error.message
    assert not Path("results/runs").exists()


def test_results_folder_that_cannot_be_created(folder):
    Path("file").write_text("precious")
    result = daf_run_training_pipeline(
        policy_class_path="stateless", results_dir="file/results", **TRAINING
    )
    assert (result.status, result.stages_failed) == ("failed", ["environment_check", "result"])
    assert "cannot be written" in str(result.errors[0])
    assert Path("file").read_text() == "precious"


def children(name: str) -> list[psutil.Process]:
    """Return the descendants of this process whose command line contains `name`."""
    processes = []
    for process in psutil.Process().children(recursive=True):
        try:
            if name in " ".join(process.cmdline()):
                processes.append(process)
        except psutil.NoSuchProcess:
            pass
    return processes


def wait_until(condition, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "timeout"
        time.sleep(0.2)


@pytest.mark.slow
def test_snakemake_that_is_killed(checked_folder, read_back):
    request = TRAINING | {"num_training_steps": 700, "name": "killed"}
    results = {}

    def run():
        results["result"] = daf_run_training_pipeline(policy_class_path="mine.py:Slow", **request)

    thread = threading.Thread(target=run)
    thread.start()
    wait_until(lambda: children(".train.py"))
    (orphan,) = children(".train.py")
    (snakemake,) = [p for p in psutil.Process().children() if "snakemake" in p.cmdline()]
    snakemake.kill()
    thread.join(60)
    result = read_back(results["result"])
    assert result.status == "failed" and result.stages_failed == ["training"]
    assert result.stages_completed == ["environment_check"]
    assert "snakemake was killed by signal 9" in str(result.errors[0])
    wait_until(lambda: not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE)
    again = read_back(
        daf_run_training_pipeline(
            policy_class_path="mine.py:Slow", **request | {"num_training_steps": 32}
        )
    )
    assert again.is_success()


@pytest.mark.slow
def test_deleted_checkpoint(checked_folder, read_back):
    result = read_back(
        daf_run_training_pipeline(
            policy_class_path="mine.py:Vanishing",
            eval_missions=["assembler_1", "assembler_2"],
            eval_episodes=2,
            daf_config=DAFConfig(max_parallel_jobs=1),
            **TRAINING,
        )
    )
    assert result.status == "failed"
    assert result.stages_completed == ["environment_check", "training"]
    assert sorted(result.stages_failed) == ["checkpoint_save", "evaluation"]
    assert any("file does not exist" in str(error) for error in result.errors)
    assert "final_checkpoint" not in result.outputs


def test_interrupt(checked_folder):
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from daf.orchestrators import daf_run_training_pipeline as run\n"
        "try:\n"
        "    run(policy_class_path='mine.py:Slow', missions=['assembler_1'],\n"
        f"        num_training_steps=10_000, training={SMALL}, name='stopped')\n"
        "except KeyboardInterrupt:\n"
        "    print('back in control')\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    wait_until(lambda: children(".train.py"))
    process.send_signal(2)  # to the pipeline alone, as a notebook does
    assert process.communicate(timeout=60)[0] == "back in control\n"
    assert not children("snakemake")
    written = json.loads(Path("results/pipelines/stopped/result.json").read_text())
    assert written["status"] == "failed" and written["stages_failed"] == ["training"]
    assert "interrupted" in written["errors"][0]["message"]
    assert not list(Path("results/runs").rglob("*.*"))
