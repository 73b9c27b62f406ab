"""Changes of a results folder by an attacker, all of which an audit must detect."""

import json
import os
import random
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet

from daf.provenance.sidecar import SUFFIX
from tests.audit.forging import edit, forge, repair

Change = Callable[[Path], None]

EPISODES = "evaluations/random-e3-w0/assembler_1.parquet"
REPLAY = "evaluations/random-e3-w0/assembler_1.replay.json"
STATS = "benchmarks/tiny/stats.json"
LISTED = "sweeps/grid/trials.parquet"
SEARCH = "sweeps/grid/search.json"
ENVIRONMENT = "environment.json"


def _weights(results: Path) -> str:
    return next(results.glob("runs/*/policy.safetensors")).relative_to(results).as_posix()


def _bundle(results: Path) -> str:
    return next(results.glob("deployments/*.zip")).relative_to(results).as_posix()


def _replaced_by(kind: str, file: str) -> Change:
    def change(results: Path) -> None:
        path = results / (file.format(weights=_weights(results), bundle=_bundle(results)))
        if path.exists():
            path.unlink()
        if kind == "fifo":
            os.mkfifo(path)
        elif kind == "folder":
            path.mkdir()
        elif kind == "terabyte":
            path.touch()
            os.truncate(path, 2**40)
        else:
            path.symlink_to(kind)

    return change


def _in_sidecar(file: str, text: Callable[[str], str]) -> Change:
    """Return a change of the text of a sidecar; the result may be invalid JSON."""

    def change(results: Path) -> None:
        sidecar = results / f"{file}{SUFFIX}"
        sidecar.write_text(text(sidecar.read_text()))

    return change


def _parameters(file: str, value) -> Change:
    return lambda results: edit(results, file, lambda r: r["parameters"].update(value))


def _forged(file: str, content: Callable[[bytes], bytes]) -> Change:
    """Return a change of a file that repairs its SHA-256 in all sidecars."""

    def change(results: Path) -> None:
        name = file.format(weights=_weights(results), bundle=_bundle(results))
        forge(results, name, content((results / name).read_bytes()))

    return change


def _table(file: str, table: Callable[[], pyarrow.Table], **options) -> Change:
    def change(results: Path) -> None:
        pyarrow.parquet.write_table(table(), results / file, **options)
        repair(results, file)

    return change


def _dictionary_table(count: int, length: int) -> pyarrow.Table:
    positions = pyarrow.array(np.zeros(count, np.int32))
    return pyarrow.table({"policy": pyarrow.DictionaryArray.from_arrays(positions, ["x" * length])})


def _with_metadata(metadata: bytes) -> pyarrow.Table:
    return pyarrow.table({"score": [1.0]}).replace_schema_metadata({b"pandas": metadata})


def _header(**tensors) -> bytes:
    text = json.dumps(tensors).encode()
    return struct.pack("<Q", len(text)) + text + bytes(64)


def _dated(year: float) -> Change:
    return lambda results: os.utime(results / STATS, (year, year))


def _nested(depth: int) -> str:
    return "[" * depth + "]" * depth


def hostile_folders(seed: int) -> Iterator[tuple[str, Change]]:
    """Yield names and changes; the seed determines the random ones."""
    chance = random.Random(seed)
    for kind in ("fifo", "folder", "terabyte", "/dev/zero", "/proc/kmsg", "/etc/passwd", "nowhere"):
        for file in (EPISODES, f"{STATS}{SUFFIX}", "{weights}", "logs/x.log"):
            yield f"{kind} for {file}", _replaced_by(kind, file)
    for key, path in (("weights", "/proc/kmsg"), ("weights", "/dev/zero"), ("weights", "/"),
                      ("weights", "/proc/self/mem"), ("x", "/etc/hostname")):  # fmt: skip
        inputs = {key: {path: "0" * 64}}
        yield (
            f"elsewhere {path}",
            lambda results, external=inputs: edit(
                results,
                EPISODES,
                lambda r: r.update(elsewhere=external, inputs=r["inputs"] | {"x": {}}),
            ),
        )
    for text in (_nested(300), _nested(100_000), "1e999", "NaN", "9" * 400, '"\\ud800"', '{"a":'):
        yield (
            f"sidecar with {len(text)} characters {text[:20]}",
            _in_sidecar(
                EPISODES,
                lambda t, x=text: t.replace('"parameters": {', f'"parameters": {{"x": {x},'),
            ),
        )
    yield "key twice", _in_sidecar(STATS, lambda t: t.replace("{", '{"rule": "report",', 1))
    yield "truncated sidecar", _in_sidecar(STATS, lambda t: t[: len(t) // 2])
    yield "list for a sidecar", _in_sidecar(STATS, lambda t: "[" + "1," * 3_000_000 + "1]")
    for parameters in (
        {"evaluation": {"episodes": 10**7, "seed": 0}},
        {"evaluation": {"episodes": 10_000, "seed": 0}},
        {"trained_on": [{}] * 100_000},
        {"mission": None},
    ):
        yield f"parameters {str(parameters)[:40]}", _parameters(EPISODES, parameters)
    yield "threads", lambda results: edit(results, STATS, lambda r: r.update(threads=4096))
    for content in (b"", b"PAR1", b"PAR1" * 1000, bytes(10**6)):
        yield f"table of {content[:8]!r}", _forged(EPISODES, lambda _, c=content: c)
    for number in range(12):
        positions = [chance.random() for _ in range(3)]
        for file in (EPISODES, "{weights}", "{bundle}", REPLAY):
            yield (
                f"{file} with changed bytes {number}",
                _forged(file, lambda c, p=positions: _flipped(c, p)),
            )
    yield (
        "text bomb",
        _table(EPISODES, lambda: _dictionary_table(20_000, 10**6), store_schema=False),
    )
    yield "list bomb", _table(LISTED, lambda: pyarrow.table({"runs": [["x" * 10**7] * 100]}))
    yield "rows", _table(EPISODES, lambda: pyarrow.table({"a": pyarrow.nulls(10**9)}))
    for metadata in (
        b'{"columns": [[]]}',
        b'{"index_columns": ["score"]}',
        b"[]",
        b"\xff",
        b"{" * 999,
    ):
        yield f"metadata {metadata[:30]!r}", _table(EPISODES, lambda n=metadata: _with_metadata(n))
    for dtype in ("F8_E4M3", "F8_E5M2", "F4", "X"):
        entry = {"dtype": dtype, "shape": [64], "data_offsets": [0, 64]}
        yield f"tensors of {dtype}", _forged("{weights}", lambda _, a=entry: _header(w=a))
    yield (
        "key twice in weights",
        _forged(
            "{weights}",
            lambda c: c[:8] + c[8:].replace(b'{"', b'{"__metadata__":{},"', 1),
        ),
    )
    yield (
        "key twice in statistics",
        _forged(STATS, lambda c: c.replace(b"{", b'{"best_policy": "random",', 1)),
    )
    for year in (10**15, 2**33, -(10**9)):
        yield f"dated {year}", _dated(year)


def _flipped(content: bytes, positions: list[float]) -> bytes:
    changed = bytearray(content)
    for position in positions:
        changed[int(position * len(changed))] ^= 0x41
    return bytes(changed)
