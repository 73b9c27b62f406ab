"""Safetensors files that somebody else may have made. Bundles have this file, too."""

import json
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

from daf.files.safe_read import open_regular, read_bytes
from daf.files.strict_json import loads

if TYPE_CHECKING:
    import torch

MAX_BYTES = 2**30
"""Of a file; the widest networks of DAF have 600 MiB of weights."""

MAX_HEADER = 2**22
DTYPES = frozenset(("BOOL", "U8", "I8", "I16", "I32", "I64", "F16", "BF16", "F32", "F64"))
"""Kinds of numbers that can be computed with; torch reads others, of which it cannot even take the
difference."""


def load_tensors(path: str | Path, device: str = "cpu") -> "dict[str, torch.Tensor]":
    """The tensors of a safetensors file, by name.

    Raises:
        ValueError: it is none; one line.
        OSError: it cannot be read.
    """
    found = tensors_of(read_bytes(path, MAX_BYTES))
    return {name: tensor.to(device) for name, tensor in found.items()}


def tensors_of(content: bytes) -> "dict[str, torch.Tensor]":
    """The same from the bytes of a file."""
    import safetensors.torch  # and with it torch, which names of policies do without

    _checked(content[: 8 + MAX_HEADER], len(content))
    try:
        return safetensors.torch.load(content)
    except (safetensors.SafetensorError, KeyError, TypeError, OverflowError) as error:
        raise ValueError(f"{error}") from None


def load_metadata(path: str | Path) -> dict[str, str]:
    """What stands in a safetensors file besides tensors.

    Raises:
        ValueError: it is none; one line.
        OSError: it cannot be read.
    """
    with open_regular(path, MAX_BYTES) as file:
        size = file.seek(0, 2)
        file.seek(0)
        return _checked(file.read(8 + MAX_HEADER), size).get("__metadata__", {})


def _checked(start: bytes, size: int) -> dict[str, Any]:
    """The header of a file.

    Raises:
        ValueError: it cannot be that of a file of this size.
    """
    length = struct.unpack("<Q", start[:8])[0] if len(start) >= 8 else size
    if length > min(size - 8, MAX_HEADER):
        raise ValueError("its header is cut off or too long")
    header = loads(start[8 : 8 + length])
    if not isinstance(header, dict) or not all(isinstance(v, dict) for v in header.values()):
        raise ValueError("its header is no list of tensors")
    metadata = header.get("__metadata__", {})
    if not all(isinstance(text, str) for text in metadata.values()):
        raise ValueError("its metadata are not texts")
    for name, about in header.items():
        if name != "__metadata__" and about.get("dtype") not in DTYPES:
            raise ValueError(f"{json.dumps(name)[:80]} holds no usual numbers")
    return header
