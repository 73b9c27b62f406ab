"""Misbehaving policies in a job: an error line with their names, no side effects."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch

from daf.config import DAFConfig, EvaluationConfig
from daf.evaluation.evaluate import evaluate
from daf.missions import load_mission
from daf.orchestrators import daf_run_comparison_pipeline
from daf.plan import PolicyInstance
from daf.policies import Game, PolicySpec, make_policy
from daf.policies.checks import check_forward
from daf.system.interrupts import interrupt_on_stop_signals

POLICIES = """
import os, sys, threading, time
import torch
from daf.policies import Policy
from daf.policies.stateless import Stateless

def still(observations, **kwargs):
    return torch.zeros(len(observations), dtype=torch.int64, **kwargs)

class Still(Policy):
    def act(self, observations, state):
        return still(observations), state

class Stops(Policy):
    def act(self, observations, state):
        sys.exit(0)

class Interrupts(Policy):
    def act(self, observations, state):
        raise KeyboardInterrupt

class Mute(Policy):
    def act(self, observations, state):
        class Untold(Exception):
            def __str__(self):
                return 1 / 0
        raise Untold

class Ends(Policy):
    def act(self, observations, state):
        os._exit(0)

class Meta(Policy):
    def act(self, observations, state):
        return still(observations, device="meta"), None

class Sparse(Policy):
    def act(self, observations, state):
        return still(observations).to_sparse(), None

class Numpy(Policy):
    def act(self, observations, state):
        return still(observations).numpy(), None

class Threads(Still):
    def initial_state(self, seeds):
        threading.Thread(target=time.sleep, args=(3,), name="mine").start()

class Overwrites(Still):
    def act(self, observations, state):
        observations.fill_(255)
        return super().act(observations, state)

class Sets(Still):
    def initial_state(self, seeds):
        torch.set_num_threads(3)
        torch.use_deterministic_algorithms(True)
        os.chdir("/")
        sys.stdout = None

class Doubles(Still):
    def initial_state(self, seeds):
        torch.set_default_dtype(torch.float64)

class NoNumber(Stateless):
    def __init__(self, game, device="cpu", how="logits"):
        super().__init__(game, device, hidden_size=8)
        self.how = how

    def forward(self, observations, recurrent_state, episode_starts):
        logits, values, state = super().forward(observations, recurrent_state, episode_starts)
        if self.how == "logits":
            return logits * float("nan"), values, state
        if self.how == "meta":
            return logits.to("meta"), values, state
        if self.how == "numpy":
            return logits.detach().numpy(), values, state
        if self.how == "overwrites":
            observations.zero_()
        if self.how == "stops":
            sys.exit(0)
        return logits, values, state
"""
NEEDED = "; expected integers of shape [8]"
INVALID = {
    "Stops": " failed with SystemExit: 0 (in {path}, line 16)",
    "Interrupts": " failed with KeyboardInterrupt: (in {path}, line 20)",
    "Mute": " failed with Untold: its text fails with ZeroDivisionError (in {path}, line 27)",
    "Meta": f": act returned torch.int64 [8] on device meta{NEEDED}",
    "Sparse": f": act returned torch.int64 [8] sparse_coo{NEEDED}",
    "Numpy": f": act returned something of type ndarray{NEEDED}",
    "Threads": ": its code leaves thread mine running, and the process could not end",
    "Doubles": ": its code sets the defaults of torch to torch.float64 on cpu for the",
    "NoNumber": ": forward returned logits that define no distribution (NaN or infinity)",
}


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(POLICIES)
    return file


def run_episodes(path: Path, name: str):
    instance = PolicyInstance(
        name=name,
        default_label=name,
        class_path=f"{path}:{name}",
        class_digest=None,
        init_kwargs={},
        training_seed=None,
    )
    with interrupt_on_stop_signals():
        return evaluate(instance, load_mission("assembler_2"), EvaluationConfig(episodes=2))[0]


@pytest.mark.parametrize("name", INVALID)
def test_misbehavior_is_reported(name, path, refused):
    line = refused(run_episodes, path, name)
    assert line.startswith(f"policy '{name}'{INVALID[name].format(path=path)}")
    assert torch.get_default_dtype() == torch.float32


def test_policies_get_copies_of_observations(path):
    with_, without = run_episodes(path, "Overwrites"), run_episodes(path, "Still")
    assert with_.drop(columns=["policy", "run"]).equals(without.drop(columns=["policy", "run"]))


def test_global_settings_are_restored(path):
    def settings():
        deterministic = torch.are_deterministic_algorithms_enabled()
        return torch.get_num_threads(), deterministic, os.getcwd(), sys.stdout

    before = settings()
    run_episodes(path, "Sets")
    assert settings() == before


@pytest.mark.parametrize("how, message", [
    ("meta", "forward returned logits float32 [2, 3, 5] on device meta; expected float32 [2,"),
    ("numpy", "forward returned logits something of type ndarray; expected float32 [2, 3, 5]"),
    ("overwrites", "forward modifies its input tensors"),
    ("stops", "rows (SystemExit: 0)"),
])  # fmt: skip
def test_networks_are_checked_before_training(how, message, path, refused):
    spec = PolicySpec(f"{path}:NoNumber", init_kwargs={"how": how})
    network = make_policy(spec, Game.of(load_mission("assembler_1")))
    assert message in refused(check_forward, "mine", network)


JOB = """
import ctypes, os, signal, sys, threading, time
from types import SimpleNamespace
from daf.jobs.supervisor import run_in_supervised_child

Job = type("Snakemake", (SimpleNamespace,), {"__module__": "snakemake.script"})
with run_in_supervised_child(Job(rule="demo", log=["job.log"])) as report_policy:
    open("job.log", "w").close()
    report_policy("mine")
    BODY
    open("made", "w").close()
"""
ENDED = "error in demo: policy 'mine': its process ended without an error message"
BODIES = {
    "os._exit(0)": (1, f"{ENDED} (exit status 0)\n"),
    "sys.exit(0)": (1, f"{ENDED} (exit status 0)\n"),
    "ctypes.string_at(0)": (1, f"{ENDED} (signal 11, SIGSEGV)\n"),
    "os.kill(os.getpid(), 9)": (1, f"{ENDED} (signal 9, SIGKILL; was it killed?)\n"),
    "os.closerange(3, 256); os._exit(0)": (1, f"{ENDED} (exit status 0)\n"),
    "sys.exit(1)": (1, ""),
    "sys.exit(130)": (130, ""),
    "pass": (0, ""),
    "if os.fork() == 0: time.sleep(600)": (
        0, "error in demo: policy 'mine': its code left a process running; killed\n"),
    "if os.fork() == 0: os.setsid(); os.fork() or time.sleep(600); os._exit(0)": (
        0, "error in demo: policy 'mine': its code left a process running; killed\n"),
    "os.fork()": (0, ""),
}  # fmt: skip


@pytest.mark.parametrize("body", BODIES)
def test_job_ends_despite_background_code(body, tmp_path):
    """A background process would keep the output pipe of the job open."""
    command = [sys.executable, "-c", JOB.replace("BODY", body)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == BODIES[body]
    assert (tmp_path / "made").exists() == (done.returncode == 0)
    message = done.stderr.removeprefix("error in demo: ") if done.returncode == 1 else ""
    assert (tmp_path / "job.log").read_text() == (f"failed: {message}" if message else "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_process_outlives_an_interrupted_job(number, tmp_path):
    body = "open('pid', 'w').write(str(os.getpid())); time.sleep(600)"
    process = subprocess.Popen(
        [sys.executable, "-c", JOB.replace("BODY", body)], cwd=tmp_path, stderr=subprocess.DEVNULL
    )
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        time.sleep(0.01)
    child = psutil.Process(int((tmp_path / "pid").read_text()))
    process.send_signal(number)
    assert process.wait(30) in (130, -signal.SIGKILL)
    child.wait(30)


@pytest.mark.slow
def test_report_without_the_failed_policy(path, monkeypatch):
    monkeypatch.chdir(path.parent)
    result = daf_run_comparison_pipeline(
        policies=["random", "mine.py:Ends", "mine.py:Stops"],
        missions=["assembler_1"],
        episodes_per_mission=2,
        daf_config=DAFConfig(policies_per_job=3),
    )
    assert result.status == "partial" and Path(result.outputs["report"]).exists()
    assert sorted(error.message.split(":")[0] for error in result.errors) == [
        "policy 'Ends'", "policy 'Stops' failed with SystemExit"
    ]  # fmt: skip
