"""Staleness of outputs."""

import os
import shutil
from pathlib import Path

import pytest

from daf.config import ExecutionConfig
from daf.provenance.origin import Origin
from daf.provenance.sidecar import SUFFIX, Sidecar, write_outputs_and_sidecar
from daf.provenance.staleness import (
    JobSpec,
    UserFilesWithDigestAsRepr,
    find_stale_reason,
    first_different_key,
    restore_recorded_modification_times,
    split_job_by_sidecar,
)

PARAMETERS = {"config": {"confidence": 0.95, "seeds": [1, 2]}, "code": "a"}


@pytest.fixture
def results(tmp_path, monkeypatch) -> Path:
    """Results folder with one output of an internal and an external input."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "results"
    (folder / "in").mkdir(parents=True)
    (folder / "in" / "episodes").write_text("rows")
    (tmp_path / "weights").write_text("heavy")
    make(make_spec())
    return folder


def make_spec(**changes) -> JobSpec:
    spec = {
        "rule": "compare",
        "inputs": {"episodes": ["results/in/episodes"], "weights": ["weights"]},
        "outputs": {"stats": "results/out/stats"},
        "sidecar_path": f"results/out/stats{SUFFIX}",
        "parameters": PARAMETERS,
    }
    return JobSpec(**spec | changes)


def make(spec: JobSpec) -> None:
    with write_outputs_and_sidecar(
        rule=spec.rule,
        inputs=spec.inputs,
        outputs=spec.outputs,
        sidecar_path=spec.sidecar_path,
        parameters=spec.parameters,
        execution=ExecutionConfig(),
        origin=Origin.current("cpu"),
    ) as paths:
        for name, path in paths.items():
            path.write_text(name)


def test_equal_spec_is_up_to_date(results):
    assert find_stale_reason(make_spec(), "results") is None


def test_moved_folder_and_external_inputs_are_up_to_date(results, tmp_path):
    (tmp_path / "results").rename(tmp_path / "renamed")
    (tmp_path / "weights").rename(tmp_path / "moved")
    spec = make_spec(
        inputs={"episodes": ["renamed/in/episodes"], "weights": [str(tmp_path / "moved")]},
        outputs={"stats": "renamed/out/stats"},
        sidecar_path=f"renamed/out/stats{SUFFIX}",
    )
    assert find_stale_reason(spec, "renamed") is None
    assert find_stale_reason(spec, str(tmp_path / "renamed")) is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"rule": "rank"}, "rule compare made it"),
        (
            {"parameters": {"config": {"confidence": 0.6, "seeds": [1, 2]}, "code": "a"}},
            "parameter config.confidence changed",
        ),
        (
            {"parameters": {"config": {"confidence": 0.95, "seeds": [1]}, "code": "a"}},
            "parameter config.seeds.1 changed",
        ),
        ({"parameters": PARAMETERS | {"code": "b"}}, "parameter code changed"),
        ({"parameters": PARAMETERS | {"more": 1}}, "parameter more changed"),
        ({"inputs": {"episodes": ["results/in/episodes"]}}, "the names of its inputs changed"),
        (
            {"inputs": {"episodes": ["results/in/episodes"], "weights": []}},
            "input 'weights' has fewer files",
        ),
        (
            {"inputs": {"episodes": ["results/in/none"], "weights": ["weights"]}},
            "input results/in/none is missing",
        ),
        (
            {"inputs": {"episodes": ["weights"], "weights": ["weights"]}},
            "input weights changed",
        ),
    ],
)
def test_changed_spec_is_stale(results, changes, reason):
    assert find_stale_reason(make_spec(**changes), "results") == reason


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("weights", "input weights changed"),
        ("results/in/episodes", "input results/in/episodes changed"),
        ("results/out/stats", "results/out/stats was edited"),
    ],
)
def test_changed_content_of_equal_size_is_stale(results, file, reason):
    before = os.stat(file)
    Path(file).write_text(Path(file).read_text().upper())
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert find_stale_reason(make_spec(), "results") == reason


def test_missing_or_edited_files_are_stale(results):
    sidecar = results / "out" / f"stats{SUFFIX}"
    text = sidecar.read_text()
    sidecar.write_text(text.replace("0.95", "0.96"))
    assert "was edited" in find_stale_reason(make_spec(), "results")
    sidecar.write_text(text[:-20])
    assert sidecar.name in find_stale_reason(make_spec(), "results")
    sidecar.unlink()
    assert sidecar.name in find_stale_reason(make_spec(), "results")
    (results / "out" / "stats").unlink()
    assert find_stale_reason(make_spec(), "results") == "results/out/stats is missing"


def test_external_inputs_are_compared_by_content(results, tmp_path):
    (tmp_path / "other").write_text("light")
    spec = make_spec(inputs={"weights": ["weights", "other"]})
    make(spec)
    turned = make_spec(inputs={"weights": ["other", "weights"]})
    assert find_stale_reason(turned, "results") is None
    twice = make_spec(inputs={"weights": ["other", "other"]})
    assert find_stale_reason(twice, "results") == "input other changed"


def test_modification_times_are_restored_without_hashing_again(results, monkeypatch):
    end = Sidecar.read(results / "out" / f"stats{SUFFIX}").end.timestamp()
    for file in ("stats", f"stats{SUFFIX}"):
        os.utime(results / "out" / file, (end + 7200, end + 7200))
    assert find_stale_reason(make_spec(), "results") is None
    read = []
    monkeypatch.setattr("daf.provenance.staleness.file_digest", lambda path: read.append(path))
    assert restore_recorded_modification_times(make_spec(), "results") == [
        "results/out/stats",
        f"results/out/stats{SUFFIX}",
    ]
    assert (results / "out" / "stats").stat().st_mtime == pytest.approx(end, abs=1e-6)
    assert restore_recorded_modification_times(make_spec(), "results") == []
    assert find_stale_reason(make_spec(), "results") is None and read == []


def test_split_of_a_batch_job(tmp_path):
    files = {"x": ["p/a.x", "p/b.x", "q/a.x", "q/b.x"]}
    parts = split_job_by_sidecar(
        "evaluate",
        {"weights": ["w1"], "checked": "environment"},
        files | {"provenance": [f"{file}{SUFFIX}" for file in files["x"]]},
        {
            "policies": [{"policy": "p", "weights": ["w1"]}, {"policy": "q", "weights": ["w2"]}],
            "missions": [{"mission": "a"}, {"mission": "b"}],
            "seed": 7,
        },
    )
    assert [part.outputs["x"] for part in parts] == files["x"]
    assert [part.sidecar_path for part in parts] == [f"{file}{SUFFIX}" for file in files["x"]]
    assert [part.inputs for part in parts] == [{"weights": ["w1"]}] * 2 + [{"weights": ["w2"]}] * 2
    assert parts[3].parameters == {"policy": "q", "mission": "b", "seed": 7}


def test_split_of_a_job_without_parts():
    [one] = split_job_by_sidecar(
        "report",
        {"stats": "s", "runs": ["r"]},
        {"report": "x.html", "provenance": f"x.html{SUFFIX}"},
        {
            "missions": [{"name": "a"}, {"name": "b"}],
            "external_inputs": UserFilesWithDigestAsRepr(runs=["mine"]),
        },
    )
    assert one.inputs == {"stats": ["s"], "runs": ["r", "mine"]}
    assert one.parameters == {"missions": [{"name": "a"}, {"name": "b"}]}


def test_repr_of_external_files_depends_on_content_only(tmp_path):
    for name, text in {"a": "1", "b": "1", "c": "2"}.items():
        (tmp_path / name).write_text(text)
    a, b, c = (repr(UserFilesWithDigestAsRepr(weights=[str(tmp_path / name)])) for name in "abc")
    assert a == b != c


def test_first_different_key():
    assert first_different_key({"a": (1, 2)}, {"a": [1, 2]}) is None
    assert first_different_key({"a": 1}, {"a": 1.0}) == "a"
    assert first_different_key({"a": None}, {}) == "a"
    assert first_different_key([{"k": 1}, {"k": 2}], [{"k": 1}, {"k": 3}]) == "1.k"


def test_copied_results_are_up_to_date(results, tmp_path):
    shutil.copytree(results, tmp_path / "copy")  # with other dates
    spec = make_spec(
        inputs={"episodes": ["copy/in/episodes"], "weights": ["weights"]},
        outputs={"stats": "copy/out/stats"},
        sidecar_path=f"copy/out/stats{SUFFIX}",
    )
    assert find_stale_reason(spec, "copy") is None
