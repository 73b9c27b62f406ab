"""Live metrics: the learning curve of a training run while it runs, as a file of JSON lines."""

import contextlib
import json
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import pandas as pd
from pydantic import Field

from daf.config.model import Float, Model
from daf.errors import describe_os_error
from daf.files.safe_write import atomic_write, open_descriptor_for_update

FILE_NAME = "metrics.jsonl"
MAX_BYTES = 2**26
"""Maximum size that a reader accepts; its content takes several times as much memory."""

INTEGERS = ("update", "steps")
MAX_COUNT, MAX_TIME = 2**53, 1e11
"""Highest update or number of agent-steps, and latest time in seconds since 1970."""


class LiveMetricsHeader(Model):
    """First line of the file: the run, and what its bars and charts need.

    Attributes:
        run: name of the run.
        policy: label of the policy.
        class_path: class path of the policy.
        init_kwargs: arguments of the policy's class.
        training_seed: seed of the run.
        steps: agent-steps of the whole run.
        updates: updates of the whole run.
        missions: names of the training missions.
        ceilings: highest possible score by mission; None if unknown.
        training: hyperparameters.
        start_time: start of the process, in seconds since 1970.
    """

    run: str
    policy: str
    class_path: str
    init_kwargs: dict[str, Any]
    training_seed: int
    steps: Annotated[int, Field(ge=0, le=MAX_COUNT)]
    updates: Annotated[int, Field(ge=0, le=MAX_COUNT)]
    missions: tuple[str, ...]
    ceilings: dict[str, Float | None]
    training: dict[str, Any]
    start_time: Annotated[float, Field(ge=0, le=MAX_TIME)]


class LiveMetrics(NamedTuple):
    """Content of a file of live metrics.

    Attributes:
        header: first line.
        curve: learning curve, one row per update; the column `time` is in seconds since 1970, NaN
            for updates of an earlier process.
    """

    header: LiveMetricsHeader
    curve: pd.DataFrame


class LiveMetricsWriter:
    """Writer of live metrics: every row is one complete line, which readers see at once.

    A write that fails is reported once and ends the live metrics, but not the training.

    Args:
        path: path of the file.
        header: first line.
        rows: rows of the updates that an earlier process completed.
        report: function that receives the line about a failed write.
    """

    def __init__(
        self,
        path: str | Path,
        header: LiveMetricsHeader,
        rows: Sequence[Mapping[str, Any]],
        report: Callable[[str], None],
    ):
        self._path = Path(path)
        self._report = report
        self._descriptor: int | None = None
        self._num_rows = len(rows)
        with self._suppress_failure_and_close():
            with atomic_write(path) as file:
                file.write(_encode_line(header.model_dump(mode="json")))
                for row in rows:
                    file.write(_encode_line({**row, "time": None}))
            self._descriptor = open_descriptor_for_update(path)
            os.lseek(self._descriptor, 0, os.SEEK_END)

    def append_new_rows(self, curve: Sequence[Mapping[str, Any]]) -> None:
        """Append the rows of a learning curve that the file does not have yet.

        Args:
            curve: rows of all completed updates.
        """
        if self._descriptor is None or len(curve) == self._num_rows:
            return
        now = round(time.time(), 3)
        lines = [_encode_line({**row, "time": now}) for row in curve[self._num_rows :]]
        self._num_rows = len(curve)
        with self._suppress_failure_and_close():
            _write_all(self._descriptor, b"".join(lines))

    def close(self) -> None:
        """Close the file; further rows are ignored."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    @contextlib.contextmanager
    def _suppress_failure_and_close(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.close()
            self._report(f"{describe_os_error(error)}; no live metrics of this run")


def check_live_metrics_row(row: Any) -> None:
    """Check a line of a file of live metrics.

    Raises:
        ValueError: it is no object of numbers with update, steps and time, or one of these three
            is out of range.
    """
    if not isinstance(row, dict) or not row.keys() >= {*INTEGERS, "time"}:
        raise ValueError("expected rows with update, steps and time")
    if not all(type(row[key]) is int and 0 <= row[key] <= MAX_COUNT for key in INTEGERS):
        raise ValueError(f"expected rows with whole numbers of 0 to {MAX_COUNT}: update, steps")
    if not all(value is None or type(value) in (int, float) for value in row.values()):
        raise ValueError("expected rows of numbers")
    if row["time"] is not None and not 0 <= row["time"] <= MAX_TIME:
        raise ValueError(f"expected rows with a time of 0 to {MAX_TIME:g} s")


def _encode_line(values: Mapping[str, Any]) -> bytes:
    return json.dumps(_non_finite_to_none(values), allow_nan=False).encode() + b"\n"


def _non_finite_to_none(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in values.items()
    }


def _write_all(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]
