"""Zip format of bundles: reproducible writing, and reading that trusts no header."""

import hashlib
import json
import os
import re
import stat
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple

from daf.config import ConfigError, Model, short_json
from daf.config.plain_data import parse_json
from daf.errors import describe_os_error
from daf.files.safe_read import open_regular_file
from daf.files.zips import write_zip
from daf.provenance.sidecar import Sha256

MANIFEST = "manifest.json"
MAX_BYTES = 768 * 2**20
"""Maximum size of the archive, and of all members together."""

MAX_MEMBERS, MAX_NAME_LENGTH = 64, 100
END_RECORD_BYTES, MAX_DIRECTORY_BYTES = 22, MAX_MEMBERS * 512
"""Size of the end record of a zip without comment; maximum size of the central directory."""

NAME = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9_.-]*/)*[A-Za-z0-9_][A-Za-z0-9_.-]*")


class Manifest(Model):
    """Content of manifest.json: SHA-256 of every other member."""

    format: Literal["daf-bundle-1"] = "daf-bundle-1"
    files: dict[str, Sha256]


def write_archive(bundle_file: str | Path, members: Mapping[str, bytes]) -> None:
    """Write members and their manifest; equal members give equal bytes.

    Args:
        bundle_file: path of the zip.
        members: content of each member, by name.

    Raises:
        OSError: the file cannot be written.
    """
    manifest = Manifest(files={name: _sha256(data) for name, data in sorted(members.items())})
    text = json.dumps(manifest.resolved(), indent=2, sort_keys=True) + "\n"
    write_zip(bundle_file, {**members, MANIFEST: text.encode()})


class ArchiveContent(NamedTuple):
    """Members of a bundle by name, and one line per difference from its manifest."""

    members: dict[str, bytes]
    problems: list[str]


def read_archive(bundle_file: str | Path) -> ArchiveContent:
    """Read the members of a bundle, manifest included, without writing or running anything.

    Raises:
        ConfigError: the file is not a bundle, or is unsafe to unpack; one line.
    """
    try:
        with open_regular_file(bundle_file, MAX_BYTES) as file:
            _check_zip_end_record(file)
            with zipfile.ZipFile(file) as archive:
                infos = archive.infolist()
                _check_member_headers(infos)
                members = {info.filename: archive.read(info) for info in infos}
        if MANIFEST not in members:
            raise ValueError(f"has no {MANIFEST}")
        manifest = Manifest.parse(parse_json(members[MANIFEST], MANIFEST), MANIFEST)
    except OSError as error:
        raise ConfigError(f"bundle {describe_os_error(error)}") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:
        raise ConfigError(f"bundle {short_json(str(bundle_file))}: {error}") from None
    return ArchiveContent(members, _find_manifest_mismatches(members, manifest.files))


def _find_manifest_mismatches(
    members: Mapping[str, bytes], manifest_digests: Mapping[str, str]
) -> list[str]:
    present = members.keys() - {MANIFEST}
    missing = [f"{name}: is missing" for name in sorted(manifest_digests.keys() - present)]
    unlisted = [
        f"{name}: is not in the manifest" for name in sorted(present - manifest_digests.keys())
    ]
    changed = [
        f"{name}: SHA-256 differs from the manifest"
        for name in sorted(present & manifest_digests.keys())
        if _sha256(members[name]) != manifest_digests[name]
    ]
    return missing + unlisted + changed


def unpack_members(members: Mapping[str, bytes], folder: str | Path) -> None:
    """Write the members of a bundle into a new or empty folder.

    Raises:
        ConfigError: the folder is not empty.
        OSError: a file cannot be written.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise ConfigError(f"{short_json(str(folder))} is not empty")
    for name, data in members.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def _check_zip_end_record(file: BinaryIO) -> None:
    """Check the size of the central directory before it is read.

    Raises:
        ValueError: the zip has another format, or too many members.
    """
    size = os.fstat(file.fileno()).st_size
    file.seek(max(size - END_RECORD_BYTES - 20, 0))
    record = file.read(END_RECORD_BYTES + 20)
    locator, record = record[:-END_RECORD_BYTES], record[-END_RECORD_BYTES:]
    if not record.startswith(b"PK\5\6") or locator.startswith(b"PK\6\7"):
        raise ValueError("is not a plain zip file (truncated, with a comment, or zip64)")
    count = int.from_bytes(record[10:12], "little")
    if count > MAX_MEMBERS or int.from_bytes(record[12:16], "little") > MAX_DIRECTORY_BYTES:
        raise ValueError(f"has more than {MAX_MEMBERS} members, or too long names")


def _check_member_headers(infos: list[zipfile.ZipInfo]) -> None:
    """Check names, types and sizes before any member is read, so that memory is bounded.

    Raises:
        ValueError: a member is not one of a bundle.
    """
    names: set[str] = set()
    for info in infos:
        name = info.orig_filename
        if not NAME.fullmatch(name) or len(name) > MAX_NAME_LENGTH:
            raise ValueError(f"member {short_json(name)}: invalid name")
        file_type = stat.S_IFMT(info.external_attr >> 16)
        if file_type not in (0, stat.S_IFREG):
            raise ValueError(f"member {short_json(name)}: is not a regular file")
        if info.flag_bits & 0x1:
            raise ValueError(f"member {short_json(name)}: is encrypted")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"member {short_json(name)}: unsupported compression method")
        if name.lower() in names:
            raise ValueError(f"member {short_json(name)}: duplicate name")
        names.add(name.lower())
    for folder in names:
        if any(name.startswith(f"{folder}/") for name in names):
            raise ValueError(f"member {short_json(folder)}: is a file and a folder")
    if sum(info.file_size for info in infos) > MAX_BYTES:
        raise ValueError(f"is larger than {MAX_BYTES >> 20} MiB when unpacked")


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
