"""Several processes that share one training come to what one comes to."""

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
from tests.learn.trainings import job_of, run_of

FILES = {"weights": "w.safetensors", "metrics": "m.parquet", "policy": "p.json", "run": "r.json"}


def task(folder: Path, ranks: int, run: Run, **execution) -> TrainingJob:
    folder.mkdir(exist_ok=True)
    return job_of(run, folder, FILES, ranks=ranks, **execution)


def weights(folder: Path) -> dict:
    return load_file(folder / FILES["weights"])


def content(folder: Path) -> list[bytes]:
    return [(folder / file).read_bytes() for file in FILES.values()]


def workers(folder: Path) -> list[psutil.Process]:
    """The processes of trainings below a folder."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            words = process.cmdline()
            if words[2:4] == ["-m", "daf.learn.worker"] and words[4].startswith(f"{folder}/"):
                found.append(process)
    return found


def test_shares_are_all_of_it_and_as_equal_as_can_be():
    for total, count in ((4, 4), (7, 3), (64, 5)):
        shares = [Ranks(rank, count).local_range(total) for rank in range(count)]
        assert [number for share in shares for number in share] == list(range(total))
        assert {len(share) for share in shares} <= {total // count, total // count + 1}


@pytest.mark.parametrize("ranks", [2, 4])
def test_the_number_of_ranks_changes_nothing_but_rounding(ranks, tmp_path):
    """Of missions of two sizes, and with shares of worlds that are not equal."""
    missions = ("assembler_1", "assembler_2")
    steps = 50 * 16 * (5 + 4 * 4)
    run = run_of("stateless", missions, worlds=9, minibatches=2, epochs=1, steps=steps)
    alone, together = tmp_path / "alone", tmp_path / "together"
    task(alone, 1, run).execute()
    task(together, ranks, run).execute_distributed()
    mine, theirs = weights(alone), weights(together)
    assert len(mine) > 2
    for name, tensor in mine.items():
        assert (tensor - theirs[name]).abs().max() < 1e-5, name
    curve, other = (pd.read_parquet(folder / FILES["metrics"]) for folder in (alone, together))
    assert len(curve) == 50
    pd.testing.assert_frame_equal(curve, other, rtol=1e-3, atol=1e-5)
    assert not workers(tmp_path)


def start(job: TrainingJob) -> subprocess.Popen:
    """Carry it out in a process of its own, as a script of the workflow does."""
    file = Path(job.execution.results_dir, "job.json")
    file.write_text(job.model_dump_json())
    code = (
        "import sys\nfrom daf.learn.job import TrainingJob\n"
        "from daf.system.interrupts import interruptible\n"
        f"with interruptible(): TrainingJob.model_validate_json(open({str(file)!r}).read())"
        ".execute_distributed()"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def wait_until(condition, seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize("how", [
    "one rank",
    pytest.param("torchrun", marks=pytest.mark.slow),
    pytest.param("the job", marks=pytest.mark.slow),
    pytest.param("SIGTERM", marks=pytest.mark.slow),
])  # fmt: skip
def test_whatever_is_killed_all_end_and_the_same_call_goes_on(how, tmp_path):
    # Who is asked to stop takes its time, and must not be at the end by then.
    updates = 240 if how == "SIGTERM" else 60
    run = run_of("lstm", ("assembler_2",), updates=updates, worlds=4, epochs=1)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    task(whole, 2, run).execute_distributed()
    again = task(killed, 2, run, save_seconds=0)
    process = start(again)
    try:
        wait_until(lambda: list(killed.glob("resume/*/state.pt")))
        victims = {"one rank": workers(tmp_path)[-1], "torchrun": workers(tmp_path)[0].parent()}
        victim = victims.get(how, psutil.Process(process.pid))
        victim.send_signal(signal.SIGTERM if how == "SIGTERM" else signal.SIGKILL)
        said, _ = process.communicate(timeout=300)
    finally:
        process.kill()
    assert process.returncode != 0
    if how == "one rank":
        assert "a process of its training ended" in said
    wait_until(lambda: not workers(tmp_path))
    assert not (killed / FILES["weights"]).exists()
    again.execute_distributed()
    assert content(killed) == content(whole)


def test_what_cannot_be_shared_is_refused(tmp_path):
    config = {"policies": ["stateless"], "missions": ["assembler_1", "assembler_2"]}
    config |= {"training": {"worlds": 6}, "execution": {"ranks": 4}}
    with pytest.raises(ConfigError, match=r"key 'training.worlds': got 6 for 2 missions; 4 proc"):
        make_plan(BenchmarkConfig.parse(config, "it"))
    with pytest.raises(ConfigError, match="ranks: got 3; a multiple of nodes, which is 2"):
        BenchmarkConfig.parse(config | {"execution": {"ranks": 3, "nodes": 2}}, "it")
    job = task(tmp_path, 4, run_of(), nodes=2)
    with pytest.raises(ConfigError, match=r"key 'execution.nodes': got 2; the job was given 1"):
        job.execute_distributed()
