"""Failures of a job: one error line, a traceback in the log, unchanged old results."""

import signal
from types import SimpleNamespace

import pytest
import torch

from daf.config import EvaluationConfig
from daf.evaluation.evaluate import evaluate
from daf.jobs.job import run_job
from daf.missions import load_mission
from daf.plan import PolicyInstance

POLICIES = """
import torch
from daf.policies import Policy

def still(observations):
    return torch.zeros(len(observations), dtype=torch.int64)

class Square(Policy):
    def act(self, observations, state):
        return still(observations)[:, None], None

class Undecided(Policy):
    def act(self, observations, state):
        return still(observations) / 2, None

class Stateless(Policy):
    def act(self, observations, state):
        return still(observations)

class Listing(Policy):
    def act(self, observations, state):
        return still(observations).tolist(), None

class Forgetful(Policy):
    def act(self, observations, state):
        return {}["plan"], None

class Asleep(Policy):
    def initial_state(self, seeds):
        raise RuntimeError("still asleep\\n  zzz")

    def act(self, observations, state):
        return still(observations), None
"""
NEEDED = "expected integers of shape [8]"
INVALID = {
    "Square": f": act returned torch.int64 [8, 1]; {NEEDED}",
    "Undecided": f": act returned torch.float32 [8]; {NEEDED}",
    "Stateless": " failed with ValueError: too many values to unpack (expected 2) (in ",
    "Listing": f": act returned something of type list; {NEEDED}",
    "Forgetful": " failed with KeyError: 'plan' (in {path}, line 26)",
    "Asleep": " failed with RuntimeError: still asleep zzz (in {path}, line 30)",
}


@pytest.mark.parametrize("name", INVALID)
def test_invalid_actions(name, tmp_path, refused):
    path = tmp_path / "mine.py"
    path.write_text(POLICIES)
    instance = PolicyInstance(
        name=name,
        default_label=name,
        class_path=f"{path}:{name}",
        class_digest=None,
        init_kwargs={},
        training_seed=None,
    )
    mission = load_mission("assembler_2")
    line = refused(evaluate, instance, mission, EvaluationConfig(episodes=2))
    assert line.startswith(f"policy '{name}'{INVALID[name].format(path=path)}")


@pytest.fixture
def rule(tmp_path):
    """Return the `snakemake` object of a rule whose result exists from an earlier run."""
    result, sidecar = tmp_path / "result.txt", tmp_path / "result.txt.prov.json"
    result.write_text("earlier")
    sidecar.write_text("earlier sidecar")
    return SimpleNamespace(
        rule="demo",
        input={},
        output={"result": str(result), "provenance": str(sidecar)},
        params={},
        log=[str(tmp_path / "demo.log")],
        config={"execution": {"gpu_memory_fraction": 0.25, "results_dir": str(tmp_path)}},
        resources={"gpu": 1},
        threads=1,
    )


MEMORY_HINT = (
    "the job needs more GPU memory than it may use "
    "(gpu_memory_fraction 0.25, jobs_per_gpu 1; fewer worlds need less)"
)


@pytest.mark.parametrize("error, line, traced", [
    (ValueError("two\nlines"), "two lines", False),
    (OSError(28, "No space left on device"), "[Errno 28] No space left on device", False),
    (KeyError("x"), "KeyError: 'x'", True),
    (RuntimeError(), "RuntimeError: ", True),
    (torch.OutOfMemoryError("CUDA out of memory."), f"{MEMORY_HINT}: CUDA out of memory.", False),
])  # fmt: skip
def test_failed_job_prints_one_line_and_keeps_old_results(
    error, line, traced, rule, tmp_path, capsys
):
    with pytest.raises(SystemExit) as stopped, run_job(rule) as job:
        job.output_paths["result"].write_text("half of the new res")
        print("working")
        raise error
    captured = capsys.readouterr()
    log = (tmp_path / "demo.log").read_text()
    assert stopped.value.code == 1
    assert captured.out == "working\n"
    assert captured.err == f"error in demo: {line}\n"
    assert log.split("\n")[1] == "working" and log.endswith(f"failed: {line}\n")
    assert ("Traceback" in log) == traced
    assert (tmp_path / "result.txt").read_text() == "earlier"
    assert (tmp_path / "result.txt.prov.json").read_text() == "earlier sidecar"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".jobs",
        "demo.log",
        "result.txt",
        "result.txt.prov.json",
    ]


@pytest.mark.gpu
def test_gpu_memory_limit_of_a_job(rule, capsys):
    share = torch.cuda.get_device_properties(0).total_memory // 4
    with pytest.raises(SystemExit), run_job(rule, claim_device=True) as job:
        torch.empty(share // 2, dtype=torch.uint8, device=job.device)
        print("allocated half of it")
        torch.empty(share + 2**30, dtype=torch.uint8, device=job.device)
    captured = capsys.readouterr()
    assert captured.out.endswith("allocated half of it\n")
    assert (
        captured.err.startswith(f"error in demo: {MEMORY_HINT}: ") and captured.err.count("\n") == 1
    )


def test_missing_output_fails(rule, tmp_path, capsys):
    with pytest.raises(SystemExit), run_job(rule):
        pass
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error in demo: ") and "result.txt" in line
    assert (tmp_path / "result.txt").read_text() == "earlier"


@pytest.fixture
def handled_interrupt():
    """Handle SIGINT as in a terminal; shells ignore it in background jobs."""
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, previous)


@pytest.mark.parametrize("number, message", [
    (signal.SIGTERM, "demo: interrupted, nothing was replaced\n"),
    (signal.SIGINT, "demo: interrupted, nothing was replaced\n"),
])  # fmt: skip
def test_interrupted_job_keeps_old_results(
    number, message, rule, tmp_path, capsys, handled_interrupt
):
    with pytest.raises(SystemExit) as stopped, run_job(rule) as job:
        job.output_paths["result"].write_text("half of the new res")
        signal.raise_signal(number)
    assert (stopped.value.code, capsys.readouterr().err) == (130, message)
    assert (tmp_path / "demo.log").read_text().split("\n", 1)[1] == message
    assert (tmp_path / "result.txt").read_text() == "earlier"
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_successful_job_replaces_results(rule, tmp_path):
    with run_job(rule) as job:
        job.output_paths["result"].write_text("new")
    assert (tmp_path / "result.txt").read_text() == "new"
    assert '"rule": "demo"' in (tmp_path / "result.txt.prov.json").read_text()
