"""Event files of TensorBoard: learning curves and hyperparameters of training runs.

Needs the extra `daf[tensorboard]`.
"""

import contextlib
import math
import os
import re
import socket
import stat
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from daf.config import ConfigError
from daf.config.model import check_folder_name
from daf.errors import describe_os_error
from daf.files.safe_write import make_folder_within
from daf.jobs.hyperparameters import CONFIGURATION_KEYS, Hyperparameter, flatten_hyperparameters
from daf.jobs.live_metrics import LiveMetricsHeader

NOT_SCALARS = ("update", "steps", "time")
EVENT_FILE = re.compile(r"events\.out\.tfevents\.([0-9]{1,15})\.")


class TensorBoardRun:
    """New event file of one run in `FOLDER/RUN`; it replaces the points of earlier event files.

    Args:
        folder: folder for `tensorboard --logdir`.
        run: name of the run.
        hyperparameters: values by name.
        start_time: start of the run, in seconds since 1970; None: the current time.

    Raises:
        ConfigError: TensorBoard is not installed.
        OSError: the file cannot be created.
    """

    def __init__(
        self,
        folder: str | Path,
        run: str,
        hyperparameters: Mapping[str, Hyperparameter],
        start_time: float | None = None,
    ):
        check_tensorboard_is_installed()
        from tensorboard.compat.proto import event_pb2, summary_pb2
        from tensorboard.plugins.hparams.summary_v2 import hparams_pb
        from tensorboard.summary.writer.record_writer import RecordWriter

        self._event, self._summary = event_pb2.Event, summary_pb2.Summary
        self._start_time = time.time() if start_time is None else start_time
        run_folder = Path(folder, check_folder_name(run))
        make_folder_within(run_folder, folder)
        path = run_folder / _make_next_event_file_name(run_folder)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        self._file = open(descriptor, "wb")  # noqa: SIM115 (closed by `close`)
        self._records = RecordWriter(self._file)
        self._write(file_version="brain.Event:2")
        # Readers drop all points of earlier event files from this step on.
        self._write(session_log=event_pb2.SessionLog(status=event_pb2.SessionLog.START), step=0)
        parameters = {key: "null" if v is None else v for key, v in hyperparameters.items()}
        self._write(summary=hparams_pb(parameters, run, self._start_time))
        self._file.flush()

    def add_scalars(self, step: int, values: Mapping[str, float], time: float | None) -> None:
        """Add one point to each curve, in float32; readers see it at once.

        Args:
            step: agent-steps.
            values: value by name of the curve; NaN and infinity give no point.
            time: wall time in seconds since 1970; None: the start of the run.

        Raises:
            OSError: the file cannot be written.
        """
        points = [
            self._summary.Value(tag=name, simple_value=value)
            for name, value in values.items()
            if math.isfinite(value)
        ]
        self._write(summary=self._summary(value=points), step=step, wall_time=time)
        self._file.flush()

    def close(self) -> None:
        """Close the event file."""
        self._file.close()

    def _write(self, wall_time: float | None = None, **content: Any) -> None:
        wall_time = self._start_time if wall_time is None else wall_time
        self._records.write(self._event(wall_time=wall_time, **content).SerializeToString())


class LiveTensorBoard:
    """Event file of a run in progress: first the points of earlier processes, then new ones.

    A write that fails is reported once and ends the event file, but not the training. Unreadable
    event files of earlier processes are reported once; their points get the start as wall time.

    Args:
        folder: folder for `tensorboard --logdir`.
        header: description of the run, as in its live metrics.
        rows: rows of the updates that an earlier process completed; wall times are those of its
            event file.
        report: function that receives the line about a failed write or an unreadable event file.

    Raises:
        ConfigError: TensorBoard is not installed.
    """

    def __init__(
        self,
        folder: str | Path,
        header: LiveMetricsHeader,
        rows: Sequence[Mapping[str, Any]],
        report: Callable[[str], None],
    ):
        check_tensorboard_is_installed()
        self._run, self._report = header.run, report
        self._writer: TensorBoardRun | None = None
        self._num_rows = 0
        with self._suppress_failure_and_close():
            times = self._read_earlier_wall_time_by_step(Path(folder, header.run)) if rows else {}
            start_time = min(times.values(), default=header.start_time)
            configuration = header.model_dump(mode="json", include={*CONFIGURATION_KEYS})
            hyperparameters = flatten_hyperparameters(configuration)
            self._writer = TensorBoardRun(folder, header.run, hyperparameters, start_time)
            for row in rows:
                add_row(self._writer, row, times.get(row["steps"]))
            self._num_rows = len(rows)

    def append_new_rows(self, curve: Sequence[Mapping[str, Any]]) -> None:
        """Append the rows of a learning curve that the event file does not have yet.

        Args:
            curve: rows of all completed updates.
        """
        with self._suppress_failure_and_close():
            for row in curve[self._num_rows :]:
                if self._writer:
                    add_row(self._writer, row, time.time())
        self._num_rows = len(curve)

    def close(self) -> None:
        """Close the event file; further rows are ignored."""
        if self._writer:
            self._writer.close()
            self._writer = None

    def _read_earlier_wall_time_by_step(self, run_folder: Path) -> dict[int, float]:
        """Return the wall time of each step of an earlier process, empty if they are unreadable."""
        try:
            return _read_wall_time_by_step(run_folder)
        except Exception as error:  # TensorBoard's readers raise errors of many libraries
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            self._report(
                f"{self._run}: unreadable TensorBoard events of an earlier process ({reason}); "
                "its points get the time of the start"
            )
            return {}

    @contextlib.contextmanager
    def _suppress_failure_and_close(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            writer, self._writer = self._writer, None
            if writer:
                with contextlib.suppress(OSError):  # the same failure again
                    writer.close()
            reason = describe_os_error(error)
            self._report(f"{self._run}: {reason}; no further TensorBoard events of this run")


def add_row(writer: TensorBoardRun, row: Mapping[str, Any], time: float | None) -> None:
    """Add a row of a learning curve: its columns are curves over the agent-steps.

    Args:
        writer: event file.
        row: values by column.
        time: wall time in seconds since 1970; None if unknown.
    """
    values = {str(key): value for key, value in row.items() if key not in NOT_SCALARS}
    writer.add_scalars(row["steps"], values, time)


def check_tensorboard_is_installed() -> None:
    """Check that the package `tensorboard` can be imported.

    Raises:
        ConfigError: it cannot.
    """
    try:
        import tensorboard.compat.proto  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            f"TensorBoard is not installed ({error}); expected `pip install 'daf[tensorboard]'`"
        ) from None


def _make_next_event_file_name(run_folder: Path) -> str:
    """Return a file name that sorts behind all event files; TensorBoard reads them in this order.

    The clocks of two nodes can differ.
    """
    matches = filter(None, map(EVENT_FILE.match, os.listdir(run_folder)))
    stamps = [int(match[1]) + 1 for match in matches]
    stamp = max([int(time.time()), *stamps])
    return f"events.out.tfevents.{stamp:010d}.{socket.gethostname()}.{os.getpid()}.0"


def _read_wall_time_by_step(run_folder: Path) -> dict[int, float]:
    """Return the last wall time of each step in the event files of a folder."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    wall_times = {}
    for path in sorted(run_folder.glob("*")):
        # Opening a pipe or a device blocks, and a link can lead to one.
        if not EVENT_FILE.match(path.name) or not stat.S_ISREG(os.lstat(path).st_mode):
            continue
        # Points that a later file replaces have its wall times, and purging them prints warnings.
        events = EventAccumulator(
            str(path), size_guidance={"scalars": 0}, purge_orphaned_data=False
        )
        events.Reload()
        for tag in events.Tags()["scalars"]:
            wall_times |= {event.step: event.wall_time for event in events.Scalars(tag)}
    return wall_times
