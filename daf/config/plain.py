"""Values of Python programs (NumPy's numbers, tuples, paths) as the plain data that YAML has."""

import enum
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

MAX_DEPTH = 50
"""Data that are nested deeper stay as they are, and are refused as such later."""
SCALARS = (str, int, float, bool, type(None))


def as_plain(value: Any, depth: int = 0) -> Any:
    """A value as plain data, if there is but one way; whatever else is in it stays as it is.

    NumPy's scalars become Python's, its arrays, tuples and ranges lists, paths texts, members of an
    enumeration their values.
    """
    if type(value) in SCALARS or depth > MAX_DEPTH:
        return value
    if isinstance(value, Mapping):
        return {as_plain(k, depth + 1): as_plain(v, depth + 1) for k, v in value.items()}
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, enum.Enum):
        return as_plain(value.value, depth + 1)
    numpy = sys.modules.get("numpy")  # whoever has a value of it has imported it
    if numpy and isinstance(value, numpy.generic | numpy.ndarray):
        found = value.tolist()
        return found if type(found) in SCALARS else as_plain(found, depth + 1)
    if isinstance(value, str | bytes | bytearray):
        return value
    if isinstance(value, Sequence):
        return [as_plain(item, depth + 1) for item in value]
    return value
