"""Resumed runs give the bytes of uninterrupted ones."""

import math
import os
import pickle
import random
import signal
import zipfile

import pytest
import torch

from daf.config import ExecutionConfig
from daf.jobs.device import use_deterministic_cuda
from daf.learn.resume import ResumeFile, make_resume_file_context
from daf.learn.train import train
from tests.learn.runs import (
    UPDATES,
    StopsAfter,
    has_line,
    make_curriculum_run,
    make_run,
    result_content,
)


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
@pytest.mark.parametrize("policy, missions", [
    ("lstm", ("assembler_1",)),
    ("mingru", ("assembler_1",)),
    ("stateless", ("assembler_1", "assembler_2@1-9")),
])  # fmt: skip
def test_resumed_run_equals_an_uninterrupted_one(policy, missions, device, tmp_path):
    if device == "cuda":
        use_deterministic_cuda()
    run = make_run(policy, missions)
    whole = result_content(train(run, device))
    for update, number in ((2, signal.SIGTERM), (1, signal.SIGINT)):
        with (
            pytest.raises(KeyboardInterrupt, match="to resume"),
            StopsAfter(tmp_path, "same").stop(update, number) as resume,
        ):
            train(run, device, resume=resume)
    lines = []
    with ResumeFile(tmp_path, "same", report=lines.append) as resume:
        parts = train(run, device, report=lines.append, resume=resume)
    assert has_line(lines, f"resuming from update 3 of {UPDATES}")
    assert result_content(parts) == whole
    again = []
    with ResumeFile(tmp_path, "same") as resume:  # killed before its results were written
        assert result_content(train(run, device, report=again.append, resume=resume)) == whole
    assert has_line(again, f"resuming from update {UPDATES} of {UPDATES}")
    resume.remove_state_metrics_and_checkpoints()
    assert not tmp_path.exists()


@pytest.mark.parametrize("update", [2, 3])  # last of stage 1; first of stage 2
def test_curriculum_resumes_in_its_stage(update, tmp_path):
    run = make_curriculum_run()
    whole = result_content(train(run))
    with (
        pytest.raises(KeyboardInterrupt),
        StopsAfter(tmp_path, "same").stop(update) as resume,
    ):
        train(run, resume=resume)
    lines = []
    with ResumeFile(tmp_path, "same", report=lines.append) as resume:
        assert result_content(train(run, report=lines.append, resume=resume)) == whole
    assert has_line(lines, f"resuming from update {update} of 5")


def test_signal_handlers_are_restored(tmp_path):
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with ResumeFile(tmp_path, "same"):
        pass
    assert before == [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]


@pytest.fixture
def execution(tmp_path):
    return ExecutionConfig(results_dir=str(tmp_path), save_seconds=0)


def test_longer_run_continues_a_shorter_one(execution):
    short, long = (make_run(updates=updates, anneal=False) for updates in (3, UPDATES))
    whole = result_content(train(long))
    with make_resume_file_context(short, execution, "code", "cpu") as resume:
        train(short, resume=resume)
    lines = []
    with make_resume_file_context(long, execution, "code", "cpu") as resume:
        assert result_content(train(long, report=lines.append, resume=resume)) == whole
    assert has_line(lines, f"resuming from update 3 of {UPDATES}")
    with make_resume_file_context(
        short, execution, "code", "cpu"
    ) as resume:  # state of a longer run
        assert result_content(train(short, resume=resume)) == result_content(train(short))


def test_schedules_of_different_length_do_not_share_states(execution):
    folders = {
        make_resume_file_context(make_run(updates=n), execution, "c", "cpu").file
        for n in (3, UPDATES)
    }
    assert len(folders) == 2


@pytest.mark.parametrize("change", [
    {"learning_rate": 0.1}, {"gamma": 0.5}, {"policy": "stateless"}, {"missions": ("assembler_2",)},
])  # fmt: skip
def test_configurations_do_not_share_states(change, execution):
    first, second = (
        make_resume_file_context(make_run(**settings), execution, "c", "cpu")
        for settings in ({}, change)
    )
    assert first.file.parent != second.file.parent and first.fingerprint != second.fingerprint


def test_state_depends_on_code_but_not_on_threads(execution):
    run = make_run()
    with make_resume_file_context(run, execution, "code", "cpu") as resume:
        train(run, resume=resume)
        state = resume.load("cpu")
    assert len(state["curve"]) == UPDATES
    lines = []
    resume = make_resume_file_context(run, execution, "other code", "cpu")
    resume.report = lines.append
    assert resume.load("cpu") is None and has_line(lines, "does not match this code")
    torch.set_num_threads(torch.get_num_threads() + 1)
    try:
        assert make_resume_file_context(run, execution, "code", "cpu").load("cpu") is not None
    finally:
        torch.set_num_threads(torch.get_num_threads() - 1)


def test_damaged_state_is_reported_and_ignored(tmp_path):
    run = make_run()
    whole = result_content(train(run))
    with pytest.raises(KeyboardInterrupt), StopsAfter(tmp_path, "same").stop(3) as resume:
        train(run, resume=resume)
    content = resume.file.read_bytes()
    rng = random.Random(1)
    damaged = [content[: len(content) // 2], b"", b"PK", b"{}"]
    for _ in range(12):
        index = rng.randrange(len(content))
        damaged.append(content[:index] + bytes([content[index] ^ 255]) + content[index + 1 :])
    for number, damaged_content in enumerate(damaged):
        resume.file.write_bytes(damaged_content)
        lines = []
        with ResumeFile(tmp_path, "same", report=lines.append) as resume:
            result = train(run, report=lines.append, resume=resume)
        assert result_content(result) == whole, number
        assert has_line(lines, "is damaged") or has_line(lines, "resuming from"), number


def _set(part, **changes):
    """Return a function that changes a part of the state."""
    return lambda state: state[part].update(changes)


def _change_weights(change):
    """Return a function that changes all weights of the policy in the state."""

    def change_all(state):
        weights = state["networks"]["policy"]
        weights.update({name: change(tensor) for name, tensor in weights.items()})

    return change_all


@pytest.mark.parametrize("change", [
    lambda state: state.clear(),
    lambda state: state.pop("networks"),
    lambda state: state.update(curve="xx"),
    lambda state: state.update(curve=[1]),
    lambda state: state.update(curve=[{"update": "x"}]),
    lambda state: state.update(optimizer={}),
    lambda state: state.update(collector={}),
    _set("collector", steps_taken="1"),
    _set("collector", worlds=[]),
    _set("collector", recurrent_state=3),
    _change_weights(lambda tensor: torch.zeros(1)),
    _change_weights(lambda tensor: tensor * math.nan),
    lambda state: state["optimizer"]["state"][0].update(exp_avg=torch.zeros(1)),
    lambda state: state["optimizer"]["param_groups"][0].update(params=[]),
])  # fmt: skip
def test_state_with_unexpected_structure_is_ignored(change, tmp_path):
    """The fingerprint matches."""
    run = make_run(updates=2)
    with pytest.raises(KeyboardInterrupt), StopsAfter(tmp_path, "same").stop(1) as resume:
        train(run, resume=resume)
    saved = torch.load(resume.file, weights_only=True)
    change(saved["state"])
    torch.save(saved, resume.file)
    lines = []
    with ResumeFile(tmp_path, "same", report=lines.append) as resume:
        result = train(run, report=lines.append, resume=resume)
    assert result_content(result) == result_content(train(run))
    assert has_line(lines, "is damaged") and not has_line(lines, "resuming from")


def test_folder_at_the_path_of_the_state(tmp_path):
    run, lines = make_run(updates=2), []
    (tmp_path / "state.pt" / "folder").mkdir(parents=True)
    with ResumeFile(tmp_path, "same", save_seconds=0, report=lines.append) as resume:
        result = train(run, report=lines.append, resume=resume)
    assert result_content(result) == result_content(train(run))
    assert has_line(lines, "is damaged") and resume.file.is_file()
    resume.remove_state_metrics_and_checkpoints()
    assert not tmp_path.exists()


class Hostile:
    def __reduce__(self):
        return (os.system, ("touch hostile",))


def test_hostile_state_is_not_executed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = []
    resume = ResumeFile(tmp_path, "same", report=lines.append)
    torch.save({"fingerprint": "same", "state": Hostile()}, resume.file)
    assert resume.load("cpu") is None and has_line(lines, "is damaged")
    resume.file.write_bytes(pickle.dumps(Hostile()))
    assert resume.load("cpu") is None
    with zipfile.ZipFile(resume.file, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("archive/data.pkl", bytes(10**8))
    assert resume.load("cpu") is None and has_line(lines, "compressed records")
    assert not (tmp_path / "hostile").exists()
