"""Hostile files: no code execution, no side effects, bounded memory."""

import json
import pickle
import resource
import struct
import zipfile
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
import safetensors.numpy
import torch

from daf.config import BenchmarkConfig, load_json, load_yaml
from daf.files.parquet import load_table
from daf.files.tensors import load_metadata, load_tensors
from daf.learn.resume import ResumeFile
from daf.missions import load_mission
from daf.plan import make_plan
from daf.policies import Game, PolicySpec, make_policy

GIB = 1024**3


@pytest.fixture(autouse=True)
def memory_limit():
    """Limit the memory of this process to 6 GiB above its current size."""
    limits = resource.getrlimit(resource.RLIMIT_AS)
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + 6 * GIB, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, limits)


class Payload:
    """Object that runs code when it is unpickled."""

    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self):
        return (Path.touch, (self.marker,))


def parse_config_with(weights: Path, **kwargs):
    policy = {"class_path": "stateless", "data_path": str(weights), "init_kwargs": kwargs}
    return BenchmarkConfig.parse({"policies": [policy], "missions": ["assembler_1"]}, "test")


@pytest.mark.parametrize("write", [
    lambda path, payload: path.write_bytes(pickle.dumps(payload)),
    lambda path, payload: torch.save({"weight": payload}, path),
])  # fmt: skip
def test_pickled_weights(write, tmp_path, refused):
    weights = tmp_path / "policy.safetensors"
    write(weights, Payload(tmp_path / "marker"))
    assert "not a readable safetensors file" in refused(make_plan, parse_config_with(weights))
    assert not (tmp_path / "marker").exists()


@pytest.mark.parametrize("header", [
    {"w": {"dtype": "F32", "shape": [10**6, 10**6], "data_offsets": [0, 4 * 10**12]}},
    {"w": {"dtype": "F32", "shape": [2**62, 4], "data_offsets": [0, 0]}},
    {"w": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 0]}},
    None,
])  # fmt: skip
def test_huge_sizes_in_weights_header(header, tmp_path, refused):
    text = json.dumps(header).encode() if header else b""
    length = len(text) if header else 2**60
    (tmp_path / "huge.safetensors").write_bytes(struct.pack("<Q", length) + text)
    assert "safetensors" in refused(make_plan, parse_config_with(tmp_path / "huge.safetensors"))


def test_weights_with_huge_network_arguments(tmp_path, refused):
    tensors = {"critic.bias": np.zeros(1, np.float32)}
    content = safetensors.numpy.save(tensors, {"init_kwargs": '{"hidden_size": 1000000000}'})
    (tmp_path / "wide.safetensors").write_bytes(content)
    line = refused(make_plan, parse_config_with(tmp_path / "wide.safetensors"))
    assert "hidden_size: got 1000000000; expected an integer from 1 to 4096" in line


@pytest.mark.parametrize("size", [0, -1, 4097, 10**12, 2.0, "eight", True, None])
@pytest.mark.parametrize("name", ["stateless", "lstm", "mingru"])
def test_invalid_layer_widths(name, size, refused):
    game = Game.of(load_mission("assembler_1"))
    line = refused(make_policy, PolicySpec(name, init_kwargs={"hidden_size": size}), game)
    assert "expected an integer from 1 to 4096" in line


def archive(path: Path, members: dict[str, bytes], compressed: bool = False) -> None:
    how = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w", how) as out:
        for name, content in members.items():
            out.writestr(name, content)


@pytest.mark.parametrize("members, compressed", [
    ({"../../escaped": b"x", "/tmp/escaped-daf": b"x", "state/data.pkl": b"x"}, False),
    ({"state/data.pkl": bytes(200_000_000)}, True),
])  # fmt: skip
def test_hostile_resume_state_zips(members, compressed, tmp_path):
    archive(tmp_path / "run" / "state.pt", members, compressed)
    message = []
    with ResumeFile(tmp_path / "run", "fingerprint", report=message.append) as resume:
        assert resume.load("cpu") is None
    (line,) = message
    assert line.startswith(f"{tmp_path}/run/state.pt is damaged (")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["lock", "run", "state.pt"]
    assert not Path("/tmp/escaped-daf").exists()


def test_pickled_resume_state(tmp_path):
    (tmp_path / "run").mkdir()
    torch.save(
        {"fingerprint": "f", "state": Payload(tmp_path / "marker")}, tmp_path / "run/state.pt"
    )
    message = []
    with ResumeFile(tmp_path / "run", "f", report=message.append) as resume:
        assert resume.load("cpu") is None
    assert len(message) == 1 and not (tmp_path / "marker").exists()


ALIAS_BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{after}: &{after} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, after in zip("abcdefghi", "bcdefghij")
)
MERGE_BOMB = "a0: &a0 {k: 1}\n" + "".join(
    f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 12)
)
YAMLS = {
    "python": ("x: !!python/object/apply:os.mkdir [marker]", "not valid YAML at line 1"),
    "name": ("x: !!python/name:os.system", "not valid YAML at line 1"),
    "laughs": (ALIAS_BOMB, "too much data"),
    "itself": ("a: &a [*a]", "too much data"),
    "deep": ("[" * 100_000, "nested more than"),
    "big": ("a: " + "x" * 5_000_000, "larger than"),
    "number": ("a: " + "9" * 100_000, ""),
    "merges": (MERGE_BOMB, "too much data"),
    "merged itself": ("a: &a {<<: *a}", "too much data"),
    "many": ("[" + "a," * 200_000 + "]", "too much data"),
    "bool": ("x: !!bool maybe", 'line 1, column 4: "maybe" is not a valid value'),
    "timestamp": ("x: !!timestamp abc", 'line 1, column 4: "abc" is not a valid value'),
    "int": ("x: !!int ''", 'line 1, column 4: "" is not a valid value'),
    "float": ("x: !!float ''", 'line 1, column 4: "" is not a valid value'),
    "minutes": ("x: !!int 1" + ":1" * 10**5, "is not a valid value"),
    "half a character": ('x: "\\ud800"', "expected text that UTF-8 can encode"),
}


@pytest.mark.parametrize("name", YAMLS)
def test_hostile_yaml(name, tmp_path, refused, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text, message = YAMLS[name]
    Path("hostile.yaml").write_text(text)
    line = refused(load_yaml, "hostile.yaml")
    assert line.startswith("hostile.yaml: ") and message in line and len(line) < 500
    assert sorted(path.name for path in Path().iterdir()) == ["hostile.yaml"]


@pytest.mark.parametrize("text, message", [
    ("[" * 1_000_000, "nested too deep"),
    ('{"a":' * 1_000_000, "nested too deep"),
    ("9" * 1_000_000, "not valid JSON"),
    ("NaN", "not valid JSON: NaN is not a number"),
    ('{"a": -Infinity}', "not valid JSON: -Infinity is not a number"),
    ('"\\ud800', "not valid JSON"),
    ("", "not valid JSON"),
    ("[" * 300 + "]" * 300, "nested too deep"),
    ("[1e999]", "1e999 is not a finite number"),
    ('{"a": {"b": 1, "b": 2}}', 'duplicate key "b"'),
    ('"\\ud800"', "not valid JSON"),
    ("[" + "1," * 9_000_000 + "1]", "more than 8000000 values"),
])  # fmt: skip
def test_hostile_json(text, message, tmp_path, refused):
    (tmp_path / "hostile.json").write_text(text)
    line = refused(load_json, tmp_path / "hostile.json")
    assert line.startswith(f"{tmp_path}/hostile.json: ") and message in line and len(line) < 500


def test_compressed_table_bomb(tmp_path, refused):
    column = pyarrow.nulls(2 * 10**8)
    table = pyarrow.table({f"c{number}": column for number in range(6)})
    pyarrow.parquet.write_table(table, tmp_path / "bomb.parquet")
    assert (tmp_path / "bomb.parquet").stat().st_size < 10**7
    assert refused(load_table, tmp_path / "bomb.parquet").endswith("expected at most 5e+07 values")


def test_table_with_one_repeated_text(tmp_path, refused):
    """A file of 80 kB expands to 20 GB."""
    indices = pyarrow.array(np.zeros(20_000, np.int32))
    texts = pyarrow.DictionaryArray.from_arrays(indices, pyarrow.array(["x" * 10**6]))
    pyarrow.parquet.write_table(
        pyarrow.table({"a": texts}), tmp_path / "bomb.parquet", store_schema=False
    )
    assert (tmp_path / "bomb.parquet").stat().st_size < 10**6
    assert "its texts take more than" in refused(load_table, tmp_path / "bomb.parquet")


@pytest.mark.parametrize("notes", [
    b'{"columns": [[]]}', b'{"columns": [{"name": "b"}]}', b'{"index_columns": ["a"]}', b"[]",
    b'{"columns": [], "columns": []}', b"\xff", b'{"index_columns": 1}',
])  # fmt: skip
def test_invalid_pandas_metadata(notes, tmp_path, refused):
    table = pyarrow.table({"a": [1]}).replace_schema_metadata({b"pandas": notes})
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    assert "not a readable parquet file" in refused(load_table, tmp_path / "a.parquet")


@pytest.mark.parametrize("column", [
    [[[1]]], [{"a": 1}], [b"bytes"], [None, [b"bytes"]],
])  # fmt: skip
def test_unsupported_column_types(column, tmp_path, refused):
    pyarrow.parquet.write_table(pyarrow.table({"a": column}), tmp_path / "a.parquet")
    assert "column 'a' holds " in refused(load_table, tmp_path / "a.parquet")


def test_duplicate_column_names(tmp_path, refused):
    table = pyarrow.table([[1], [2]], names=["a", "a"])
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    assert "two columns have the same name" in refused(load_table, tmp_path / "a.parquet")


@pytest.mark.parametrize("header", [
    b'{"a":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4]}}',
    b'{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},'
    b'"a":{"dtype":"I8","shape":[4],"data_offsets":[0,4]}}',
    b'{"__metadata__":{"init_kwargs":1}}', b"[]", b'{"a": 1}', b"[" * 1000,
])  # fmt: skip
def test_unsupported_tensors(header, tmp_path):
    content = struct.pack("<Q", len(header)) + header + bytes(4)
    (tmp_path / "a.safetensors").write_bytes(content)
    for read in (load_tensors, load_metadata):
        with pytest.raises(ValueError) as error:
            read(tmp_path / "a.safetensors")
        assert len(f"{error.value}".splitlines()) == 1
