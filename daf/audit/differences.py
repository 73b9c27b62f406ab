"""Where a file and the same one made again first differ."""

import math
from pathlib import Path
from typing import Any

import pandas as pd

from daf.config import load_json, short_json
from daf.files.parquet import load_table
from daf.provenance.hashing import file_digest

TOLERANCE = 1e-9
"""Relative; another processor may round the last digits of statistics otherwise."""


def first_difference(recorded: Path, again: Path) -> str | None:
    """The first difference in words; None if there is none that counts.

    Statistics (JSON) are compared number by number to a relative 1e-9, tables value by value and
    exactly, everything else byte by byte.

    Raises:
        ConfigError: a file is not what its name says.
    """
    if file_digest(recorded) == file_digest(again):
        return None
    if recorded.suffix == ".json":
        return first_value_difference(load_json(recorded), load_json(again), "")
    if recorded.suffix == ".parquet":
        return of_tables(load_table(recorded), load_table(again))
    pairs = zip(recorded.read_bytes().splitlines(), again.read_bytes().splitlines())
    line = next((n for n, (left, right) in enumerate(pairs, 1) if left != right), None)
    text = recorded.suffix in (".html", ".yaml")
    where = f"in line {line}" if text and line else "in its bytes"
    return f"differs {where} from what is made again"


def exact_difference(recorded: Path, again: Path) -> str | None:
    """The first difference in words; None only if the files are equal byte by byte."""
    if file_digest(recorded) == file_digest(again):
        return None
    return first_difference(recorded, again) or "differs in its bytes from what is made again"


def first_value_difference(recorded: Any, again: Any, key: str) -> str | None:
    """The first difference between plain data; `key` is where they stand."""
    if isinstance(recorded, dict) and isinstance(again, dict):
        if recorded.keys() != again.keys():
            odd = sorted(recorded.keys() ^ again.keys())[0]
            return f"key '{_joined_key(key, odd)}' is there only {_side_text(odd in recorded)}"
        pairs = [(recorded[name], again[name], _joined_key(key, name)) for name in sorted(recorded)]
    elif isinstance(recorded, list) and isinstance(again, list):
        if len(recorded) != len(again):
            return f"key '{key}' has {len(recorded)} items, made again {len(again)}"
        pairs = [
            (left, right, _joined_key(key, n))
            for n, (left, right) in enumerate(zip(recorded, again))
        ]
    else:
        return None if _same(recorded, again) else _said(f"key '{key}'", recorded, again)
    return next(filter(None, (first_value_difference(*pair) for pair in pairs)), None)


def of_tables(recorded: pd.DataFrame, again: pd.DataFrame) -> str | None:
    """The first difference between tables."""
    if list(recorded.columns) != list(again.columns):
        odd = sorted(set(recorded.columns) ^ set(again.columns)) or ["their order"]
        return f"has other columns than made again ({odd[0]})"
    if len(recorded) != len(again):
        return f"has {len(recorded)} rows, made again {len(again)}"
    for name in recorded.columns:
        left, right = recorded[name], again[name]
        if left.dtype != right.dtype:
            return f"column '{name}' holds {left.dtype}, made again {right.dtype}"
        differ = ~((left == right).fillna(False) | (left.isna() & right.isna()))
        if differ.any():
            row = int(differ.argmax())
            return _said(f"row {row}, column '{name}'", left.iloc[row], right.iloc[row])
    return None


def _same(recorded: Any, again: Any) -> bool:
    numbers = (int, float)
    if type(recorded) in numbers and type(again) in numbers:
        return math.isclose(recorded, again, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return type(recorded) is type(again) and recorded == again


def _said(where: str, recorded: Any, again: Any) -> str:
    return f"{where} is {short_json(recorded)}, made again {short_json(again)}"


def _joined_key(key: str, name: Any) -> str:
    return f"{key}.{name}" if key else f"{name}"


def _side_text(before: bool) -> str:
    return "as it was" if before else "when made again"
