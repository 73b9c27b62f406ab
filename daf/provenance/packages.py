"""Versions of the packages that determine results."""

import importlib.metadata
import platform
from functools import cache

RECORDED_PACKAGES = (
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
def daf_and_package_versions() -> dict[str, str]:
    """Return the versions of DAF, Python and the packages that determine results, by name."""
    versions = {name: importlib.metadata.version(name) for name in RECORDED_PACKAGES}
    return {
        "daf": importlib.metadata.version("daf"),
        "python": platform.python_version(),
    } | versions
