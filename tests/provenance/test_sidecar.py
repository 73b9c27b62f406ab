"""Sidecar of a job, and atomic writes of its outputs."""

import hashlib
import json
import math
import os
from pathlib import Path

import pytest

from daf.config import ConfigError, ExecutionConfig
from daf.provenance.origin import Origin
from daf.provenance.packages import daf_and_package_versions
from daf.provenance.sidecar import (
    Sidecar,
    has_existing_outputs_with_parameters,
    write_outputs_and_sidecar,
)
from daf.provenance.source import git_state

ORIGIN = Origin.current("cpu")


def arguments(folder: Path, **changes) -> dict:
    (folder / "in.txt").write_text("input")
    return {
        "rule": "demo",
        "inputs": {"tables": [str(folder / "in.txt")], "weights": []},
        "outputs": {name: str(folder / "out" / f"{name}.txt") for name in ("a", "b")},
        "sidecar_path": str(folder / "out" / "a.txt.prov.json"),
        "parameters": {"seed": 3, "rate": 0.1},
        "execution": ExecutionConfig(results_dir=str(folder / "out")),
        "origin": ORIGIN,
    } | changes


def make(folder: Path, **changes) -> Path:
    """Write the outputs of a job and return the path of its sidecar."""
    job = arguments(folder, **changes)
    with write_outputs_and_sidecar(**job) as paths:
        for name, path in paths.items():
            path.write_text(name)
    return Path(job["sidecar_path"])


def sha(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()


def test_optional_outputs_may_be_left_out(tmp_path):
    folder = tmp_path / "out"
    optional = {name: str(folder / "more" / f"{name}.txt") for name in ("c", "d")}
    (folder / "more").mkdir(parents=True)
    (folder / "more" / "d.txt").write_text("of an earlier job")
    job = arguments(tmp_path, optional_outputs=optional)
    with write_outputs_and_sidecar(**job) as paths:
        for name in ("a", "b", "c"):
            paths[name].write_text(name)
    outputs = Sidecar.read(job["sidecar_path"]).outputs
    assert outputs.keys() == {"a", "b", "c"} and outputs["c"] == {"more/c.txt": sha(b"c")}
    assert os.listdir(folder / "more") == ["c.txt"]


def test_failed_job_leaves_no_folder_of_optional_outputs(tmp_path):
    optional = {"c": str(tmp_path / "out" / "more" / "c.txt")}
    with (
        pytest.raises(ZeroDivisionError),
        write_outputs_and_sidecar(**arguments(tmp_path, optional_outputs=optional)) as paths,
    ):
        paths["c"].write_text("c")
        raise ZeroDivisionError
    assert os.listdir(tmp_path / "out") == []


def test_outputs_appear_together_with_their_sidecar(tmp_path):
    with write_outputs_and_sidecar(**arguments(tmp_path)) as paths:
        for name, path in paths.items():
            path.write_text(name)
        assert not (tmp_path / "out" / "a.txt").exists()
    assert sorted(os.listdir(tmp_path / "out")) == ["a.txt", "a.txt.prov.json", "b.txt"]
    assert (tmp_path / "out" / "b.txt").read_text() == "b"
    record = json.loads((tmp_path / "out" / "a.txt.prov.json").read_text())
    assert record["outputs"] == {"a": {"a.txt": sha(b"a")}, "b": {"b.txt": sha(b"b")}}
    assert record["inputs"] == {"tables": {}, "weights": {}}
    assert record["elsewhere"] == {"tables": {str(tmp_path / "in.txt"): sha(b"input")}}
    assert record["parameters"] == {"seed": 3, "rate": 0.1}
    assert (record["rule"], record["device"], record["threads"]) == ("demo", "cpu", 1)
    assert record["origin"]["versions"] == daf_and_package_versions()
    assert record["origin"]["git"] == git_state().resolved()
    assert record["origin"]["hardware"]["processor"]
    assert record["origin"]["hardware"]["gpu"] is None
    assert record["begin"] <= record["end"] and record["max_rss_mb"] > 1
    recorded_digest = record.pop("record_digest")
    text = json.dumps(record, sort_keys=True, separators=(",", ":"))
    assert recorded_digest == sha(text.encode())


def test_settings_that_change_no_result_are_left_out(tmp_path):
    execution = ExecutionConfig(
        results_dir=str(tmp_path / "out"), policies_per_job=5, tensorboard=str(tmp_path / "events")
    )
    recorded = json.loads(make(tmp_path, execution=execution).read_text())["execution"]
    assert set(recorded) == set(ExecutionConfig.model_fields) - {"policies_per_job", "tensorboard"}


def test_sidecar_round_trip(tmp_path):
    sidecar = make(tmp_path)
    record = Sidecar.read(sidecar)
    assert record.with_record_digest() == record and record.to_text() == sidecar.read_text()
    assert record.digest_by_output_path() == {"a.txt": sha(b"a"), "b.txt": sha(b"b")}


def test_outputs_match_parameters(tmp_path):
    sidecar, parameters, results = make(tmp_path), {"seed": 3, "rate": 0.1}, str(tmp_path / "out")
    assert has_existing_outputs_with_parameters(sidecar, parameters, results)
    assert not has_existing_outputs_with_parameters(sidecar, parameters | {"seed": 4}, results)
    assert not has_existing_outputs_with_parameters(tmp_path / "none", parameters, results)
    (tmp_path / "out" / "b.txt").unlink()
    assert not has_existing_outputs_with_parameters(sidecar, parameters, results)


def test_paths_are_relative_to_the_results_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("results", "runs").mkdir(parents=True)
    Path("results", "in.txt").write_text("input")
    Path("results", "a.log").write_text("log")
    Path("mine.pt").write_text("mine")
    sidecar = make(
        tmp_path,
        inputs={"x": ["results/runs/../in.txt", "./mine.pt"]},
        outputs={"a": "results/out/a.txt"},
        sidecar_path="results/out/a.txt.prov.json",
        log_path="results/a.log",
        execution=ExecutionConfig(),
    )
    record = Sidecar.read(sidecar)
    assert list(record.digest_by_output_path()) == ["out/a.txt"] and record.log == {
        "a.log": sha(b"log")
    }
    assert list(record.inputs["x"]) == ["in.txt"] and list(record.elsewhere["x"]) == ["./mine.pt"]


def test_files_of_a_job_have_equal_modification_times(tmp_path):
    sidecar = make(tmp_path)
    end = Sidecar.read(sidecar).end
    for name in ("a.txt", "b.txt", "a.txt.prov.json"):
        dated = (tmp_path / "out" / name).stat().st_mtime_ns
        assert dated == round(end.timestamp() * 1e6) * 1000


def test_output_outside_the_results_folder_raises(tmp_path):
    with pytest.raises(ValueError, match="is not within"):
        make(tmp_path, execution=ExecutionConfig(results_dir=str(tmp_path / "other")))
    assert not (tmp_path / "out").exists()


def test_stale_temporary_files_are_removed(tmp_path):
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
def test_failure_replaces_and_leaves_nothing(failure, tmp_path):
    (tmp_path / "out").mkdir()
    old = {"a.txt": "old a", "b.txt": "old b", "a.txt.prov.json": "old record"}
    for name, text in old.items():
        (tmp_path / "out" / name).write_text(text)
    parameters = {"x": math.nan} if failure == "NaN in parameters" else {}
    expected = {"forgets one": FileNotFoundError, "interrupted": KeyboardInterrupt}
    with (
        pytest.raises(expected.get(failure, ValueError)),
        write_outputs_and_sidecar(**arguments(tmp_path, parameters=parameters)) as paths,
    ):
        paths["a"].write_text("new a")
        if failure != "forgets one":
            paths["b"].write_text("new b")
        if failure == "raises":
            raise ValueError("no more")
        if failure == "interrupted":
            raise KeyboardInterrupt
    contents = {path.name: path.read_text() for path in (tmp_path / "out").iterdir()}
    assert contents == old


@pytest.mark.parametrize("change, message", [
    (lambda data: data.pop("inputs"), "key 'inputs' is missing"),
    (lambda data: data.update(more=1), "unknown key 'more'"),
    (lambda data: data["outputs"].update(a={"../../passwd": sha(b"")}), "within the results"),
    (lambda data: data["outputs"].update(a={"/etc/passwd": sha(b"")}), "within the results"),
    (lambda data: data["outputs"].update(a={"a.txt": "short"}), "key 'outputs.a.a.txt'"),
    (lambda data: data.update(end="yesterday"), "key 'end'"),
])  # fmt: skip
def test_invalid_sidecar_raises(change, message, tmp_path):
    sidecar = make(tmp_path)
    record = json.loads(sidecar.read_text())
    change(record)
    sidecar.write_text(json.dumps(record))
    with pytest.raises(ConfigError) as refused:
        Sidecar.read(sidecar)
    (line,) = f"{refused.value}".splitlines()
    assert line.startswith(f"{sidecar}: ") and message in line
