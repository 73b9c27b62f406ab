"""Atomic writing of text and JSON files."""

import json
from pathlib import Path
from typing import Any

from daf.files.safe_write import atomic_write


def write_json(path: str | Path, data: Any) -> None:
    """Write plain data as indented JSON with sorted keys, atomically.

    Raises:
        ValueError: NaN or infinity in the data.
        OSError: the file cannot be written.
    """
    write_text(path, json_text(data))


def json_text(data: Any) -> str:
    """Return plain data as indented JSON with sorted keys.

    Raises:
        ValueError: NaN or infinity in the data.
    """
    text = json.dumps(data, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False)
    return text + "\n"


def write_text(path: str | Path, text: str) -> None:
    """Write a text file atomically; see `daf.files.safe_write.atomic_write`."""
    with atomic_write(path) as file:
        file.write(text.encode())
