"""First difference between a recorded file and its re-executed or derived counterpart."""

import math
from pathlib import Path
from typing import Any

import pandas as pd

from daf.config import load_json, short_json
from daf.files.parquet import load_table
from daf.provenance.hashing import file_digest

TOLERANCE = 1e-9
"""Relative and absolute tolerance of statistics; processors round the last digits differently."""


def find_content_difference(recorded_file: Path, reexecuted_file: Path) -> str | None:
    """Return the first significant difference between two files in words; None without one.

    JSON numbers are compared with a relative tolerance of 1e-9, tables exactly value by value, all
    other files byte by byte.

    Raises:
        ConfigError: a file does not have the format of its suffix.
    """
    if file_digest(recorded_file) == file_digest(reexecuted_file):
        return None
    if recorded_file.suffix == ".json":
        return find_value_difference(load_json(recorded_file), load_json(reexecuted_file), "")
    if recorded_file.suffix == ".parquet":
        return find_table_difference(load_table(recorded_file), load_table(reexecuted_file))
    pairs = zip(recorded_file.read_bytes().splitlines(), reexecuted_file.read_bytes().splitlines())
    line = next((number for number, (a, b) in enumerate(pairs, 1) if a != b), None)
    is_text = recorded_file.suffix in (".html", ".yaml")
    location = f"in line {line}" if is_text and line else "in its bytes"
    return f"differs {location} from the re-executed file"


def find_byte_difference(recorded_file: Path, reexecuted_file: Path) -> str | None:
    """Return the first difference between two files in words; None if their bytes are equal."""
    if file_digest(recorded_file) == file_digest(reexecuted_file):
        return None
    difference = find_content_difference(recorded_file, reexecuted_file)
    return difference or "differs in its bytes from the re-executed file"


def find_value_difference(recorded: Any, expected: Any, key_path: str) -> str | None:
    """Return the first difference between plain data in words; None without one.

    Args:
        recorded: recorded data.
        expected: re-executed or derived data.
        key_path: dotted key of the data in the file.
    """
    if isinstance(recorded, dict) and isinstance(expected, dict):
        if recorded.keys() != expected.keys():
            name = sorted(recorded.keys() ^ expected.keys())[0]
            problem = "unexpected" if name in recorded else "missing"
            return f"key '{_join_key(key_path, name)}': {problem}"
        items = [(recorded[k], expected[k], _join_key(key_path, k)) for k in sorted(recorded)]
    elif isinstance(recorded, list) and isinstance(expected, list):
        if len(recorded) != len(expected):
            return f"key '{key_path}': got {len(recorded)} items; expected {len(expected)}"
        pairs = enumerate(zip(recorded, expected))
        items = [(a, b, _join_key(key_path, number)) for number, (a, b) in pairs]
    else:
        equal = _are_scalars_close(recorded, expected)
        return None if equal else _mismatch_text(f"key '{key_path}'", recorded, expected)
    return next(filter(None, (find_value_difference(*item) for item in items)), None)


def find_table_difference(recorded: pd.DataFrame, expected: pd.DataFrame) -> str | None:
    """Return the first difference between two tables in words; None if they are equal."""
    if list(recorded.columns) != list(expected.columns):
        names = sorted(set(recorded.columns) ^ set(expected.columns)) or ["their order"]
        return f"columns differ from those expected ({names[0]})"
    if len(recorded) != len(expected):
        return f"number of rows: got {len(recorded)}; expected {len(expected)}"
    for name in recorded.columns:
        column, expected_column = recorded[name], expected[name]
        if column.dtype != expected_column.dtype:
            return f"column '{name}': got {column.dtype}; expected {expected_column.dtype}"
        both_missing = column.isna() & expected_column.isna()
        differ = ~((column == expected_column).fillna(False) | both_missing)
        if differ.any():
            row = int(differ.argmax())
            location = f"row {row}, column '{name}'"
            return _mismatch_text(location, column.iloc[row], expected_column.iloc[row])
    return None


def _are_scalars_close(recorded: Any, expected: Any) -> bool:
    numbers = (int, float)
    if type(recorded) in numbers and type(expected) in numbers:
        return math.isclose(recorded, expected, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return type(recorded) is type(expected) and recorded == expected


def _mismatch_text(location: str, recorded: Any, expected: Any) -> str:
    return f"{location}: got {short_json(recorded)}; expected {short_json(expected)}"


def _join_key(parent_key: str, key: Any) -> str:
    return f"{parent_key}.{key}" if parent_key else f"{key}"
