"""Path types of the configuration, with `~` expanded."""

import os
from typing import Annotated

from pydantic import AfterValidator

from daf.errors import ConfigError, short_json


def expand_home(path: str) -> str:
    """Replace a leading `~` or `~user` by the home folder; also behind a prefix (`mettagrid:`).

    Environment variables are not expanded; the shell does that.

    Raises:
        ConfigError: the user has no home folder.
    """
    prefix, colon, suffix = path.partition(":")
    if colon and prefix.isidentifier() and suffix.startswith("~"):
        return f"{prefix}:{expand_home(suffix)}"
    absolute = os.path.expanduser(path)
    if path.startswith("~") and absolute == path:
        raise ConfigError(
            f"got {short_json(path)}; expected an existing home folder; write the path, or ./~"
        )
    return absolute


def _check_no_braces(path: str) -> str:
    if {"{", "}"} & {*path}:
        raise ConfigError("expected a path without { and }, which are Snakemake wildcards")
    return path


FilePath = Annotated[str, AfterValidator(expand_home)]
"""A path in which `~` is the home folder."""

InputPath = Annotated[FilePath, AfterValidator(_check_no_braces)]
"""A `FilePath` of a job's input, without braces."""
