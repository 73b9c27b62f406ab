"""The simulator: thousands of worlds of a mission, stepped together on CPU or GPU."""

import contextlib

import warp as wp

from daf.system.caches import ensure_writable_xdg_cache
from daf.system.gpus import visible_gpus
from daf.system.streams import drop_stderr_lines

NO_DRIVER_WARNING = "Warp CUDA warning: Could not find or load the NVIDIA CUDA driver."
"""Warning of Warp on every machine without a GPU; no option of Warp turns it off."""

wp.config.log_level = wp.LOG_WARNING
ensure_writable_xdg_cache()
with contextlib.nullcontext() if visible_gpus() else drop_stderr_lines(NO_DRIVER_WARNING):
    wp.init()
