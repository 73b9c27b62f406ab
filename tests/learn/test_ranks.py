"""Distributed runs give the results of one process."""

import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pandas as pd
import psutil
import pytest
from safetensors.torch import load_file

from daf.config import BenchmarkConfig, ConfigError
from daf.learn.job import TrainingJob
from daf.learn.ranks import Ranks
from daf.plan import Run, make_plan
from tests.learn.runs import make_job, make_run

FILES = {"weights": "w.safetensors", "metrics": "m.parquet", "policy": "p.json", "run": "r.json"}


def rank_job(folder: Path, ranks: int, run: Run, **execution) -> TrainingJob:
    folder.mkdir(exist_ok=True)
    return make_job(run, folder, FILES, ranks=ranks, **execution)


def weights(folder: Path) -> dict:
    return load_file(folder / FILES["weights"])


def content(folder: Path) -> list[bytes]:
    return [(folder / file).read_bytes() for file in FILES.values()]


def workers(folder: Path) -> list[psutil.Process]:
    """Return the worker processes of runs below a folder."""
    processes = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            words = process.cmdline()
            if words[2:4] == ["-m", "daf.learn.worker"] and words[4].startswith(f"{folder}/"):
                processes.append(process)
    return processes


def test_local_ranges_partition_evenly():
    for total, count in ((4, 4), (7, 3), (64, 5)):
        ranges = [Ranks(rank, count).local_range(total) for rank in range(count)]
        assert [number for local_range in ranges for number in local_range] == list(range(total))
        assert {len(local_range) for local_range in ranges} <= {total // count, total // count + 1}


REFERENCE = {"teacher": "baseline", "teacher_steps": 8400, "reference_kl_coef": 0.5}


@pytest.mark.parametrize("ranks, settings", [
    (2, {}),
    pytest.param(4, {}, marks=pytest.mark.slow),
    pytest.param(2, {"critic": "team"}, marks=pytest.mark.slow),
    pytest.param(2, REFERENCE, marks=pytest.mark.slow),
])  # fmt: skip
def test_results_do_not_depend_on_ranks_up_to_rounding(ranks, settings, tmp_path):
    """Missions differ in size, and ranks in their number of worlds."""
    missions = ("assembler_1", "assembler_2")
    steps = 50 * 16 * (5 + 4 * 4)
    training = {"worlds": 9, "minibatches": 2, "epochs": 1, "steps": steps, **settings}
    run = make_run("stateless", missions, **training)
    single, distributed = tmp_path / "single", tmp_path / "distributed"
    rank_job(single, 1, run).execute()
    rank_job(distributed, ranks, run).execute_distributed()
    expected, actual = weights(single), weights(distributed)
    assert len(expected) > 2
    for name, tensor in expected.items():
        assert (tensor - actual[name]).abs().max() < 1e-5, name
    curve, other = (pd.read_parquet(folder / FILES["metrics"]) for folder in (single, distributed))
    assert len(curve) == 50
    pd.testing.assert_frame_equal(curve, other, rtol=1e-3, atol=1e-5)
    assert not workers(tmp_path)


def start(job: TrainingJob) -> subprocess.Popen:
    """Execute a job in a new process, like a script of the workflow."""
    file = Path(job.execution.results_dir, "job.json")
    file.write_text(job.model_dump_json())
    code = (
        "import sys\nfrom daf.learn.job import TrainingJob\n"
        "from daf.system.interrupts import interrupt_on_stop_signals\n"
        "with interrupt_on_stop_signals(): "
        f"TrainingJob.model_validate_json(open({str(file)!r}).read()).execute_distributed()"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def wait_until(condition, seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize("victim_name", [
    "one rank",
    pytest.param("torchrun", marks=pytest.mark.slow),
    pytest.param("the job", marks=pytest.mark.slow),
    pytest.param("SIGTERM", marks=pytest.mark.slow),
])  # fmt: skip
def test_killed_runs_end_all_ranks_and_resume(victim_name, tmp_path):
    # A graceful stop takes time, and the run must not finish before.
    updates = 240 if victim_name == "SIGTERM" else 25
    run = make_run("lstm", ("assembler_2",), updates=updates, worlds=4, epochs=1)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    rank_job(whole, 2, run).execute_distributed()
    job = rank_job(killed, 2, run, save_seconds=0)
    process = start(job)
    try:
        wait_until(lambda: list(killed.glob("resume/*/state.pt")))
        victims = {"one rank": workers(tmp_path)[-1], "torchrun": workers(tmp_path)[0].parent()}
        victim = victims.get(victim_name, psutil.Process(process.pid))
        victim.send_signal(signal.SIGTERM if victim_name == "SIGTERM" else signal.SIGKILL)
        output, _ = process.communicate(timeout=300)
    finally:
        process.kill()
    assert process.returncode != 0
    if victim_name == "one rank":
        assert "a training process ended" in output
    wait_until(lambda: not workers(tmp_path))
    assert not (killed / FILES["weights"]).exists()
    job.execute_distributed()
    assert content(killed) == content(whole)


def test_invalid_numbers_of_ranks_are_refused(tmp_path):
    config = {"policies": ["stateless"], "missions": ["assembler_1", "assembler_2"]}
    config |= {"training": {"worlds": 6}, "execution": {"ranks": 4}}
    with pytest.raises(ConfigError, match=r"key 'training.worlds': got 6 for 2 missions; exp"):
        make_plan(BenchmarkConfig.parse(config, "it"))
    with pytest.raises(ConfigError, match="ranks: got 3; expected a multiple of nodes, which is 2"):
        BenchmarkConfig.parse(config | {"execution": {"ranks": 3, "nodes": 2}}, "it")
    job = rank_job(tmp_path, 4, make_run(), nodes=2)
    with pytest.raises(ConfigError, match=r"key 'execution.nodes': got 2; expected 1, "):
        job.execute_distributed()
