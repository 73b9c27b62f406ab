"""Reading of live metrics: a refresh parses only the lines that are new."""

import os
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import ValidationError

from daf.config import ConfigError
from daf.errors import describe_os_error, describe_validation_error
from daf.files import strict_json
from daf.files.safe_read import open_regular_file
from daf.jobs.live_metrics import (
    INTEGERS,
    MAX_BYTES,
    LiveMetrics,
    LiveMetricsHeader,
    check_live_metrics_row,
)

MAX_VALUES = 50_000_000
"""Maximum number of values of a table, also of missing ones."""


class LiveMetricsTail:
    """Reader of live metrics, also while a training run writes them.

    A file that was replaced, as by a resumed run, is read from its start.

    Args:
        path: path of the file.
    """

    def __init__(self, path: str | Path):
        self._path = Path(path)
        self._reset_to_start_of_file(inode=-1)

    def read(self) -> LiveMetrics:
        """Read the new lines, and return all metrics; an incomplete last line is ignored.

        Raises:
            ConfigError: the file cannot be read, or has other content; one line.
        """
        try:
            return self._read_without_converting_errors()
        except OSError as error:
            reason = describe_os_error(error)
        except ValidationError as error:
            reason = f"{self._path}: {describe_validation_error(error, LiveMetricsHeader)}"
        except ValueError as error:
            reason = f"{self._path}: no file of live metrics ({error})"
        self._reset_to_start_of_file(inode=-1)
        raise ConfigError(reason)

    def _read_without_converting_errors(self) -> LiveMetrics:
        lines = self._read_new_lines()
        if self._header is None:
            if not lines:
                raise ValueError("the first line is missing")
            self._header = LiveMetricsHeader.model_validate(strict_json.loads(lines.pop(0)))
        for line in lines:
            self._check_and_add_row(strict_json.loads(line))
        if lines or self._curve is None:
            dtypes = {
                key: "int64" if key in INTEGERS else "float64" for key in self._values_by_column
            }
            self._curve = pd.DataFrame(self._values_by_column).astype(dtypes)
        return LiveMetrics(self._header, self._curve)

    def _reset_to_start_of_file(self, inode: int) -> None:
        self._inode, self._offset = inode, 0
        self._header: LiveMetricsHeader | None = None
        self._values_by_column: dict[str, list[Any]] = {key: [] for key in (*INTEGERS, "time")}
        self._curve: pd.DataFrame | None = None

    def _read_new_lines(self) -> list[bytes]:
        with open_regular_file(self._path, MAX_BYTES) as file:
            status = os.fstat(file.fileno())
            if status.st_ino != self._inode or status.st_size < self._offset:
                self._reset_to_start_of_file(status.st_ino)
            file.seek(self._offset)
            content = file.read(status.st_size - self._offset)
        *lines, incomplete_line = content.split(b"\n")
        self._offset += len(content) - len(incomplete_line)
        return lines

    def _check_and_add_row(self, row: Any) -> None:
        """Add a row to the columns; stages of a curriculum have different columns.

        Raises:
            ValueError: it is invalid, or the table is too large.
        """
        check_live_metrics_row(row)
        columns, num_rows = self._values_by_column, len(self._values_by_column["update"])
        for key in [key for key in row if key not in columns]:
            if (num_rows + 1) * (len(columns) + 1) > MAX_VALUES:
                raise ValueError(f"expected at most {MAX_VALUES:g} values")
            columns[key] = [None] * num_rows
        for key, values in columns.items():
            values.append(row.get(key))
