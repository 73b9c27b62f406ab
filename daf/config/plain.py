"""Conversion of Python values (NumPy numbers, tuples, paths) to the plain data that YAML has."""

import enum
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

MAX_DEPTH = 50
"""Deeper data stay unchanged; `check_plain_data` refuses them."""
SCALARS = (str, int, float, bool, type(None))


def as_plain_data(value: Any, depth: int = 0) -> Any:
    """Convert a value to plain data; anything without a unique conversion stays unchanged.

    NumPy scalars become Python scalars; arrays, tuples and ranges become lists; paths become text;
    enumeration members become their values.

    Args:
        value: any Python value.
        depth: nesting level of the value.
    """
    if type(value) in SCALARS or depth > MAX_DEPTH:
        return value
    if isinstance(value, Mapping):
        return {as_plain_data(k, depth + 1): as_plain_data(v, depth + 1) for k, v in value.items()}
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, enum.Enum):
        return as_plain_data(value.value, depth + 1)
    numpy = sys.modules.get("numpy")  # a NumPy value exists only after this import
    if numpy and isinstance(value, numpy.generic | numpy.ndarray):
        python_value = value.tolist()
        if type(python_value) in SCALARS:
            return python_value
        return as_plain_data(python_value, depth + 1)
    if isinstance(value, str | bytes | bytearray):
        return value
    if isinstance(value, Sequence):
        return [as_plain_data(item, depth + 1) for item in value]
    return value
