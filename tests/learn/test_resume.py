"""A training that was stopped goes on to the bytes of one that was not."""

import math
import os
import pickle
import random
import signal
import zipfile

import pytest
import torch

from daf.config import ExecutionConfig
from daf.jobs.device import deterministic_cuda
from daf.learn.resume import ResumeState, open_resume_state
from daf.learn.train import train
from tests.learn.trainings import UPDATES, bytes_of, curriculum, run_of, told


class StopsAfter(ResumeState):
    """Gets a signal during one of its updates."""

    def stop(self, update: int, number: int = signal.SIGTERM) -> "StopsAfter":
        self.left, self.number = update, number
        return self

    def save_if_due(self, state, last):
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), self.number)
        super().save_if_due(state, last)


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
@pytest.mark.parametrize("policy, missions", [
    ("lstm", ("assembler_1",)),
    ("stateless", ("assembler_1", "assembler_2@1-9")),
])  # fmt: skip
def test_stopped_twice_is_the_same_as_never(policy, missions, device, tmp_path):
    if device == "cuda":
        deterministic_cuda()
    run = run_of(policy, missions)
    whole = bytes_of(train(run, device))
    for update, number in ((2, signal.SIGTERM), (1, signal.SIGINT)):
        with (
            pytest.raises(KeyboardInterrupt, match="goes on from there"),
            StopsAfter(tmp_path, "same").stop(update, number) as resume,
        ):
            train(run, device, resume=resume)
    lines = []
    with ResumeState(tmp_path, "same", report=lines.append) as resume:
        parts = train(run, device, report=lines.append, resume=resume)
    assert told(lines, f"goes on after update 3 of {UPDATES}")
    assert bytes_of(parts) == whole
    again = []
    with ResumeState(tmp_path, "same") as resume:  # killed before its results were in their place
        assert bytes_of(train(run, device, report=again.append, resume=resume)) == whole
    assert told(again, f"goes on after update {UPDATES} of {UPDATES}")
    resume.discard()
    assert not tmp_path.exists()


@pytest.mark.parametrize("update", [2, 3])  # of the first lesson, which ends with it; of the second
def test_a_curriculum_goes_on_in_the_lesson_that_it_was_in(update, tmp_path):
    run = curriculum()
    whole = bytes_of(train(run))
    with (
        pytest.raises(KeyboardInterrupt),
        StopsAfter(tmp_path, "same").stop(update) as resume,
    ):
        train(run, resume=resume)
    lines = []
    with ResumeState(tmp_path, "same", report=lines.append) as resume:
        assert bytes_of(train(run, report=lines.append, resume=resume)) == whole
    assert told(lines, f"goes on after update {update} of 5")


def test_signals_are_as_before_afterwards(tmp_path):
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with ResumeState(tmp_path, "same"):
        pass
    assert before == [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]


@pytest.fixture
def execution(tmp_path):
    return ExecutionConfig(results_dir=str(tmp_path), save_seconds=0)


def test_more_steps_go_on_from_fewer(execution):
    short, long = (run_of(updates=updates, anneal=False) for updates in (3, UPDATES))
    whole = bytes_of(train(long))
    with open_resume_state(short, execution, "code", "cpu") as resume:
        train(short, resume=resume)
    lines = []
    with open_resume_state(long, execution, "code", "cpu") as resume:
        assert bytes_of(train(long, report=lines.append, resume=resume)) == whole
    assert told(lines, f"goes on after update 3 of {UPDATES}")
    with open_resume_state(short, execution, "code", "cpu") as resume:  # too far gone for it
        assert bytes_of(train(short, resume=resume)) == bytes_of(train(short))


def test_a_schedule_of_another_length_is_another_training(execution):
    folders = {
        open_resume_state(run_of(updates=n), execution, "c", "cpu").file for n in (3, UPDATES)
    }
    assert len(folders) == 2


@pytest.mark.parametrize("change", [
    {"learning_rate": 0.1}, {"gamma": 0.5}, {"policy": "stateless"}, {"missions": ("assembler_2",)},
])  # fmt: skip
def test_another_configuration_keeps_its_state_elsewhere(change, execution):
    one, other = (open_resume_state(run_of(**more), execution, "c", "cpu") for more in ({}, change))
    assert one.file.parent != other.file.parent and one.fingerprint != other.fingerprint


def test_other_code_starts_over_and_other_threads_go_on(execution):
    run = run_of()
    with open_resume_state(run, execution, "code", "cpu") as resume:
        train(run, resume=resume)
        here = resume.load("cpu")
    assert len(here["curve"]) == UPDATES
    lines = []
    resume = open_resume_state(run, execution, "other code", "cpu")
    resume.report = lines.append
    assert resume.load("cpu") is None and told(lines, "other code, versions or hardware")
    torch.set_num_threads(torch.get_num_threads() + 1)
    try:
        assert open_resume_state(run, execution, "code", "cpu").load("cpu") is not None
    finally:
        torch.set_num_threads(torch.get_num_threads() - 1)


def test_a_damaged_state_is_told_and_never_used(tmp_path):
    run = run_of()
    whole = bytes_of(train(run))
    with pytest.raises(KeyboardInterrupt), StopsAfter(tmp_path, "same").stop(3) as resume:
        train(run, resume=resume)
    content = resume.file.read_bytes()
    chance = random.Random(1)
    damaged = [content[: len(content) // 2], b"", b"PK", b"{}"]
    for _ in range(12):
        place = chance.randrange(len(content))
        damaged.append(content[:place] + bytes([content[place] ^ 255]) + content[place + 1 :])
    for number, wrong in enumerate(damaged):
        resume.file.write_bytes(wrong)
        lines = []
        with ResumeState(tmp_path, "same", report=lines.append) as resume:
            found = train(run, report=lines.append, resume=resume)
        assert bytes_of(found) == whole, number
        assert told(lines, "is damaged") or told(lines, "goes on after"), number


def _of(part, **changes):
    """A change to a part of the state."""
    return lambda state: state[part].update(changes)


@pytest.mark.parametrize("spoil", [
    lambda state: state.clear(),
    lambda state: state.pop("policy"),
    lambda state: state.update(curve="xx"),
    lambda state: state.update(curve=[1]),
    lambda state: state.update(curve=[{"update": "x"}]),
    lambda state: state.update(optimizer={}),
    lambda state: state.update(collector={}),
    _of("collector", steps_taken="1"),
    _of("collector", worlds=[]),
    _of("collector", recurrent_state=3),
    lambda state: state["policy"].update({k: torch.zeros(1) for k in state["policy"]}),
    lambda state: state["policy"].update({k: v * math.nan for k, v in state["policy"].items()}),
    lambda state: state["optimizer"]["state"][0].update(exp_avg=torch.zeros(1)),
    lambda state: state["optimizer"]["param_groups"][0].update(params=[]),
])  # fmt: skip
def test_a_state_that_cannot_be_one_is_told_and_never_used(spoil, tmp_path):
    """Its fingerprint is right."""
    run = run_of(updates=2)
    with pytest.raises(KeyboardInterrupt), StopsAfter(tmp_path, "same").stop(1) as resume:
        train(run, resume=resume)
    saved = torch.load(resume.file, weights_only=True)
    spoil(saved["state"])
    torch.save(saved, resume.file)
    lines = []
    with ResumeState(tmp_path, "same", report=lines.append) as resume:
        found = train(run, report=lines.append, resume=resume)
    assert bytes_of(found) == bytes_of(train(run))
    assert told(lines, "is damaged") and not told(lines, "goes on after")


def test_a_folder_in_place_of_the_state(tmp_path):
    run, lines = run_of(updates=2), []
    (tmp_path / "state.pt" / "more").mkdir(parents=True)
    with ResumeState(tmp_path, "same", save_seconds=0, report=lines.append) as resume:
        found = train(run, report=lines.append, resume=resume)
    assert bytes_of(found) == bytes_of(train(run))
    assert told(lines, "is damaged") and resume.file.is_file()
    resume.discard()
    assert not tmp_path.exists()


class Hostile:
    def __reduce__(self):
        return (os.system, ("touch hostile",))


def test_a_hostile_state_takes_no_effect(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = []
    resume = ResumeState(tmp_path, "same", report=lines.append)
    torch.save({"fingerprint": "same", "state": Hostile()}, resume.file)
    assert resume.load("cpu") is None and told(lines, "is damaged")
    resume.file.write_bytes(pickle.dumps(Hostile()))
    assert resume.load("cpu") is None
    with zipfile.ZipFile(resume.file, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("archive/data.pkl", bytes(10**8))
    assert resume.load("cpu") is None and told(lines, "compressed records")
    assert not (tmp_path / "hostile").exists()
