"""Forged bundles, made from a valid one."""

import io
import json
import os
import random
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from daf.deploy.archive import MANIFEST, write_archive

Forge = Callable[[Path, dict[str, bytes]], None]
COMPRESSION = {"lzma": zipfile.ZIP_LZMA, "bz2": zipfile.ZIP_BZIP2, "deflated": zipfile.ZIP_DEFLATED}


def _special_file(kind: str) -> Forge:
    def forge(path: Path, _: dict[str, bytes]) -> None:
        if kind == "fifo":
            os.mkfifo(path)
        elif kind == "sparse":
            path.touch()
            os.truncate(path, 2**40)
        else:
            path.symlink_to(kind)

    return forge


def _with_changed_members(**changes: Callable[[bytes], bytes]) -> Forge:
    """Return a forgery that changes members and repairs the manifest."""

    def forge(path: Path, members: dict[str, bytes]) -> None:
        files = {name: data for name, data in members.items() if name != MANIFEST}
        for name, change in changes.items():
            file = name.replace("__", ".")
            files[file] = change(files.get(file, b""))
        write_archive(path, files)

    return forge


def _recompressed(compression: int, corrupt: bool) -> Forge:
    def forge(path: Path, members: dict[str, bytes]) -> None:
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w", compression) as archive:
            for name, data in members.items():
                archive.writestr(name, data)
        archive_bytes = bytearray(content.getvalue())
        if corrupt:
            for index in range(60, 90):
                archive_bytes[index] ^= 0x5A
        path.write_bytes(archive_bytes)

    return forge


def _flipped(chance: random.Random) -> Forge:
    def forge(path: Path, members: dict[str, bytes]) -> None:
        write_archive(path, {n: d for n, d in members.items() if n != MANIFEST})
        content = bytearray(path.read_bytes())
        for _ in range(3):
            content[chance.randrange(len(content))] ^= 0x11
        path.write_bytes(content)

    return forge


def _bomb(path: Path, _: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(MANIFEST, bytes(10))
        for number in range(10):
            archive.writestr(f"m{number}", bytes(10**8))


def _float8(content: bytes) -> bytes:
    length = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + length])
    shape = header["logits"]["shape"]
    size = shape[0] * shape[1] * shape[2]
    first = header["logits"]["data_offsets"][0]
    offset = 0
    for name, entry in sorted(header.items(), key=lambda item: item[1].get("data_offsets", [0])[0]):
        if name == "__metadata__":
            continue
        count = entry["data_offsets"][1] - entry["data_offsets"][0]
        count = size if name == "logits" else count
        entry["data_offsets"] = [offset, offset + count]
        offset += count
    header["logits"]["dtype"] = "F8_E4M3"
    text = json.dumps(header).encode()
    data = content[8 + length :]
    data = data[:first] + bytes(size) + data[first + 4 * size :]
    return struct.pack("<Q", len(text)) + text + data


def _in_json(change: Callable[[dict], object]) -> Callable[[bytes], bytes]:
    def changed(content: bytes) -> bytes:
        data = json.loads(content)
        change(data)
        return json.dumps(data).encode()

    return changed


def hostile_bundles(seed: int) -> Iterator[tuple[str, Forge]]:
    """Yield names and forgeries; the seed determines the random ones."""
    chance = random.Random(seed)
    for kind in ("fifo", "sparse", "/dev/zero", "/proc/kmsg", "/", "nowhere"):
        yield kind, _special_file(kind)
    for name, compression in COMPRESSION.items():
        yield f"corrupt {name}", _recompressed(compression, True)
    yield "lzma", _recompressed(COMPRESSION["lzma"], False)
    yield "bomb", _bomb
    yield "float8", _with_changed_members(golden__safetensors=_float8)
    yield (
        "key twice",
        _with_changed_members(policy__json=lambda c: c.replace(b"{", b'{"name": "x",', 1)),
    )
    yield "nested JSON", _with_changed_members(policy__json=lambda c: b"[" * 10**5)
    yield (
        "infinite number",
        _with_changed_members(policy__json=lambda c: c.replace(b": 0", b": 1e999", 1)),
    )
    yield "empty manifest", _with_changed_members(manifest__json=lambda c: b"{}")
    yield "foreign code", _with_changed_members(play__py=lambda c: c + b"\nimport os; os.abort()")
    large_network = _in_json(lambda data: data.update(init_kwargs={"hidden_size": 4096}))
    yield "large network", _with_changed_members(policy__json=large_network)
    yield (
        "foreign class",
        _with_changed_members(
            policy__json=_in_json(lambda data: data.update(class_path="os:system"))
        ),
    )
    yield (
        "weights with an invalid header",
        _with_changed_members(policy__safetensors=lambda c: struct.pack("<Q", 2**60)),
    )
    yield "no weights", _with_changed_members(policy__safetensors=lambda c: b"")
    yield "no missions", _with_changed_members(missions__json=lambda c: b"{}")
    for number in range(12):
        yield f"changed bytes {number}", _flipped(chance)
