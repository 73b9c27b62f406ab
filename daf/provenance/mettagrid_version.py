"""Installed version of the optional dependency mettagrid (extra `daf[mettagrid]`)."""

import importlib.metadata

from daf.config import ConfigError

SUPPORTED_VERSIONS = ((0, 26, 21), (0, 27))
"""First supported version, and first unsupported version after it; as in `pyproject.toml`."""

INSTALL_HINT = "pip install 'daf[mettagrid]' (mettagrid>=0.26.21,<0.27; Python 3.11 or 3.12)"


def mettagrid_unavailable_reason() -> str | None:
    """Return why mettagrid is unavailable, with an install command; None if it is available."""
    try:
        version = importlib.metadata.version("mettagrid")
    except importlib.metadata.PackageNotFoundError:
        return f"mettagrid, which is not installed: {INSTALL_HINT}"
    numbers = tuple(int(part) for part in version.split(".")[:3] if part.isdigit())
    first, end = SUPPORTED_VERSIONS
    return None if first <= numbers < end else f"another mettagrid than {version}: {INSTALL_HINT}"


def require_mettagrid(feature: str) -> None:
    """Check that a supported version of mettagrid is installed.

    Args:
        feature: name of the feature that needs mettagrid, for the error.

    Raises:
        ConfigError: mettagrid is missing or unsupported; one line with the install command.
    """
    if reason := mettagrid_unavailable_reason():
        raise ConfigError(f"{feature} needs {reason}")
