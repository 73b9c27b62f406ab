"""Reproducible zip files: equal contents give equal bytes."""

import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path

from daf.files.safe_write import atomic_write

EPOCH = (1980, 1, 1, 0, 0, 0)
"""Modification time of every member."""


def write_zip(path: str | Path, members: Mapping[str, bytes]) -> None:
    """Write a zip file with uncompressed members in the order of their names, atomically.

    Without compression the bytes do not depend on the version of zlib.

    Args:
        path: path of the zip file.
        members: content by name.

    Raises:
        OSError: the file cannot be written.
    """
    with atomic_write(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, data in sorted(members.items()):
            member = zipfile.ZipInfo(name, EPOCH)
            member.create_system = 3
            member.external_attr = (stat.S_IFREG | 0o644) << 16
            archive.writestr(member, data)
