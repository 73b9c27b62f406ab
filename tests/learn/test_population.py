"""Members of a population against the same trainings alone."""

import contextlib
import os
import signal

import pytest
import torch

from daf.learn.population import train_population
from daf.learn.resume import Resume
from daf.learn.train import train
from daf.learn.training import DivergedError, Trained, Training
from tests.learn.trainings import UPDATES, bytes_of, run_of, told

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
        found = train_population(runs, report=quiet)
    finally:
        torch.set_num_threads(1)
    assert [bytes_of(trained) for trained in found] == alone
    assert len({str(one[1]) for one in alone}) == len(FOUR)


def test_one_that_diverges_does_not_harm_the_others(monkeypatch):
    runs = [run_of(**changes) for changes in FOUR]
    alone = [bytes_of(train(run, report=quiet)) for run in runs]
    advance = Training.advance

    def spoilt(training):
        if training.run == runs[1] and training.made == 2:
            for parameter in training.policy.parameters():
                parameter.data.fill_(torch.nan)
        advance(training)

    monkeypatch.setattr(Training, "advance", spoilt)
    found = train_population(runs, report=quiet)
    assert isinstance(found[1], DivergedError) and "update 3 of 5" in str(found[1])
    assert [bytes_of(one) for one in found if isinstance(one, Trained)] == [alone[0], *alone[2:]]


def test_each_member_goes_on_alone_from_its_own_state(tmp_path, monkeypatch):
    runs = [run_of(**changes) for changes in FOUR]
    alone = [bytes_of(train(run, report=quiet)) for run in runs]
    advance = Training.advance

    def signalled(training):
        if training.run == runs[1] and training.made == 1:
            os.kill(os.getpid(), signal.SIGTERM)
        advance(training)

    def resumes(stack, report=quiet):
        places = [Resume(tmp_path / str(n), "same", report=report) for n in range(len(runs))]
        return [stack.enter_context(place) for place in places]

    with monkeypatch.context() as patch, contextlib.ExitStack() as stack:
        patch.setattr(Training, "advance", signalled)
        with pytest.raises(KeyboardInterrupt, match="goes on from there"):
            train_population(runs, report=quiet, resumes=resumes(stack))
    for number in (0, 2):
        lines = []
        with Resume(tmp_path / str(number), "same") as resume:
            found = train(runs[number], report=lines.append, resume=resume)
        assert bytes_of(found) == alone[number] and told(lines, "goes on after update")
    lines = []
    with contextlib.ExitStack() as stack:
        found = train_population(runs, report=lines.append, resumes=resumes(stack))
    assert [bytes_of(trained) for trained in found] == alone
    assert sum("goes on after update" in line for line in lines) == len(runs)


@pytest.mark.gpu
def test_on_a_gpu_too():
    runs = [run_of(training_seed=seed) for seed in (1, 2)]
    alone = [train(run, "cuda", report=quiet) for run in runs]
    for one, other in zip(alone, train_population(runs, "cuda", report=quiet)):
        for tensors in zip(one.policy.parameters(), other.policy.parameters()):
            torch.testing.assert_close(*tensors)
