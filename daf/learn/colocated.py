"""Co-located runs: several runs trained in one process, with the results of separate jobs."""

import contextlib
from collections.abc import Callable, Iterator, Sequence

import torch

from daf.learn.result import TrainingResult
from daf.learn.resume import ResumeFile
from daf.learn.threads import thread_pool_with_serial_torch
from daf.learn.train import TrainingLoop
from daf.learn.trainer import Trainer
from daf.plan import Run


def train_colocated(
    runs: Sequence[Run],
    device: str = "cpu",
    initial_weights: Sequence[str | None] | None = None,
    report: Callable[[str], None] = print,
    resume_states: Sequence[ResumeFile | None] | None = None,
    tensorboard: str | None = None,
) -> list[TrainingResult | Exception]:
    """Train several runs in one process.

    The runs share no state. On the CPU each thread updates one run at a time. On a GPU each run has
    its CUDA stream, so small runs fill a large device.

    Args:
        runs: training runs, for example the seeds of one policy or the trials of a sweep.
        device: "cpu" or "cuda".
        initial_weights: file with the initial weights of each run, as in `train`.
        report: function that receives the progress lines of all runs.
        resume_states: entered resume state of each run; the run's job can resume from it.
        tensorboard: folder for event files of TensorBoard, as in `train`.

    Returns:
        for each run the result of `train`, or its error; an error of one run does not affect the
        others.

    Raises:
        KeyboardInterrupt: stop request to one of `resume_states`; the state of all runs is saved.
    """
    weights = initial_weights or [None] * len(runs)
    resume_states = resume_states or [None] * len(runs)
    with thread_pool_with_serial_torch() as executor:
        colocated = [
            _ColocatedRun(run, device, file, report, resume, tensorboard)
            for run, file, resume in zip(runs, weights, resume_states, strict=True)
        ]
        for run in colocated:  # sequential, since the first update loads kernels
            run.create_trainer_and_run_first_update()
        while active := [run for run in colocated if not run.is_done_or_failed]:
            if any(resume and resume.stop_requested for resume in resume_states):
                for run in active:
                    run.request_save_and_stop()
            # Only one thread may use a GPU: other threads would disturb a graph capture.
            parallel_map = executor.map if executor and device == "cpu" else map
            list(parallel_map(_ColocatedRun.run_update, active))
    for run in colocated:
        run.close()
    for run in colocated:
        if run.interrupt:
            raise run.interrupt
    return [run.build_result_or_get_error() for run in colocated]


class _ColocatedRun:
    """One of several runs in a process.

    Attributes:
        error: exception that ended the run; None without one.
        interrupt: stop request that ended the run; None without one.
    """

    def __init__(
        self,
        run: Run,
        device: str,
        initial_weights: str | None,
        report: Callable[[str], None],
        resume: ResumeFile | None,
        tensorboard: str | None,
    ):
        self._run = run
        self._device = device
        self._initial_weights = initial_weights
        self._report = report
        self._resume = resume
        self._tensorboard = tensorboard
        self._stream = torch.cuda.Stream() if device != "cpu" else None
        self._loop: TrainingLoop | None = None
        self.error: Exception | None = None
        self.interrupt: KeyboardInterrupt | None = None

    @property
    def is_done_or_failed(self) -> bool:
        """True after the last update, an error or an interrupt."""
        if self.error or self.interrupt:
            return True
        assert self._loop is not None  # `create_trainer_and_run_first_update` creates it
        return self._loop.trainer.is_done

    def create_trainer_and_run_first_update(self) -> None:
        """Create the trainer and run its first update."""
        with self._enter_cuda_stream_and_capture_errors():
            trainer = Trainer(self._run, self._device, self._initial_weights)
            self._loop = TrainingLoop(trainer, self._report, self._resume, self._tensorboard)
        if not self.is_done_or_failed:
            self.run_update()

    def run_update(self) -> None:
        """Run one update."""
        with self._enter_cuda_stream_and_capture_errors():
            assert self._loop is not None
            self._loop.run_update_and_save()

    def request_save_and_stop(self) -> None:
        """Save the state and stop after the next update."""
        if self._resume:
            self._resume.stop_requested = True

    def close(self) -> None:
        """Close the files of the run."""
        if self._loop:
            self._loop.close()

    def build_result_or_get_error(self) -> TrainingResult | Exception:
        """Build the result with the best weights, or return the error that ended the run."""
        if self.error:
            return self.error
        assert self._loop is not None
        self._loop.trainer.restore_best_weights()
        return self._loop.trainer.build_result()

    @contextlib.contextmanager
    def _enter_cuda_stream_and_capture_errors(self) -> Iterator[None]:
        """Enter the run's CUDA stream; store exceptions instead of raising them."""
        stream = torch.cuda.stream(self._stream) if self._stream else contextlib.nullcontext()
        with stream:
            try:
                yield
            except KeyboardInterrupt as interrupt:
                self.interrupt = interrupt
            except Exception as error:
                # A traceback would keep tensors alive whose memory the other runs may need.
                self.error = error.with_traceback(None)
                self.close()
                self._loop = None
