"""Misbehaving policy files in the checks of a plan: one error line, no effect on the plan."""

import os
import signal
import threading
import time
from pathlib import Path

import psutil
import pytest

from daf.config import BenchmarkConfig, ConfigError
from daf.plan import foreign_policy_checker, make_plan

STILL = """
import atexit, ctypes, multiprocessing, os, signal, sys, threading, time
from concurrent.futures import ThreadPoolExecutor
import torch
from daf.policies import Policy

class Mine(Policy):
    def act(self, observations, state):
        return torch.zeros(len(observations), dtype=torch.int64), state
"""
BUILT = """    def __init__(self, game, device="cpu"):
        super().__init__(game, device)
        """
FORK = "\nif os.fork() == 0:\n    time.sleep(600)\n"
DAEMON = """
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(600)
    os._exit(0)
"""
ENDS = "its code ends the process in which it is imported and built"
MISBEHAVES = {
    "exits": ("import sys; sys.exit(0)", "mine.py fails on import (SystemExit: 0)"),
    "exits at once": ("import os; os._exit(0)", f"{ENDS} (exit status 0)"),
    "exits while it is built": (f"{STILL}{BUILT}os._exit(3)", f"{ENDS} (exit status 3)"),
    "exits while it is built by SystemExit": (f"{STILL}{BUILT}sys.exit()", "cannot be built with "
        "init_kwargs {} (SystemExit: )"),
    "base exception": ("class Odd(BaseException): pass\nraise Odd('x')",
        "mine.py fails on import (Odd: x)"),
    "fails without a text": (
        "class Odd(Exception):\n    def __str__(self): return 1 / 0\nraise Odd",
        "mine.py fails on import (Odd: its text fails with ZeroDivisionError)"),
    "interrupts": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "crashes": ("import ctypes; ctypes.string_at(0)", f"{ENDS} (signal 11, SIGSEGV)"),
    "is killed": ("import os; os.kill(os.getpid(), 9)", f"{ENDS} (signal 9, SIGKILL)"),
    "aborts": ("import os; os.abort()", f"{ENDS} (signal 6, SIGABRT)"),
    "forks": (STILL + FORK, "its code leaves process "),
    "forks in two": (STILL + "\nos.fork()\n", None),
    "thread": (STILL + "\nthreading.Thread(target=time.sleep, args=(600,), name='t').start()\n",
        "its code leaves thread t running, and the process could not end"),
    "closes files": ("import os; os.closerange(0, 256)", f"{ENDS} (exit status 1)"),
    "closes stdout": (f"{STILL}{BUILT}os.close(1)", "its code closed file descriptor 1"),
    "loops": (f"{STILL}{BUILT}time.sleep(600)", "its code takes longer than 2 s to be imported"),
    "float64": (STILL + "\ntorch.set_default_dtype(torch.float64)\n",
        "sets the defaults of torch to torch.float64 on cpu for the whole process; pass dtype and "
        "device"),
    "exits at its end": (STILL + "\natexit.register(os._exit, 7)\n", None),
    "daemon": (STILL + DAEMON, "its code leaves process "),
    "pool": (STILL + "\nPOOL = ThreadPoolExecutor(); POOL.submit(time.sleep, 0)\n", None),
    "settings": (STILL + "\ntorch.set_num_threads(1); torch.manual_seed(0); os.chdir('/')\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN); sys.stdout = None\n", None),
    "prints": (STILL + "\nprint('{}', flush=True)\n", None),
}  # fmt: skip


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def plan(path: str = "mine.py:Mine", *others: str):
    data = {"policies": [path, *others], "missions": ["assembler_1"]}
    return make_plan(BenchmarkConfig.parse(data, "test"), "test")


def process_settings() -> tuple:
    return os.getcwd(), signal.getsignal(signal.SIGTERM), threading.active_count()


@pytest.mark.parametrize("name", MISBEHAVES)
def test_misbehavior_is_reported(name, folder, refused, monkeypatch):
    code, message = MISBEHAVES[name]
    if name == "loops":
        monkeypatch.setattr(foreign_policy_checker, "ANSWER_SECONDS", 2.0)
    Path("mine.py").write_text(code)
    before = process_settings()
    if message is None:
        assert any(name.startswith("Mine-") for name in plan().policies)
    else:
        line = refused(plan)
        assert line.startswith("test: key 'policies.0': policy 'mine.py:Mine'") and message in line
    assert process_settings() == before


@pytest.mark.parametrize("name", ["exits", "exits at once", "forks", "thread", "float64"])
def test_misbehaving_policy_is_deferred_to_its_job(name, folder):
    Path("mine.py").write_text(MISBEHAVES[name][0])
    planned = plan("mine.py:Mine", "random").evaluations_except_missing()
    assert [name.partition("-")[0] for name, _ in planned] == ["Mine", "random"]


def test_failing_code_is_refused(folder, refused):
    Path("mine.py").write_text("1 / 0")
    assert "fails on import (ZeroDivisionError" in refused(plan, "mine.py:Mine", "random")


def test_no_processes_remain(folder):
    Path("mine.py").write_text(STILL + DAEMON)
    with pytest.raises(ConfigError):
        plan()
    Path("other.py").write_text(STILL)
    plan("other.py:Mine")  # starts a second process
    checker = psutil.Process(foreign_policy_checker.policy_checker_of_thread()._process.pid)
    deadline = time.monotonic() + 30
    while len(checker.children(recursive=True)) > 1 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(checker.children(recursive=True)) == 1


def test_modules_are_imported_in_a_subprocess(folder, refused, monkeypatch):
    monkeypatch.syspath_prepend(folder)
    (folder / "bad").mkdir()
    (folder / "bad" / "__init__.py").write_text("import os; os._exit(0)")
    (folder / "bad" / "mine.py").write_text(STILL)
    assert ENDS in refused(plan, "bad.mine:Mine")
