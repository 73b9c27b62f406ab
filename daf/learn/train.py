"""Training of one run: from a `Run` to weights and a learning curve."""

import contextlib
import math
import time
from collections.abc import Callable
from typing import Any

from daf.config import ConfigError
from daf.jobs.live_metrics import LiveMetricsHeader, LiveMetricsWriter
from daf.jobs.tensorboard_sink import LiveTensorBoard
from daf.learn.checkpoints import CheckpointFolder
from daf.learn.ranks import SINGLE_RANK, Ranks
from daf.learn.result import TrainingResult
from daf.learn.resume import ResumeFile
from daf.learn.threads import thread_pool_with_serial_torch
from daf.learn.trainer import Trainer
from daf.missions.ceiling import choose_declared_or_proven_ceiling
from daf.plan import Run

PROGRESS_SECONDS = 10.0


def train(
    run: Run,
    device: str = "cpu",
    initial_weights: str | None = None,
    report: Callable[[str], None] = print,
    resume: ResumeFile | None = None,
    ranks: Ranks = SINGLE_RANK,
    tensorboard: str | None = None,
) -> TrainingResult:
    """Train a policy.

    On one kind of device the results are equal byte for byte, also after an interruption. With
    several ranks they are equal up to rounding.

    Args:
        run: training run; it decides the result.
        device: "cpu" or "cuda".
        initial_weights: file with the run's `initial_digest`; None without one.
        report: function that receives one progress line every 10 s.
        resume: entered resume state, read at the start and written during the run, together with
            live metrics and checkpoints.
        ranks: processes of the run, all of which call this function.
        tensorboard: folder for event files of TensorBoard; None: none are written.

    Returns:
        policy, learning curve and metadata.

    Raises:
        ConfigError: policy that does not fit the missions or is not trainable, or
            `checkpoint_every` without `resume`, or TensorBoard is not installed.
        DivergedError: metric, reward or gradient that is not finite.
        KeyboardInterrupt: stop request to `resume`, which has saved the state.

    Example:
        >>> run = next(iter(make_plan(config).runs.values()))
        >>> train(run).policy.save("policy.safetensors", run.init_kwargs)
    """
    with thread_pool_with_serial_torch() as executor:
        trainer = Trainer(run, device, initial_weights, executor, ranks)
        with contextlib.closing(TrainingLoop(trainer, report, resume, tensorboard)) as loop:
            while not trainer.is_done:
                loop.run_update_and_save()
        trainer.restore_best_weights()
        return trainer.build_result()


class TrainingLoop:
    """Updates of a trainer, with resume state, live metrics, checkpoints and progress lines.

    Attributes:
        trainer: trainer of the run.
        resume: resume state of the run; None: the run is not resumable.
    """

    def __init__(
        self,
        trainer: Trainer,
        report: Callable[[str], None],
        resume: ResumeFile | None,
        tensorboard: str | None = None,
    ):
        """Restore the trainer from `resume`, if it has a state of at most the run's length."""
        self.trainer = trainer
        self.resume = resume
        self._curve_writers: list[LiveMetricsWriter | LiveTensorBoard] = []
        self._checkpoints: CheckpointFolder | None = None
        run = trainer.run
        if resume:
            if run.training.checkpoint_every:
                self._checkpoints = CheckpointFolder(resume.checkpoints_folder, run)
            state = resume.load(trainer.device, self._check_state_and_enter_curriculum_stage)
            if state and len(state["curve"]) <= trainer.num_updates:
                self._load_state_dict(state)
                done = f"{trainer.updates_done} of {trainer.num_updates}"
                report(f"{run.name}: resuming from update {done}")
        elif run.training.checkpoint_every:
            raise ConfigError(f"run {run.name}: checkpoint_every needs a resume state")
        self._progress = _ProgressLogger(trainer, report)
        if trainer.ranks.is_first:
            self._open_curve_writers(report, tensorboard)

    def _open_curve_writers(self, report: Callable[[str], None], tensorboard: str | None) -> None:
        header = _build_live_metrics_header(self.trainer)
        rows = self.trainer.learning_curve.fetched_rows
        if self.resume:
            path = self.resume.live_metrics_path
            self._curve_writers.append(LiveMetricsWriter(path, header, rows, report))
        if tensorboard is not None:
            self._curve_writers.append(LiveTensorBoard(tensorboard, header, rows, report))

    def close(self) -> None:
        """Close the files that follow the learning curve."""
        for writer in self._curve_writers:
            writer.close()

    def run_update_and_save(self) -> None:
        """Run one update, log progress, and save the resume state if it is due.

        Raises:
            DivergedError: as in `train`.
            KeyboardInterrupt: as in `train`.
        """
        trainer = self.trainer
        trainer.run_update()
        for writer in self._curve_writers:
            writer.append_new_rows(trainer.learning_curve.fetched_rows)
        if self._checkpoints and trainer.ranks.is_first:
            self._checkpoints.write_due(trainer.steps_done, trainer.policy)
        self._progress.log_if_due()
        if self.resume:
            self.resume.save_if_due(self._state_dict, force_save=trainer.is_done)

    def _state_dict(self) -> dict[str, Any]:
        digests = self._checkpoints.digests if self._checkpoints else {}
        return self.trainer.state_dict() | {"checkpoints": digests}

    def _check_state_and_enter_curriculum_stage(self, state: dict[str, Any]) -> None:
        """Check that a saved state fits this run and its checkpoints.

        Raises:
            ValueError, KeyError, TypeError: state with another structure.
        """
        self.trainer.check_state_and_enter_curriculum_stage(state)
        if self._checkpoints:
            steps = [0, 0, *(row["steps"] for row in state["curve"])]
            self._checkpoints.check_digests(state["checkpoints"], steps[-2], steps[-1])

    def _load_state_dict(self, state: dict[str, Any]) -> None:
        self.trainer.load_state_dict(state)
        if self._checkpoints:
            self._checkpoints.digests = state["checkpoints"]
            if self.trainer.ranks.is_first:
                self._checkpoints.write_due(self.trainer.steps_done, self.trainer.policy)


def _build_live_metrics_header(trainer: Trainer) -> LiveMetricsHeader:
    """Return the description of a run for readers of its live metrics."""
    run = trainer.run
    return LiveMetricsHeader(
        run=run.name,
        policy=run.policy,
        class_path=run.class_path,
        init_kwargs=run.init_kwargs,
        training_seed=run.training_seed,
        steps=trainer.total_steps,
        updates=trainer.num_updates,
        missions=tuple(mission.name for mission in run.missions),
        ceilings={
            mission.name: choose_declared_or_proven_ceiling(mission) for mission in run.missions
        },
        training=run.training.resolved(),
        start_time=time.time(),
    )


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
        score = f"{last_score:.1f}"
        if trainer.stage.share_divisors is not None:
            score = f"{100 * last_score:.1f} % of the ceiling"
        self.report(
            f"{trainer.run.name}: {trainer.steps_done:,} steps, {speed:,.0f}/s, "
            f"{phases}, score {score}, {remaining:.0f} s left"
        )
