"""Several trainings in one process, each to the result it has alone."""

import contextlib
from collections.abc import Callable, Sequence

import torch

from daf.learn.resume import Resume
from daf.learn.threads import side_by_side
from daf.learn.train import Course
from daf.learn.training import DivergedError, Trained, Training
from daf.plan import Run


def train_population(
    runs: Sequence[Run],
    device: str = "cpu",
    initial_weights: Sequence[str | None] | None = None,
    report: Callable[[str], None] = print,
    resumes: Sequence[Resume | None] | None = None,
) -> list[Trained | DivergedError]:
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
        for each member what `train` returns, or the error if it diverged, which the others do not
        notice.

    Raises:
        ConfigError: a member cannot play its missions, or cannot learn.
        KeyboardInterrupt: one of `resumes` was asked to stop; the state of all is saved.
    """
    weights = initial_weights or [None] * len(runs)
    resumes = resumes or [None] * len(runs)
    with side_by_side() as executor:
        members = [
            _Member(Course(Training(run, device, initial), report, resume))
            for run, initial, resume in zip(runs, weights, resumes, strict=True)
        ]
        going = [member for member in members if not member.over]
        for member in going:  # one after the other while kernels are loaded
            member.advance()
        while going := [member for member in members if not member.over]:
            if any(resume and resume.asked_to_stop for resume in resumes):
                for member in going:
                    member.stop()
            list((executor.map if executor else map)(_Member.advance, going))
    for member in members:
        if member.interrupt:
            raise member.interrupt
    return [member.error or member.course.training.result() for member in members]


class _Member:
    """A member of a population, and what ended it before its time."""

    def __init__(self, course: Course):
        self.course = course
        self.error: DivergedError | None = None
        self.interrupt: KeyboardInterrupt | None = None
        on_gpu = course.training.device != "cpu"
        self._stream = torch.cuda.Stream() if on_gpu else None

    @property
    def over(self) -> bool:
        return bool(self.error or self.interrupt) or self.course.training.done

    def advance(self) -> None:
        """Make one update."""
        aside = torch.cuda.stream(self._stream) if self._stream else contextlib.nullcontext()
        with aside:
            try:
                self.course.advance()
            except DivergedError as error:
                self.error = error
            except KeyboardInterrupt as interrupt:
                self.interrupt = interrupt

    def stop(self) -> None:
        if self.course.resume:
            self.course.resume.asked_to_stop = True
