"""One training from beginning to end: a `Run` in, weights and a learning curve out."""

import math
import time
from collections.abc import Callable

from daf.learn.ranks import SINGLE_RANK, Ranks
from daf.learn.result import TrainingResult
from daf.learn.resume import ResumeState
from daf.learn.threads import single_threaded_executor
from daf.learn.trainer import Trainer
from daf.plan import Run

PROGRESS_SECONDS = 10.0


def train(
    run: Run,
    device: str = "cpu",
    initial_weights: str | None = None,
    report: Callable[[str], None] = print,
    resume: ResumeState | None = None,
    ranks: Ranks = SINGLE_RANK,
) -> TrainingResult:
    """Train a policy.

    Args:
        run: everything that decides the result.
        initial_weights: the file with the run's `initial_digest`, if it has one.
        device: where; results are equal byte for byte on one kind of device.
        report: receives one line of progress every 10 seconds.
        resume: where the state is kept, and taken from if there is one; the result is the same.
        ranks: those that train together, all of which call this; the result is the same but for
            rounding.

    Raises:
        ConfigError: the policy cannot play the missions, or cannot learn.
        DivergedError: the training diverged, with the update and the likely remedy.
        KeyboardInterrupt: `resume` was asked to stop, and has saved the state.
    """
    with single_threaded_executor() as executor:
        training = Trainer(run, device, initial_weights, executor, ranks)
        course = TrainingLoop(training, report, resume)
        while not course.training.done:
            course.advance()
        return course.training.result()


class TrainingLoop:
    """A training with its saved states and its lines of progress."""

    def __init__(
        self, training: Trainer, report: Callable[[str], None], resume: ResumeState | None
    ):
        """Goes on from what `resume` has, if there is something."""
        self.training = training
        self.resume = resume
        name = training.run.name
        if resume:
            state = resume.load(training.device, training.check_state)
            if state and len(state["curve"]) <= training.num_updates:
                training.load_state_dict(state)
                report(
                    f"{name}: goes on after update {training.updates_done} of {training.num_updates}"
                )
        self._progress = _Progress(training, report)

    def advance(self) -> None:
        """Make one update.

        Raises:
            DivergedError, KeyboardInterrupt: as `train`.
        """
        self.training.run_update()
        self._progress.log()
        if self.resume:
            self.resume.save_if_due(self.training.state_dict, last=self.training.done)


class _Progress:
    """The four numbers people ask for while they wait, as one line per interval."""

    def __init__(self, training: Trainer, report: Callable[[str], None]):
        self.training = training
        self.report = report
        self.first, self.first_steps = training.updates_done, training.steps
        self.begin = self.last = time.perf_counter()

    def log(self) -> None:
        training, now = self.training, time.perf_counter()
        if now - self.last < PROGRESS_SECONDS and not training.done:
            return
        self.last = now
        spent = now - self.begin
        parts = " ".join(f"{part} {100 * s / spent:.0f}%" for part, s in training.seconds.items())
        done = training.updates_done
        left = spent / (done - self.first) * (training.num_updates - done)
        speed = (training.steps - self.first_steps) / spent
        scores = [row["score"] for row in training.curve[self.first :]]
        known = [score for score in scores if not math.isnan(score)]
        self.report(
            f"{training.run.name}: {training.steps:,} steps, {speed:,.0f}/s, "
            f"{parts}, score {known[-1] if known else math.nan:.1f}, {left:.0f} s left"
        )
