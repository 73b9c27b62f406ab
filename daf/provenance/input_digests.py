"""Digests of the inputs of a job, by paths relative to the results folder."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from daf.provenance.hashing import file_digest


class InputDigests(NamedTuple):
    """SHA-256 by path of the inputs inside and outside the results folder."""

    within_results: dict[str, str]
    outside_results: dict[str, str]


def compute_input_digests(paths: Sequence[str], results_dir: str) -> InputDigests:
    """Hash input files; paths within the results folder become relative to it."""
    internal, external = {}, {}
    for path in paths:
        relative = relative_to_results(path, results_dir)
        if relative is None:
            external[path] = file_digest(path)
        else:
            internal[relative] = file_digest(path)
    return InputDigests(internal, external)


def relative_to_results(path: str, results_dir: str) -> str | None:
    """Return the path relative to the results folder; None if it is outside."""
    absolute, folder = (Path(os.path.abspath(name)) for name in (path, results_dir))
    return absolute.relative_to(folder).as_posix() if absolute.is_relative_to(folder) else None
