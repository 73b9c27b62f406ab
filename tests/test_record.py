"""The sidecar of a job, and outputs that appear together with it or not at all."""

import hashlib
import json
import math
import os
from pathlib import Path

import pytest

from daf.provenance import versions
from daf.record import git_state, recorded


def arguments(folder: Path, **more) -> dict:
    (folder / "in.txt").write_text("input")
    return {
        "rule": "demo",
        "inputs": [str(folder / "in.txt")],
        "outputs": [str(folder / "out" / name) for name in ("a.txt", "b.txt")],
        "sidecar": str(folder / "out" / "a.txt.prov.json"),
        "parameters": {"seed": 3},
        "device": "cpu",
        "results": str(folder / "out"),
    } | more


def test_outputs_appear_together_with_their_record(tmp_path):
    with recorded(**arguments(tmp_path)) as paths:
        for output, path in paths.items():
            path.write_text(Path(output).stem)
        assert not any(Path(output).exists() for output in paths)
    assert sorted(os.listdir(tmp_path / "out")) == ["a.txt", "a.txt.prov.json", "b.txt"]
    assert (tmp_path / "out" / "b.txt").read_text() == "b"
    record = json.loads((tmp_path / "out" / "a.txt.prov.json").read_text())
    assert record["outputs"] == {
        "a.txt": hashlib.sha256(b"a").hexdigest(),
        "b.txt": hashlib.sha256(b"b").hexdigest(),
    }
    elsewhere = {str(tmp_path / "in.txt"): hashlib.sha256(b"input").hexdigest()}
    assert (record["inputs"], record["inputs_from_elsewhere"]) == ({}, elsewhere)
    assert record["parameters"] == {"seed": 3}
    assert record["parameters_digest"] == hashlib.sha256(b'{"seed":3}').hexdigest()
    assert (record["rule"], record["device"]) == ("demo", "cpu")
    assert record["versions"] == versions()
    assert record["git"] == git_state()
    assert record["begin"] <= record["end"]
    assert record["hardware"]["processor"] and record["hardware"]["gpu"] is None
    own = record.pop("record_digest")
    text = json.dumps(record, sort_keys=True, separators=(",", ":"))
    assert own == hashlib.sha256(text.encode()).hexdigest()


def test_files_within_the_folder_of_results_are_named_from_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    more = {
        "inputs": ["results/runs/../in.txt", "./mine.pt"],
        "outputs": ["results/out/a.txt"],
        "sidecar": "results/out/a.txt.prov.json",
        "results": "results",
    }
    Path("results", "runs").mkdir(parents=True)
    Path("results", "in.txt").write_text("input")
    Path("mine.pt").write_text("mine")
    with recorded(**arguments(tmp_path, **more)) as paths:
        paths["results/out/a.txt"].write_text("a")
    record = json.loads(Path("results/out/a.txt.prov.json").read_text())
    assert list(record["outputs"]) == ["out/a.txt"] and list(record["inputs"]) == ["in.txt"]
    assert list(record["inputs_from_elsewhere"]) == ["./mine.pt"]


@pytest.mark.parametrize("failure", ["raises", "interrupted", "forgets one", "NaN in parameters"])
def test_on_failure_nothing_is_replaced_and_nothing_stays_behind(failure, tmp_path):
    (tmp_path / "out").mkdir()
    old = {"a.txt": "old a", "b.txt": "old b", "a.txt.prov.json": "old record"}
    for name, text in old.items():
        (tmp_path / "out" / name).write_text(text)
    parameters = {"x": math.nan} if failure == "NaN in parameters" else {}
    expected = {"forgets one": FileNotFoundError, "interrupted": KeyboardInterrupt}
    with (
        pytest.raises(expected.get(failure, ValueError)),
        recorded(**arguments(tmp_path, parameters=parameters)) as paths,
    ):
        first, second = paths.values()
        first.write_text("new a")
        if failure != "forgets one":
            second.write_text("new b")
        if failure == "raises":
            raise ValueError("no more")
        if failure == "interrupted":
            raise KeyboardInterrupt
    found = {path.name: path.read_text() for path in (tmp_path / "out").iterdir()}
    assert found == old
