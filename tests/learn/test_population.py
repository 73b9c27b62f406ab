"""Members of a population against the same trainings alone."""

import contextlib
import os
import signal
from pathlib import Path

import pytest
import torch

from daf.jobs.device import deterministic_cuda
from daf.learn.colocated import train_colocated
from daf.learn.job import train_colocated_jobs
from daf.learn.result import TrainingResult
from daf.learn.resume import ResumeState
from daf.learn.train import train
from daf.learn.trainer import DivergedError, Trainer
from tests.learn.trainings import UPDATES, bytes_of, job_of, run_of, told

FOUR = (
    {},
    {"learning_rate": 1e-2, "entropy_coef": 0.1},
    {"policy": "stateless", "clip": 0.1},
    {"updates": UPDATES - 2},
)


def quiet(line: str) -> None:
    pass


@pytest.mark.parametrize("threads", [1, 2])
def test_each_member_is_the_training_alone(threads):
    runs = [run_of(**changes) for changes in FOUR]
    alone = [bytes_of(train(run, report=quiet)) for run in runs]
    torch.set_num_threads(threads)
    try:
        found = train_colocated(runs, report=quiet)
    finally:
        torch.set_num_threads(1)
    assert [bytes_of(trained) for trained in found] == alone
    assert len({str(one[1]) for one in alone}) == len(FOUR)


def test_those_that_fail_do_not_harm_the_others(monkeypatch):
    runs = [run_of(**changes) for changes in FOUR]
    alone = [bytes_of(train(run, report=quiet)) for run in runs]
    advance = Trainer.run_update

    def spoilt(training):
        if training.run == runs[1] and training.updates_done == 2:
            for parameter in training.policy.parameters():
                parameter.data.fill_(torch.nan)
        if training.run == runs[3]:
            raise RuntimeError("boom")
        advance(training)

    monkeypatch.setattr(Trainer, "run_update", spoilt)
    impossible = run_of().model_copy(update={"initial_digest": "0" * 64})
    found = train_colocated([*runs, impossible], report=quiet)
    assert isinstance(found[1], DivergedError) and "update 3 of 5" in str(found[1])
    assert str(found[3]) == "boom" and "are not its initial weights" in str(found[4])
    assert [bytes_of(one) for one in found if isinstance(one, TrainingResult)] == [
        alone[0],
        alone[2],
    ]


def test_the_job_of_each_goes_on_from_what_the_population_left(tmp_path, monkeypatch, capsys):
    runs = [run_of(training_seed=seed) for seed in (1, 2, 3)]
    advance = Trainer.run_update

    def spoilt(training):
        if training.run == runs[1] and training.updates_done == 2:
            raise DivergedError(f"update {training.updates_done + 1}")
        advance(training)

    def jobs(folder):
        files = ("weights", "metrics", "policy", "run")
        return [
            job_of(run, folder, {f: f"{run.training_seed}.{f}" for f in files}, save_seconds=0)
            for run in runs
        ]

    monkeypatch.setattr(Trainer, "run_update", spoilt)
    train_colocated_jobs(jobs(tmp_path), "cpu")
    assert f"{runs[1].name} is left to its own job: update 3" in capsys.readouterr().out
    with pytest.raises(DivergedError, match="update 3"):
        jobs(tmp_path)[1].execute()
    (tmp_path / "alone").mkdir()
    for number in (0, 2):
        job, alone = jobs(tmp_path)[number], jobs(tmp_path / "alone")[number]
        capsys.readouterr()
        job.execute()
        assert "goes on after update 5 of 5" in capsys.readouterr().out
        alone.execute()
        for name, file in job.paths.items():
            assert Path(file).read_bytes() == Path(alone.paths[name]).read_bytes(), name


def test_each_member_goes_on_alone_from_its_own_state(tmp_path, monkeypatch):
    runs = [run_of(**changes) for changes in FOUR]
    alone = [bytes_of(train(run, report=quiet)) for run in runs]
    advance = Trainer.run_update

    def signalled(training):
        if training.run == runs[1] and training.updates_done == 1:
            os.kill(os.getpid(), signal.SIGTERM)
        advance(training)

    def resumes(stack, report=quiet):
        places = [ResumeState(tmp_path / str(n), "same", report=report) for n in range(len(runs))]
        return [stack.enter_context(place) for place in places]

    with monkeypatch.context() as patch, contextlib.ExitStack() as stack:
        patch.setattr(Trainer, "run_update", signalled)
        with pytest.raises(KeyboardInterrupt, match="goes on from there"):
            train_colocated(runs, report=quiet, resumes=resumes(stack))
    for number in (0, 2):
        lines = []
        with ResumeState(tmp_path / str(number), "same") as resume:
            found = train(runs[number], report=lines.append, resume=resume)
        assert bytes_of(found) == alone[number] and told(lines, "goes on after update")
    lines = []
    with contextlib.ExitStack() as stack:
        found = train_colocated(runs, report=lines.append, resumes=resumes(stack))
    assert [bytes_of(trained) for trained in found] == alone
    assert sum("goes on after update" in line for line in lines) == len(runs)


@pytest.mark.gpu
def test_on_a_gpu_too():
    deterministic_cuda()
    runs = [run_of(training_seed=seed) for seed in (1, 2)]
    alone = [train(run, "cuda", report=quiet) for run in runs]
    for one, other in zip(alone, train_colocated(runs, "cuda", report=quiet)):
        for tensors in zip(one.policy.parameters(), other.policy.parameters()):
            torch.testing.assert_close(*tensors)
