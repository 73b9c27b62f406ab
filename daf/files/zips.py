"""Zip files whose bytes follow from their content alone."""

import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path

from daf.files.safe_write import replacing

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time of every member."""


def write_zip(path: str | Path, members: Mapping[str, bytes]) -> None:
    """Write members in the order of their names, stored as they are: equal members give equal
    bytes, whatever the zlib.

    Raises:
        OSError: the file cannot be written.
    """
    with replacing(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, data in sorted(members.items()):
            member = zipfile.ZipInfo(name, EPOCH)
            member.create_system = 3
            member.external_attr = (stat.S_IFREG | 0o644) << 16
            archive.writestr(member, data)
