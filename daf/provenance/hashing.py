"""Hashes of plain data, files and folders."""

import hashlib
import json
from pathlib import Path
from typing import Any

from daf.files.safe_read import read_chunks


def digest(json_data: Any) -> str:
    """Return the SHA-256 of plain data as canonical JSON (sorted keys, no spaces)."""
    text = json.dumps(json_data, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


class DictWithDigestRepr(dict):
    """Plain data with its digest as `repr`.

    Snakemake stores the text of every parameter for every output. The text of a mission can be
    larger than the outputs.
    """

    def __repr__(self) -> str:
        return digest(self)


def file_digest(path: str | Path) -> str:
    """Return the SHA-256 of a file's content.

    Raises:
        OSError: the file is unreadable or not regular, see `daf.files.safe_read.read_chunks`.
    """
    sha = hashlib.sha256()
    for chunk in read_chunks(path):
        sha.update(chunk)
    return sha.hexdigest()


def package_folder_digest(folder_in_package: str) -> str:
    """Return the hash of the names and contents of the files in a folder of the package."""
    files = sorted((Path(__file__).parents[1] / folder_in_package).iterdir())
    return digest([[file.name, file_digest(file)] for file in files if file.is_file()])[:16]
