"""Whatever is killed, the same command makes the same bytes."""

import hashlib
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest
import yaml

from daf.workflow import snakemake_command

CONFIG = {
    "name": "kills",
    "policies": ["stateless", "random"],
    "missions": ["assembler_1"],
    "training_seeds": [1],
    "training": {"worlds": 8, "rollout_length": 32, "steps": 40_000},
    "evaluation": {"episodes": 4},
    "execution": {"save_seconds": 0.2},
}


def start(folder: Path, target: str = "benchmark_report") -> subprocess.Popen:
    (folder / "kills.yaml").write_text(yaml.safe_dump(CONFIG))
    command = snakemake_command(target, folder / "kills.yaml", "--cores", "2")
    with open(folder / "output.txt", "a") as output:
        return subprocess.Popen(
            command, cwd=folder, stdout=output, stderr=output, start_new_session=True
        )


def hashes(folder: Path) -> dict[str, str]:
    """Of all results but those that tell when they were made: sidecars, logs, timings, reports."""
    results = folder / "results"
    return {
        str(path.relative_to(results)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(results.rglob("*"))
        if path.suffix in (".parquet", ".json", ".safetensors")
        and not path.name.endswith(".prov.json")
    }


def kill(process: subprocess.Popen, how: str) -> None:
    """End Snakemake alone, it with all its jobs, or one of the jobs."""
    if how == "group":
        os.killpg(process.pid, signal.SIGKILL)
    elif how == "job":
        jobs = psutil.Process(process.pid).children(recursive=True)
        for job in jobs[:1]:
            job.kill()
    else:
        process.kill()


@pytest.fixture(scope="module")
def unharmed(tmp_path_factory) -> tuple[dict[str, str], float]:
    """The results of a call that nobody disturbs, and how long it takes."""
    folder = tmp_path_factory.mktemp("unharmed")
    begin = time.monotonic()
    assert start(folder).wait() == 0, (folder / "output.txt").read_text()
    return hashes(folder), time.monotonic() - begin


def kill_and_repeat(folder: Path, seconds: float, how: str) -> str:
    """Kill a call after some time, make the same call again; returns what both printed."""
    process = start(folder)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        kill(process, how)
        process.wait()
    again = start(folder)
    printed = (folder / "output.txt").read_text
    assert again.wait() == 0, printed()
    return printed()


def training(folder: Path) -> bool:
    return bool(list((folder / "results").glob("resume/*/state.pt")))


def test_a_killed_training_goes_on(tmp_path):
    unharmed, killed = tmp_path / "unharmed", tmp_path / "killed"
    for folder in (unharmed, killed):
        folder.mkdir()
    assert start(unharmed, "trainings").wait() == 0, (unharmed / "output.txt").read_text()
    process = start(killed, "trainings")
    while not training(killed):
        assert process.poll() is None
        time.sleep(0.05)
    process.kill()
    process.wait()
    assert start(killed, "trainings").wait() == 0, (killed / "output.txt").read_text()
    assert hashes(killed) == hashes(unharmed) != {}
    (log,) = (killed / "results" / "logs" / "train").glob("*.log")
    assert "goes on after update" in log.read_text()
    assert not training(killed)


@pytest.mark.slow
def test_a_hundred_kills(unharmed, tmp_path):
    expected, seconds = unharmed
    chance = random.Random(int(os.environ.get("DAF_KILL_SEED", "1")))
    for number in range(int(os.environ.get("DAF_KILLS", "100"))):
        how = chance.choice(["snakemake", "group", "job"])
        folder = tmp_path / str(number)
        folder.mkdir()
        after = chance.uniform(0.5, seconds)
        printed = kill_and_repeat(folder, after, how)
        assert hashes(folder) == expected, (number, how, after, printed)
