"""The sidecar of a job, and outputs that appear together with it or not at all."""

import hashlib
import json
import math
import os
from pathlib import Path

import pytest

from daf.config import ConfigError, ExecutionConfig
from daf.provenance.origin import Origin
from daf.provenance.packages import versions
from daf.provenance.sidecar import Sidecar, outputs_match, write_outputs
from daf.provenance.source import git_state

ORIGIN = Origin.current("cpu")


def arguments(folder: Path, **more) -> dict:
    (folder / "in.txt").write_text("input")
    return {
        "rule": "demo",
        "inputs": {"given": [str(folder / "in.txt")], "more": []},
        "outputs": {name: str(folder / "out" / f"{name}.txt") for name in ("a", "b")},
        "sidecar": str(folder / "out" / "a.txt.prov.json"),
        "parameters": {"seed": 3, "rate": 0.1},
        "execution": ExecutionConfig(results_dir=str(folder / "out")),
        "origin": ORIGIN,
    } | more


def make(folder: Path, **more) -> Path:
    """A job done; returns its sidecar."""
    given = arguments(folder, **more)
    with write_outputs(**given) as paths:
        for name, path in paths.items():
            path.write_text(name)
    return Path(given["sidecar"])


def sha(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()


def test_outputs_appear_together_with_their_record(tmp_path):
    with write_outputs(**arguments(tmp_path)) as paths:
        for name, path in paths.items():
            path.write_text(name)
        assert not (tmp_path / "out" / "a.txt").exists()
    assert sorted(os.listdir(tmp_path / "out")) == ["a.txt", "a.txt.prov.json", "b.txt"]
    assert (tmp_path / "out" / "b.txt").read_text() == "b"
    record = json.loads((tmp_path / "out" / "a.txt.prov.json").read_text())
    assert record["outputs"] == {"a": {"a.txt": sha(b"a")}, "b": {"b.txt": sha(b"b")}}
    assert record["inputs"] == {"given": {}, "more": {}}
    assert record["elsewhere"] == {"given": {str(tmp_path / "in.txt"): sha(b"input")}}
    assert record["parameters"] == {"seed": 3, "rate": 0.1}
    assert (record["rule"], record["device"], record["threads"]) == ("demo", "cpu", 1)
    assert record["origin"]["versions"] == versions()
    assert record["origin"]["git"] == git_state().resolved()
    assert record["origin"]["hardware"]["processor"]
    assert record["origin"]["hardware"]["gpu"] is None
    assert record["begin"] <= record["end"] and record["max_rss_mb"] > 1
    own = record.pop("record_digest")
    text = json.dumps(record, sort_keys=True, separators=(",", ":"))
    assert own == sha(text.encode())


def test_a_record_that_is_read_is_the_one_that_was_written(tmp_path):
    sidecar = make(tmp_path)
    record = Sidecar.read(sidecar)
    assert record.with_digest() == record and record.text() == sidecar.read_text()
    assert record.output_files() == {"a.txt": sha(b"a"), "b.txt": sha(b"b")}


def test_a_job_stands_while_its_outputs_are_there_and_it_would_be_told_the_same(tmp_path):
    sidecar, told, results = make(tmp_path), {"seed": 3, "rate": 0.1}, str(tmp_path / "out")
    assert outputs_match(sidecar, told, results)
    assert not outputs_match(sidecar, told | {"seed": 4}, results)
    assert not outputs_match(tmp_path / "none", told, results)
    (tmp_path / "out" / "b.txt").unlink()
    assert not outputs_match(sidecar, told, results)


def test_files_within_the_folder_of_results_are_named_from_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("results", "runs").mkdir(parents=True)
    Path("results", "in.txt").write_text("input")
    Path("results", "a.log").write_text("log")
    Path("mine.pt").write_text("mine")
    sidecar = make(
        tmp_path,
        inputs={"x": ["results/runs/../in.txt", "./mine.pt"]},
        outputs={"a": "results/out/a.txt"},
        sidecar="results/out/a.txt.prov.json",
        log="results/a.log",
        execution=ExecutionConfig(),
    )
    record = Sidecar.read(sidecar)
    assert list(record.output_files()) == ["out/a.txt"] and record.log == {"a.log": sha(b"log")}
    assert list(record.inputs["x"]) == ["in.txt"] and list(record.elsewhere["x"]) == ["./mine.pt"]


def test_all_files_of_a_job_are_dated_alike(tmp_path):
    sidecar = make(tmp_path)
    end = Sidecar.read(sidecar).end
    for name in ("a.txt", "b.txt", "a.txt.prov.json"):
        dated = (tmp_path / "out" / name).stat().st_mtime_ns
        assert dated == round(end.timestamp() * 1e6) * 1000


def test_an_output_that_is_not_within_the_folder_of_results_is_refused(tmp_path):
    with pytest.raises(ValueError, match="is not within"):
        make(tmp_path, execution=ExecutionConfig(results_dir=str(tmp_path / "other")))
    assert not (tmp_path / "out").exists()


def test_what_killed_attempts_left_is_removed_and_nothing_else(tmp_path):
    (tmp_path / "out").mkdir()
    token = f".daf-{'0' * 16}."
    others = [f"{token}c.txt", ".daf-x.a.txt", "123.a.txt"]
    for name in (f"{token}a.txt", f"{token}{token}a.txt.prov.json", *others):
        (tmp_path / "out" / name).write_text("left")
    make(tmp_path)
    assert sorted(os.listdir(tmp_path / "out")) == [
        *others,
        "a.txt",
        "a.txt.prov.json",
        "b.txt",
    ]


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
        write_outputs(**arguments(tmp_path, parameters=parameters)) as paths,
    ):
        paths["a"].write_text("new a")
        if failure != "forgets one":
            paths["b"].write_text("new b")
        if failure == "raises":
            raise ValueError("no more")
        if failure == "interrupted":
            raise KeyboardInterrupt
    found = {path.name: path.read_text() for path in (tmp_path / "out").iterdir()}
    assert found == old


@pytest.mark.parametrize("change, said", [
    (lambda record: record.pop("inputs"), "key 'inputs' is missing"),
    (lambda record: record.update(more=1), "unknown key 'more'"),
    (lambda record: record["outputs"].update(a={"../../passwd": sha(b"")}), "within the folder"),
    (lambda record: record["outputs"].update(a={"/etc/passwd": sha(b"")}), "within the folder"),
    (lambda record: record["outputs"].update(a={"a.txt": "short"}), "key 'outputs.a.a.txt'"),
    (lambda record: record.update(end="yesterday"), "key 'end'"),
])  # fmt: skip
def test_no_record(change, said, tmp_path):
    sidecar = make(tmp_path)
    record = json.loads(sidecar.read_text())
    change(record)
    sidecar.write_text(json.dumps(record))
    with pytest.raises(ConfigError) as refused:
        Sidecar.read(sidecar)
    (line,) = f"{refused.value}".splitlines()
    assert line.startswith(f"{sidecar}: ") and said in line
