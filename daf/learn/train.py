"""One training from beginning to end: a `Run` in, weights and a learning curve out."""

import math
import time
from collections.abc import Callable

from daf.learn.resume import Resume
from daf.learn.training import Trained, Training
from daf.plan import Run

PROGRESS_SECONDS = 10.0


def train(
    run: Run,
    device: str = "cpu",
    initial_weights: str | None = None,
    report: Callable[[str], None] = print,
    resume: Resume | None = None,
) -> Trained:
    """Train a policy.

    Args:
        run: everything that decides the result.
        initial_weights: the file with the run's `initial_digest`, if it has one.
        device: where; results are equal byte for byte on one kind of device and thread count.
        report: receives one line of progress every 10 seconds.
        resume: where the state is kept, and taken from if there is one; the result is the same.

    Raises:
        ConfigError: the policy cannot play the missions, or cannot learn.
        DivergedError: the training diverged, with the update and the likely remedy.
        KeyboardInterrupt: `resume` was asked to stop, and has saved the state.
    """
    training = Training(run, device, initial_weights)
    if resume:
        state = resume.load(device, training.check)
        if state and len(state["curve"]) <= training.updates:
            training.load_state_dict(state)
            report(f"{run.name}: goes on after update {len(state['curve'])} of {training.updates}")
    progress = _Progress(training, report)
    while not training.done:
        progress.tell(training.advance()["score"])
        if resume:
            resume.after_update(training.state_dict, last=training.done)
    return training.result()


class _Progress:
    """The four numbers people ask for while they wait, as one line per interval."""

    def __init__(self, training: Training, report: Callable[[str], None]):
        self.training = training
        self.report = report
        self.first = len(training.curve)
        self.begin = self.last = time.perf_counter()
        self.score = math.nan

    def tell(self, score: float) -> None:
        if not math.isnan(score):
            self.score = score
        training, now = self.training, time.perf_counter()
        if now - self.last < PROGRESS_SECONDS and not training.done:
            return
        self.last = now
        spent = now - self.begin
        parts = " ".join(f"{part} {100 * s / spent:.0f}%" for part, s in training.seconds.items())
        done = len(training.curve)
        left = spent / (done - self.first) * (training.updates - done)
        speed = (done - self.first) * training.steps_per_update / spent
        self.report(
            f"{training.run.name}: {done * training.steps_per_update:,} steps, {speed:,.0f}/s, "
            f"{parts}, score {self.score:.1f}, {left:.0f} s left"
        )
