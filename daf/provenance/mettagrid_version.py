"""The extra `daf[mettagrid]`: whether it is installed, and how to install it."""

import importlib.metadata

from daf.config import ConfigError

SUPPORTED = ((0, 26, 21), (0, 27))
"""Versions of mettagrid from the first, below the second; as in `pyproject.toml`."""

INSTALL = "pip install 'daf[mettagrid]' (mettagrid>=0.26.21,<0.27; Python 3.11 or 3.12)"


def mettagrid_unavailable() -> str | None:
    """Why mettagrid cannot be used here, and how to install it; None if it can."""
    try:
        version = importlib.metadata.version("mettagrid")
    except importlib.metadata.PackageNotFoundError:
        return f"mettagrid, which is not installed: {INSTALL}"
    numbers = tuple(int(part) for part in version.split(".")[:3] if part.isdigit())
    first, beyond = SUPPORTED
    return None if first <= numbers < beyond else f"another mettagrid than {version}: {INSTALL}"


def require_mettagrid(what: str) -> None:
    """Make sure that mettagrid can be imported.

    Args:
        what: needs it; named in the error.

    Raises:
        ConfigError: it is not installed, or another version; one line saying how to install it.
    """
    if reason := mettagrid_unavailable():
        raise ConfigError(f"{what} needs {reason}")
