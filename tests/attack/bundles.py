"""Bundles that no DAF has made, from one that it has."""

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
HOW = {"lzma": zipfile.ZIP_LZMA, "bz2": zipfile.ZIP_BZIP2, "deflated": zipfile.ZIP_DEFLATED}


def _other(kind: str) -> Forge:
    def forge(path: Path, _: dict[str, bytes]) -> None:
        if kind == "fifo":
            os.mkfifo(path)
        elif kind == "sparse":
            path.touch()
            os.truncate(path, 2**40)
        else:
            path.symlink_to(kind)

    return forge


def _with(**changes: Callable[[bytes], bytes]) -> Forge:
    """Members changed, and the manifest made to fit."""

    def forge(path: Path, members: dict[str, bytes]) -> None:
        kept = {name: data for name, data in members.items() if name != MANIFEST}
        for name, change in changes.items():
            file = name.replace("__", ".")
            kept[file] = change(kept.get(file, b""))
        write_archive(path, kept)

    return forge


def _packed(how: int, break_it: bool) -> Forge:
    def forge(path: Path, members: dict[str, bytes]) -> None:
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w", how) as archive:
            for name, data in members.items():
                archive.writestr(name, data)
        whole = bytearray(content.getvalue())
        if break_it:
            for place in range(60, 90):
                whole[place] ^= 0x5A
        path.write_bytes(whole)

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
    begin = 0
    for name, about in sorted(header.items(), key=lambda item: item[1].get("data_offsets", [0])[0]):
        if name == "__metadata__":
            continue
        count = about["data_offsets"][1] - about["data_offsets"][0]
        count = size if name == "logits" else count
        about["data_offsets"] = [begin, begin + count]
        begin += count
    header["logits"]["dtype"] = "F8_E4M3"
    text = json.dumps(header).encode()
    data = content[8 + length :]
    data = data[:first] + bytes(size) + data[first + 4 * size :]
    return struct.pack("<Q", len(text)) + text + data


def _json(change: Callable[[dict], object]) -> Callable[[bytes], bytes]:
    def changed(content: bytes) -> bytes:
        data = json.loads(content)
        change(data)
        return json.dumps(data).encode()

    return changed


def hostile_bundles(seed: int) -> Iterator[tuple[str, Forge]]:
    """Forgers with their names; what is drawn follows from the seed."""
    chance = random.Random(seed)
    for kind in ("fifo", "sparse", "/dev/zero", "/proc/kmsg", "/", "nowhere"):
        yield kind, _other(kind)
    for name, how in HOW.items():
        yield f"broken {name}", _packed(how, True)
    yield "lzma", _packed(HOW["lzma"], False)
    yield "bomb", _bomb
    yield "float8", _with(golden__safetensors=_float8)
    yield "key twice", _with(policy__json=lambda c: c.replace(b"{", b'{"name": "x",', 1))
    yield "deep", _with(policy__json=lambda c: b"[" * 10**5)
    yield "infinite", _with(policy__json=lambda c: c.replace(b": 0", b": 1e999", 1))
    yield "no card", _with(manifest__json=lambda c: b"{}")
    yield "foreign code", _with(play__py=lambda c: c + b"\nimport os; os.abort()")
    wide = _json(lambda data: data.update(init_kwargs={"hidden_size": 4096}))
    yield "wide", _with(policy__json=wide)
    yield "class", _with(policy__json=_json(lambda data: data.update(class_path="os:system")))
    yield "weights", _with(policy__safetensors=lambda c: struct.pack("<Q", 2**60))
    yield "no weights", _with(policy__safetensors=lambda c: b"")
    yield "no missions", _with(missions__json=lambda c: b"{}")
    for number in range(12):
        yield f"changed bytes {number}", _flipped(chance)
