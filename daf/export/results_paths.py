"""Paths in a results folder, which is untrusted: its links and sidecars can name any file."""

from pathlib import Path

from daf.config import ConfigError
from daf.files.safe_read import is_within


def join_path_within_results(results_dir: str | Path, relative_path: str | Path) -> Path:
    """Return a path in a results folder, if its links do not lead out of the folder.

    Args:
        results_dir: results folder.
        relative_path: path relative to the results folder.

    Raises:
        ConfigError: it leads out of the results folder; one line.
    """
    full_path = Path(results_dir, relative_path)
    try:
        is_inside = is_within(full_path, results_dir)
    except ValueError as error:  # a null character
        raise ConfigError(f"{str(full_path)!r}: no path ({error})") from None
    if not is_inside:
        raise ConfigError(f"{full_path}: leads out of the results folder")
    return full_path
