"""Versions of the packages that decide results."""

import importlib.metadata
import platform
from functools import cache

PACKAGES = (
    "snakemake",
    "torch",
    "warp-lang",
    "numpy",
    "scipy",
    "pandas",
    "pyarrow",
    "pydantic",
    "jinja2",
    "safetensors",
)


@cache
def versions() -> dict[str, str]:
    """Versions of DAF, Python and the packages that decide results."""
    found = {name: importlib.metadata.version(name) for name in PACKAGES}
    return {"daf": importlib.metadata.version("daf"), "python": platform.python_version()} | found
