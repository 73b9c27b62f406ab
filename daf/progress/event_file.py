"""Files of events, one JSON object per line, which a workflow writes and others read meanwhile."""

import json
import os
from pathlib import Path

from daf.config import ConfigError
from daf.errors import describe_os_error
from daf.files import strict_json
from daf.files.safe_read import open_regular_file
from daf.files.safe_write import atomic_write, open_descriptor_for_update
from daf.progress.events import Event

FILE_NAME = "progress.jsonl"
"""File in the results folder with the events of the last workflow call."""

MAX_BYTES = 2**26
"""Maximum size that a reader accepts; its content takes several times as much memory."""

CHUNK_BYTES = 2**23
"""Bytes of one read; also the maximum length of a line."""


class EventFileWriter:
    """Writer of a new file of events; readers see every event at once.

    An existing file or link is replaced, not written to.

    Args:
        path: path of the file.

    Raises:
        OSError: the file cannot be written.
    """

    def __init__(self, path: str | Path):
        with atomic_write(path):
            pass
        self._descriptor = open_descriptor_for_update(path)

    def append(self, event: Event) -> None:
        """Append an event.

        Raises:
            OSError: the file cannot be written.
        """
        content = json.dumps(event, default=str).encode() + b"\n"
        os.lseek(self._descriptor, 0, os.SEEK_END)
        while content:
            content = content[os.write(self._descriptor, content) :]

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


class EventFileReader:
    """Reader of the events that a workflow is writing.

    Args:
        path: path of the file.

    Attributes:
        path: path of the file.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self._inode, self._offset, self._line_number = -1, 0, 0

    def is_file_replaced(self) -> bool:
        """Return True if another workflow call has replaced the file since the last read.

        Raises:
            ConfigError: the file does not exist any more; one line.
        """
        try:
            status = os.stat(self.path)
        except OSError as error:
            raise ConfigError(describe_os_error(error)) from None
        return self._inode >= 0 and (status.st_ino != self._inode or status.st_size < self._offset)

    def read_new_events(self) -> list[Event]:
        """Read the events since the last read, or all events of a file that was replaced.

        An incomplete last line is read by a later call.

        Raises:
            ConfigError: the file cannot be read, or has other content; one line.
        """
        try:
            with open_regular_file(self.path, MAX_BYTES) as file:
                status = os.fstat(file.fileno())
                if status.st_ino != self._inode or status.st_size < self._offset:
                    self._inode, self._offset, self._line_number = status.st_ino, 0, 0
                file.seek(self._offset)
                events = []
                while chunk := file.read(CHUNK_BYTES):
                    *lines, incomplete_line = chunk.split(b"\n")
                    if not lines and len(chunk) == CHUNK_BYTES:
                        raise ValueError(f"line {self._line_number + 1} is too long")
                    self._offset += len(chunk) - len(incomplete_line)
                    file.seek(self._offset)
                    events += map(self._parse_line, lines)
                    if len(chunk) < CHUNK_BYTES:
                        break
                return events
        except OSError as error:
            raise ConfigError(describe_os_error(error)) from None
        except ValueError as error:
            raise ConfigError(f"{self.path}: no file of events ({error})") from None

    def _parse_line(self, line: bytes) -> Event:
        self._line_number += 1
        event = strict_json.loads(line)
        if not isinstance(event, dict):
            raise ValueError(f"line {self._line_number}: expected an object")
        return event
