"""A run that is killed again and again gives the bytes of an undisturbed one."""

import math
import random
import subprocess
import sys
import time

import pytest

from daf.config import ConfigError
from daf.learn.resume import make_resume_file_context
from daf.progress.live_metrics_tail import LiveMetricsTail
from tests.learn.runs import make_job, make_run

OUTPUTS = {"weights": "w.safetensors", "metrics": "m.parquet", "policy": "p.json", "run": "r.json"}
KILLS = 20
PROGRAM = """
import sys
from daf.learn.job import TrainingJob
TrainingJob.model_validate_json(sys.stdin.read()).execute()
"""


def start(job) -> subprocess.Popen:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write(job.model_dump_json())
    process.stdin.close()
    return process


@pytest.mark.slow
def test_kills_change_no_byte_and_readers_see_whole_rows(tmp_path):
    run = make_run("lstm", updates=500, evaluate_every=3200, evaluate_episodes=2, max_steps=50)
    jobs = []
    for name in ("undisturbed", "killed"):
        (tmp_path / name).mkdir()
        jobs.append(make_job(run, tmp_path / name, OUTPUTS, save_seconds=0.1))
    undisturbed, killed = jobs
    assert start(undisturbed).wait() == 0
    generator, num_kills, num_reads = random.Random(7), 0, 0
    live = make_resume_file_context(run, killed.execution, "code", "cpu").live_metrics_path
    while num_kills < KILLS:
        start_time = time.time()
        process, end = start(killed), math.inf
        while time.time() < end and process.poll() is None:
            if live.exists():
                header, curve = LiveMetricsTail(live).read()
                updates = curve["update"].tolist()
                assert updates == list(range(len(updates)))
                num_reads += 1
                if end == math.inf and header.start_time > start_time:
                    end = time.time() + generator.uniform(0.0, 1.5)
        assert process.poll() is None, "the run ended before it was killed"
        process.kill()
        process.wait()
        num_kills += 1
    assert start(killed).wait() == 0 and num_reads >= KILLS
    for file in OUTPUTS.values():
        assert (tmp_path / "killed" / file).read_bytes() == (
            tmp_path / "undisturbed" / file
        ).read_bytes(), file


def test_missing_file_is_one_clear_line(tmp_path):
    with pytest.raises(ConfigError, match=r"metrics\.jsonl"):
        LiveMetricsTail(tmp_path / "metrics.jsonl").read()
