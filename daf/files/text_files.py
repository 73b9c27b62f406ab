"""Text and JSON files, written whole or not at all."""

import json
from pathlib import Path
from typing import Any

from daf.files.safe_write import replacing


def write_json(path: str | Path, data: Any) -> None:
    """Write plain data as readable JSON, sorted, whole or not at all.

    Raises:
        ValueError: NaN or infinity in the data.
        OSError: the file cannot be written.
    """
    write_text(path, json_text(data))


def json_text(data: Any) -> str:
    """Plain data as readable JSON, sorted.

    Raises:
        ValueError: NaN or infinity in the data.
    """
    text = json.dumps(data, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False)
    return text + "\n"


def write_text(path: str | Path, text: str) -> None:
    """Write a text file whole or not at all; see `daf.files.safe_write.replacing`."""
    with replacing(path) as file:
        file.write(text.encode())
