"""Bundles as zip files: written byte-reproducibly, read without believing anything they say."""

import hashlib
import json
import os
import re
import stat
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from daf.config import ConfigError, Model, short_json
from daf.config.plain_data import parse_json
from daf.errors import os_error_text
from daf.files.safe_read import open_regular
from daf.files.zips import write_zip
from daf.provenance.sidecar import Sha256

MANIFEST = "manifest.json"
MAX_BYTES = 768 * 2**20
"""Of the archive, and of all it holds."""

MAX_MEMBERS, MAX_NAME = 64, 100
END_BYTES, DIRECTORY_BYTES = 22, MAX_MEMBERS * 512
"""Of the record at the end of a zip without comment; the most its list of members may take."""

NAME = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9_.-]*/)*[A-Za-z0-9_][A-Za-z0-9_.-]*")


class Manifest(Model):
    """The content of manifest.json: SHA-256 of every other member."""

    format: Literal["daf-bundle-1"] = "daf-bundle-1"
    files: dict[str, Sha256]


def write_archive(path: str | Path, members: Mapping[str, bytes]) -> None:
    """Write members and their manifest; equal members give equal bytes.

    Raises:
        OSError: the file cannot be written.
    """
    manifest = Manifest(files={name: _sha256(data) for name, data in sorted(members.items())})
    text = json.dumps(manifest.resolved(), indent=2, sort_keys=True) + "\n"
    write_zip(path, {**members, MANIFEST: text.encode()})


def read_archive(path: str | Path) -> tuple[dict[str, bytes], list[str]]:
    """The members of a bundle, its manifest among them; nothing of it is written or run.

    Returns:
        the members; and what of them is not as the manifest says, a line for each.

    Raises:
        ConfigError: it is no bundle, or one that nobody should unpack; one line.
    """
    try:
        with open_regular(path, MAX_BYTES) as file:
            _check_end(file)
            with zipfile.ZipFile(file) as archive:
                infos = archive.infolist()
                _check(infos)
                members = {info.filename: archive.read(info) for info in infos}
        if MANIFEST not in members:
            raise ValueError(f"has no {MANIFEST}")
        manifest = Manifest.parse(parse_json(members[MANIFEST], MANIFEST), MANIFEST)
    except OSError as error:
        raise ConfigError(f"bundle {os_error_text(error)}") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:
        raise ConfigError(f"bundle {short_json(str(path))}: {error}") from None
    return members, _differing(members, manifest.files)


def _differing(members: Mapping[str, bytes], files: Mapping[str, str]) -> list[str]:
    there = members.keys() - {MANIFEST}
    lacking = [f"{name}: is missing" for name in sorted(files.keys() - there)]
    more = [f"{name}: the manifest does not name it" for name in sorted(there - files.keys())]
    other = [
        f"{name}: is not what the manifest says (its SHA-256 differs)"
        for name in sorted(there & files.keys())
        if _sha256(members[name]) != files[name]
    ]
    return lacking + more + other


def unpack(members: Mapping[str, bytes], folder: str | Path) -> None:
    """Write the members of a bundle into a folder that is not there or empty.

    Raises:
        ConfigError: there is something in it.
        OSError: it cannot be written.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise ConfigError(f"{short_json(str(folder))} is not empty")
    for name, data in members.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def _check_end(file) -> None:
    """Bounds on the list of members, before anything of it is read."""
    size = os.fstat(file.fileno()).st_size
    file.seek(max(size - END_BYTES - 20, 0))
    end = file.read(END_BYTES + 20)
    locator, end = end[:-END_BYTES], end[-END_BYTES:]
    if not end.startswith(b"PK\5\6") or locator.startswith(b"PK\6\7"):
        raise ValueError("is no zip file, or not a plain one (cut off, with a comment, or zip64)")
    count = int.from_bytes(end[10:12], "little")
    if count > MAX_MEMBERS or int.from_bytes(end[12:16], "little") > DIRECTORY_BYTES:
        raise ValueError(f"has more than {MAX_MEMBERS} members, or too long names")


def _check(infos: list[zipfile.ZipInfo]) -> None:
    """Refuse what no bundle has: before anything is read, so that nothing large is allocated."""
    seen: set[str] = set()
    for info in infos:
        name = info.orig_filename
        if not NAME.fullmatch(name) or len(name) > MAX_NAME:
            raise ValueError(f"member {short_json(name)}: a bundle has no such names")
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG):
            raise ValueError(f"member {short_json(name)}: is a link, or no plain file")
        if info.flag_bits & 0x1:
            raise ValueError(f"member {short_json(name)}: is encrypted")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"member {short_json(name)}: is packed in a way that bundles are not")
        if name.lower() in seen:
            raise ValueError(f"member {short_json(name)}: stands there twice")
        seen.add(name.lower())
    for name in seen:
        if any(other.startswith(f"{name}/") for other in seen):
            raise ValueError(f"member {short_json(name)}: is a file and a folder")
    if sum(info.file_size for info in infos) > MAX_BYTES:
        raise ValueError(f"would be larger than {MAX_BYTES >> 20} MiB when unpacked")


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
