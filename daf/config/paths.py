"""Paths as people type them."""

import os
from typing import Annotated

from pydantic import AfterValidator

from daf.errors import ConfigError, short_json


def expanded(path: str) -> str:
    """A path with the home folder for `~`, or for `~user`, as a shell would have it; also behind a
    prefix such as `mettagrid:`. Variables are the shell's business.

    Raises:
        ConfigError: no such home folder is known.
    """
    prefix, colon, rest = path.partition(":")
    if colon and prefix.isidentifier() and rest.startswith("~"):
        return f"{prefix}:{expanded(rest)}"
    whole = os.path.expanduser(path)
    if path.startswith("~") and whole == path:
        raise ConfigError(
            f"{short_json(path)}: no such home folder is known; write the whole path, or ./~ for a name"
        )
    return whole


def _without_wildcards(path: str) -> str:
    if {"{", "}"} & {*path}:
        raise ConfigError("should be a path without { and }, which Snakemake takes for wildcards")
    return path


FilePath = Annotated[str, AfterValidator(expanded)]
"""A path in which `~` is the home folder."""

InputPath = Annotated[FilePath, AfterValidator(_without_wildcards)]
"""Such a path of what a job reads."""
