"""Loading of untrusted safetensors files. Bundles contain this module, too."""

import io
import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from daf.files.safe_read import open_regular_file, read_bytes
from daf.files.strict_json import loads

if TYPE_CHECKING:
    import torch

MAX_BYTES = 2**30
"""Maximum size of a file; the largest networks of DAF have 600 MiB of weights."""

MAX_HEADER = 2**22
DTYPES = frozenset(("BOOL", "U8", "I8", "I16", "I32", "I64", "F16", "BF16", "F32", "F64"))
"""Supported number formats; torch loads further ones without arithmetic on them."""


def load_tensors(path: str | Path, device: str = "cpu") -> "dict[str, torch.Tensor]":
    """Load the tensors of a safetensors file by name.

    Args:
        path: path of the file.
        device: torch device of the tensors.

    Raises:
        ValueError: it is not a valid safetensors file; one line.
        OSError: it cannot be read.
    """
    tensors = parse_tensors(read_bytes(path, MAX_BYTES))
    return {name: tensor.to(device) for name, tensor in tensors.items()}


def parse_tensors(content: bytes) -> "dict[str, torch.Tensor]":
    """Parse the content of a safetensors file; see `load_tensors`."""
    import safetensors.torch  # imports torch, which callers without tensors do not need

    _parse_header(content[: 8 + MAX_HEADER], len(content))
    try:
        return safetensors.torch.load(content)
    except (safetensors.SafetensorError, KeyError, TypeError, OverflowError) as error:
        raise ValueError(f"{error}") from None


def load_state_dict(path: str | Path, device: str = "cpu") -> "dict[str, torch.Tensor]":
    """Load the tensors of a safetensors file, or of a state dict that `torch.save` wrote.

    Only tensors and plain containers are accepted: no code in the file runs. Nested dictionaries
    are flattened to names with dots.

    Args:
        path: path of the file, .safetensors, .pt or .pth.
        device: torch device of the tensors.

    Raises:
        ValueError: it is no such file; one line.
        OSError: it cannot be read.
    """
    if Path(path).suffix not in (".pt", ".pth"):
        return load_tensors(path, device)
    import torch

    content = io.BytesIO(read_bytes(path, MAX_BYTES))
    try:
        loaded = torch.load(content, map_location=device, weights_only=True)
    except Exception as error:  # pickle, zipfile and torch raise many types
        first_line = str(error).partition("\n")[0][:200]
        raise ValueError(f"not a state dict of plain tensors ({first_line})") from None
    if not isinstance(loaded, dict):
        raise ValueError(f"got {type(loaded).__name__}; expected a state dict of tensors")
    return dict(_iterate_nested_tensors(loaded, ""))


def _iterate_nested_tensors(
    nested_tensors: dict, name_prefix: str
) -> "Iterator[tuple[str, torch.Tensor]]":
    """Yield the tensors of nested dictionaries by names with dots; other values are ignored."""
    import torch

    for name, value in nested_tensors.items():
        if isinstance(value, dict):
            yield from _iterate_nested_tensors(value, f"{name_prefix}{name}.")
        elif isinstance(value, torch.Tensor):
            yield f"{name_prefix}{name}", value


def load_metadata(path: str | Path) -> dict[str, str]:
    """Load the metadata of a safetensors file.

    Raises:
        ValueError: it is not a valid safetensors file; one line.
        OSError: it cannot be read.
    """
    with open_regular_file(path, MAX_BYTES) as file:
        size = file.seek(0, 2)
        file.seek(0)
        return _parse_header(file.read(8 + MAX_HEADER), size).get("__metadata__", {})


def _parse_header(file_start: bytes, file_bytes: int) -> dict[str, Any]:
    """Parse and check the header of a file.

    Args:
        file_start: first bytes of the file.
        file_bytes: size of the file in bytes.

    Raises:
        ValueError: the header is invalid for a file of this size.
    """
    length = struct.unpack("<Q", file_start[:8])[0] if len(file_start) >= 8 else file_bytes
    if length > min(file_bytes - 8, MAX_HEADER):
        raise ValueError("its header is truncated or too long")
    header = loads(file_start[8 : 8 + length])
    if not isinstance(header, dict) or not all(isinstance(v, dict) for v in header.values()):
        raise ValueError("its header is not a mapping of tensors")
    metadata = header.get("__metadata__", {})
    if not all(isinstance(text, str) for text in metadata.values()):
        raise ValueError("its metadata are not text")
    for name, entry in header.items():
        if name != "__metadata__" and entry.get("dtype") not in DTYPES:
            raise ValueError(f"{json.dumps(name)[:80]} has an unsupported dtype")
    return header
