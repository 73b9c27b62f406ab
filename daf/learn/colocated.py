"""Several trainings in one process, each to the result it has alone."""

import contextlib
from collections.abc import Callable, Iterator, Sequence

import torch

from daf.learn.result import TrainingResult
from daf.learn.resume import ResumeState
from daf.learn.threads import single_threaded_executor
from daf.learn.train import TrainingLoop
from daf.learn.trainer import Trainer
from daf.plan import Run


def train_colocated(
    runs: Sequence[Run],
    device: str = "cpu",
    initial_weights: Sequence[str | None] | None = None,
    report: Callable[[str], None] = print,
    resumes: Sequence[ResumeState | None] | None = None,
) -> list[TrainingResult | Exception]:
    """Train a population: seeds of one method, trials of a sweep, or anything else.

    The members share the process, and nothing in it that could leave a trace: on the CPU each
    thread advances a member at a time, on a GPU each member has a stream of its own, so that small
    trainings fill a large device.

    Args:
        runs: what to train, S members.
        device: where; "cpu" or "cuda".
        initial_weights: as `train`, one for each member.
        report: receives the lines of progress of all members.
        resumes: where the state of each member is kept; entered by the caller. Any member can go on
            from there alone.

    Returns:
        for each member what `train` returns, or the error that `train` raises, which the others do
        not notice.

    Raises:
        KeyboardInterrupt: one of `resumes` was asked to stop; the state of all is saved.
    """
    weights = initial_weights or [None] * len(runs)
    resumes = resumes or [None] * len(runs)
    with single_threaded_executor() as executor:
        members = [
            _ColocatedRun(run, device, initial, report, resume)
            for run, initial, resume in zip(runs, weights, resumes, strict=True)
        ]
        for member in members:  # one after the other while kernels are loaded
            member.begin()
        while going := [member for member in members if not member.over]:
            if any(resume and resume.stop_requested for resume in resumes):
                for member in going:
                    member.stop()
            # What one thread records on a GPU, another must not disturb.
            together = executor.map if executor and device == "cpu" else map
            list(together(_ColocatedRun.advance, going))
    for member in members:
        if member.interrupt:
            raise member.interrupt
    return [member.result() for member in members]


class _ColocatedRun:
    """A member of a population, and what ended it before its time."""

    def __init__(
        self,
        run: Run,
        device: str,
        initial_weights: str | None,
        report: Callable[[str], None],
        resume: ResumeState | None,
    ):
        self._asked = run, device, initial_weights, report
        self._resume = resume
        self._stream = torch.cuda.Stream() if device != "cpu" else None
        self._course: TrainingLoop | None = None
        self.error: Exception | None = None
        self.interrupt: KeyboardInterrupt | None = None

    @property
    def over(self) -> bool:
        return bool(self.error or self.interrupt) or self._course.training.done

    def begin(self) -> None:
        """Make the training and its first update."""
        run, device, initial_weights, report = self._asked
        with self._isolated():
            training = Trainer(run, device, initial_weights)
            self._course = TrainingLoop(training, report, self._resume)
        if not self.over:
            self.advance()

    def advance(self) -> None:
        """Make one update."""
        with self._isolated():
            self._course.advance()

    def stop(self) -> None:
        if self._resume:
            self._resume.stop_requested = True

    def result(self) -> TrainingResult | Exception:
        """What it has come to, or why it has not."""
        return self.error or self._course.training.result()

    @contextlib.contextmanager
    def _isolated(self) -> Iterator[None]:
        """In a stream of its own; whatever is raised ends this member alone."""
        aside = torch.cuda.stream(self._stream) if self._stream else contextlib.nullcontext()
        with aside:
            try:
                yield
            except KeyboardInterrupt as interrupt:
                self.interrupt = interrupt
            except Exception as error:
                # With its trace it would hold on to memory that the others may need.
                self.error = error.with_traceback(None)
                self._course = None
