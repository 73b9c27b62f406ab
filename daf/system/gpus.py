"""Visible GPUs of this machine."""

import os
from pathlib import Path

VISIBLE_DEVICES = "CUDA_VISIBLE_DEVICES"


def visible_gpus() -> list[str]:
    """Return the names of the visible GPUs, as CUDA names them, without importing torch."""
    visible = os.environ.get(VISIBLE_DEVICES)
    if visible is not None:
        return [name for name in map(str.strip, visible.split(",")) if name not in ("", "-1")]
    return [str(number) for number, _ in enumerate(Path("/dev").glob("nvidia[0-9]*"))]
