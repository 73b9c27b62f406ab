"""Training of one run: from a `Run` to weights and a learning curve."""

import math
import time
from collections.abc import Callable

from daf.learn.ranks import SINGLE_RANK, Ranks
from daf.learn.result import TrainingResult
from daf.learn.resume import ResumeFile
from daf.learn.threads import thread_pool_with_serial_torch
from daf.learn.trainer import Trainer
from daf.plan import Run

PROGRESS_SECONDS = 10.0


def train(
    run: Run,
    device: str = "cpu",
    initial_weights: str | None = None,
    report: Callable[[str], None] = print,
    resume: ResumeFile | None = None,
    ranks: Ranks = SINGLE_RANK,
) -> TrainingResult:
    """Train a policy.

    On one kind of device the results are equal byte for byte, also after an interruption. With
    several ranks they are equal up to rounding.

    Args:
        run: training run; it decides the result.
        device: "cpu" or "cuda".
        initial_weights: file with the run's `initial_digest`; None without one.
        report: function that receives one progress line every 10 s.
        resume: entered resume state, read at the start and written during the run.
        ranks: processes of the run, all of which call this function.

    Returns:
        policy, learning curve and metadata.

    Raises:
        ConfigError: policy that does not fit the missions or is not trainable.
        DivergedError: metric, reward or gradient that is not finite.
        KeyboardInterrupt: stop request to `resume`, which has saved the state.

    Example:
        >>> run = next(iter(make_plan(config).runs.values()))
        >>> train(run).policy.save("policy.safetensors", run.init_kwargs)
    """
    with thread_pool_with_serial_torch() as executor:
        trainer = Trainer(run, device, initial_weights, executor, ranks)
        loop = TrainingLoop(trainer, report, resume)
        while not trainer.is_done:
            loop.run_update()
        return trainer.result()


class TrainingLoop:
    """Updates of a trainer, with resume state and progress lines.

    Attributes:
        trainer: trainer of the run.
        resume: resume state of the run; None: the run is not resumable.
    """

    def __init__(self, trainer: Trainer, report: Callable[[str], None], resume: ResumeFile | None):
        """Restore the trainer from `resume`, if it has a state of at most the run's length."""
        self.trainer = trainer
        self.resume = resume
        name = trainer.run.name
        if resume:
            state = resume.load(trainer.device, trainer.check_state_and_enter_stage)
            if state and len(state["curve"]) <= trainer.num_updates:
                trainer.load_state_dict(state)
                report(
                    f"{name}: resuming from update {trainer.updates_done} of {trainer.num_updates}"
                )
        self._progress = _ProgressLogger(trainer, report)

    def run_update(self) -> None:
        """Run one update, log progress, and save the resume state if it is due.

        Raises:
            DivergedError: as in `train`.
            KeyboardInterrupt: as in `train`.
        """
        self.trainer.run_update()
        self._progress.log_if_due()
        if self.resume:
            self.resume.save_if_due(self.trainer.state_dict, force_save=self.trainer.is_done)


class _ProgressLogger:
    """Progress lines: steps, speed, time of each phase, score and remaining time."""

    def __init__(self, trainer: Trainer, report: Callable[[str], None]):
        self.trainer = trainer
        self.report = report
        self.first_update, self.first_steps = trainer.updates_done, trainer.steps_done
        self.start = self.last_line = time.perf_counter()

    def log_if_due(self) -> None:
        trainer, now = self.trainer, time.perf_counter()
        if now - self.last_line < PROGRESS_SECONDS and not trainer.is_done:
            return
        self.last_line = now
        elapsed = now - self.start
        phases = " ".join(
            f"{phase} {100 * seconds / elapsed:.0f}%" for phase, seconds in trainer.seconds.items()
        )
        updates = trainer.updates_done - self.first_update
        remaining = elapsed / updates * (trainer.num_updates - trainer.updates_done)
        speed = (trainer.steps_done - self.first_steps) / elapsed
        scores = [row["score"] for row in trainer.curve[self.first_update :]]
        last_score = next((s for s in reversed(scores) if not math.isnan(s)), math.nan)
        self.report(
            f"{trainer.run.name}: {trainer.steps_done:,} steps, {speed:,.0f}/s, "
            f"{phases}, score {last_score:.1f}, {remaining:.0f} s left"
        )
