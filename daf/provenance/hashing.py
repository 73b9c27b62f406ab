"""Hashes of plain data, files and folders."""

import hashlib
import json
from pathlib import Path
from typing import Any

from daf.files.safe_read import read_chunks


def digest(data: Any) -> str:
    """SHA-256 of plain data, as canonical JSON (sorted keys, no spaces)."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


class HashedDict(dict):
    """Plain data whose text is its hash. Snakemake keeps the text of every parameter beside every
    output, which for a mission would be many times the size of what is made on it."""

    def __repr__(self) -> str:
        return digest(self)


def file_digest(path: str | Path) -> str:
    """SHA-256 of a file's content.

    Raises:
        OSError: the file cannot be read or is not regular; see `daf.files.safe_read.read_chunks`.
    """
    sha = hashlib.sha256()
    for part in read_chunks(path):
        sha.update(part)
    return sha.hexdigest()


def folder_digest(folder: str) -> str:
    """Hash of the names and contents of the files in a folder of the package."""
    files = sorted((Path(__file__).parents[1] / folder).iterdir())
    return digest([[file.name, file_digest(file)] for file in files if file.is_file()])[:16]
