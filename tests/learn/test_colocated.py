"""Co-located runs give the results of separate ones."""

import contextlib
import os
import signal
from pathlib import Path

import pytest
import torch

from daf.jobs.device import use_deterministic_cuda
from daf.learn.colocated import train_colocated
from daf.learn.job import train_colocated_into_resume_states
from daf.learn.learning_curve import DivergedError
from daf.learn.result import TrainingResult
from daf.learn.resume import ResumeFile
from daf.learn.train import train
from daf.learn.trainer import Trainer
from tests.learn.runs import UPDATES, has_line, make_job, make_run, result_content

CHANGES = (
    {},
    {"learning_rate": 1e-2, "entropy_coef": 0.1},
    {"policy": "stateless", "clip": 0.1, "critic": "team"},
    {"updates": UPDATES - 2},
)


def no_report(line: str) -> None:
    pass


@pytest.mark.parametrize("threads", [1, 2])
def test_each_run_equals_a_separate_one(threads):
    runs = [make_run(**changes) for changes in CHANGES]
    separate = [result_content(train(run, report=no_report)) for run in runs]
    torch.set_num_threads(threads)
    try:
        results = train_colocated(runs, report=no_report)
    finally:
        torch.set_num_threads(1)
    assert [result_content(result) for result in results] == separate
    assert len({str(content[1]) for content in separate}) == len(CHANGES)


def test_failed_runs_do_not_affect_the_others(monkeypatch):
    runs = [make_run(**changes) for changes in CHANGES]
    separate = [result_content(train(run, report=no_report)) for run in runs]
    run_update = Trainer.run_update

    def failing_update(trainer):
        if trainer.run == runs[1] and trainer.updates_done == 2:
            for parameter in trainer.policy.parameters():
                parameter.data.fill_(torch.nan)
        if trainer.run == runs[3]:
            raise RuntimeError("boom")
        run_update(trainer)

    monkeypatch.setattr(Trainer, "run_update", failing_update)
    impossible = make_run().model_copy(update={"initial_digest": "0" * 64})
    results = train_colocated([*runs, impossible], report=no_report)
    assert isinstance(results[1], DivergedError) and "update 3 of 5" in str(results[1])
    assert str(results[3]) == "boom"
    assert "does not match its initial_digest" in str(results[4])
    finished = [result for result in results if isinstance(result, TrainingResult)]
    assert [result_content(result) for result in finished] == [separate[0], separate[2]]


def test_each_job_resumes_from_the_colocated_state(tmp_path, monkeypatch, capsys):
    runs = [make_run(training_seed=seed) for seed in (1, 2, 3)]
    run_update = Trainer.run_update

    def failing_update(trainer):
        if trainer.run == runs[1] and trainer.updates_done == 2:
            raise DivergedError(f"update {trainer.updates_done + 1}")
        run_update(trainer)

    def jobs(folder):
        files = ("weights", "metrics", "policy", "run")
        return [
            make_job(run, folder, {f: f"{run.training_seed}.{f}" for f in files}, save_seconds=0)
            for run in runs
        ]

    monkeypatch.setattr(Trainer, "run_update", failing_update)
    train_colocated_into_resume_states(jobs(tmp_path), "cpu")
    assert f"{runs[1].name}: removed from the co-located job (update 3" in capsys.readouterr().out
    with pytest.raises(DivergedError, match="update 3"):
        jobs(tmp_path)[1].execute()
    (tmp_path / "separate").mkdir()
    for number in (0, 2):
        job, separate = jobs(tmp_path)[number], jobs(tmp_path / "separate")[number]
        capsys.readouterr()
        job.execute()
        assert "resuming from update 5 of 5" in capsys.readouterr().out
        separate.execute()
        for name, file in job.output_paths.items():
            assert Path(file).read_bytes() == Path(separate.output_paths[name]).read_bytes(), name


def test_interrupted_runs_resume_separately(tmp_path, monkeypatch):
    runs = [make_run(**changes) for changes in CHANGES]
    separate = [result_content(train(run, report=no_report)) for run in runs]
    run_update = Trainer.run_update

    def signalled_update(trainer):
        if trainer.run == runs[1] and trainer.updates_done == 1:
            os.kill(os.getpid(), signal.SIGTERM)
        run_update(trainer)

    def resume_states(stack, report=no_report):
        states = [ResumeFile(tmp_path / str(n), "same", report=report) for n in range(len(runs))]
        return [stack.enter_context(state) for state in states]

    with monkeypatch.context() as patch, contextlib.ExitStack() as stack:
        patch.setattr(Trainer, "run_update", signalled_update)
        with pytest.raises(KeyboardInterrupt, match="to resume"):
            train_colocated(runs, report=no_report, resume_states=resume_states(stack))
    for number in (0, 2):
        lines = []
        with ResumeFile(tmp_path / str(number), "same") as resume:
            result = train(runs[number], report=lines.append, resume=resume)
        assert result_content(result) == separate[number] and has_line(
            lines, "resuming from update"
        )
    lines = []
    with contextlib.ExitStack() as stack:
        results = train_colocated(runs, report=lines.append, resume_states=resume_states(stack))
    assert [result_content(result) for result in results] == separate
    assert sum("resuming from update" in line for line in lines) == len(runs)


@pytest.mark.gpu
def test_runs_on_a_gpu_equal_separate_ones():
    use_deterministic_cuda()
    runs = [make_run(training_seed=seed) for seed in (1, 2)]
    separate = [train(run, "cuda", report=no_report) for run in runs]
    for first, second in zip(separate, train_colocated(runs, "cuda", report=no_report)):
        for tensors in zip(first.policy.parameters(), second.policy.parameters()):
            torch.testing.assert_close(*tensors)
