"""Staleness: what makes outputs be made again, and what does not."""

import os
import shutil
from pathlib import Path

import pytest

from daf.config import ExecutionConfig
from daf.provenance.origin import Origin
from daf.provenance.sidecar import SUFFIX, Sidecar, write_outputs
from daf.provenance.staleness import (
    ExternalFiles,
    Request,
    first_difference,
    reason_to_remake,
    restore_dates,
    split_request,
)

TOLD = {"config": {"confidence": 0.95, "seeds": [1, 2]}, "code": "a"}


@pytest.fixture
def results(tmp_path, monkeypatch) -> Path:
    """A folder of results with one output, made of a file within it and of one elsewhere."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "results"
    (folder / "in").mkdir(parents=True)
    (folder / "in" / "episodes").write_text("rows")
    (tmp_path / "weights").write_text("heavy")
    make(request())
    return folder


def request(**changes) -> Request:
    asked = {
        "rule": "compare",
        "inputs": {"episodes": ["results/in/episodes"], "weights": ["weights"]},
        "outputs": {"stats": "results/out/stats"},
        "sidecar": f"results/out/stats{SUFFIX}",
        "parameters": TOLD,
    }
    return Request(**asked | changes)


def make(asked: Request) -> None:
    with write_outputs(
        rule=asked.rule,
        inputs=asked.inputs,
        outputs=asked.outputs,
        sidecar=asked.sidecar,
        parameters=asked.parameters,
        execution=ExecutionConfig(),
        origin=Origin.current("cpu"),
    ) as paths:
        for name, path in paths.items():
            path.write_text(name)


def test_what_was_made_of_the_same_is_up_to_date(results):
    assert reason_to_remake(request(), "results") is None


def test_a_renamed_folder_and_other_places_of_given_files_change_nothing(results, tmp_path):
    (tmp_path / "results").rename(tmp_path / "renamed")
    (tmp_path / "weights").rename(tmp_path / "moved")
    asked = request(
        inputs={"episodes": ["renamed/in/episodes"], "weights": [str(tmp_path / "moved")]},
        outputs={"stats": "renamed/out/stats"},
        sidecar=f"renamed/out/stats{SUFFIX}",
    )
    assert reason_to_remake(asked, "renamed") is None
    assert reason_to_remake(asked, str(tmp_path / "renamed")) is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"rule": "rank"}, "it was made by rule compare"),
        (
            {"parameters": {"config": {"confidence": 0.6, "seeds": [1, 2]}, "code": "a"}},
            "parameter config.confidence differs",
        ),
        (
            {"parameters": {"config": {"confidence": 0.95, "seeds": [1]}, "code": "a"}},
            "parameter config.seeds.1 differs",
        ),
        ({"parameters": TOLD | {"code": "b"}}, "parameter code differs"),
        ({"parameters": TOLD | {"more": 1}}, "parameter more differs"),
        ({"inputs": {"episodes": ["results/in/episodes"]}}, "it was made of other inputs"),
        (
            {"inputs": {"episodes": ["results/in/episodes"], "weights": []}},
            "it was made of more files (weights)",
        ),
        (
            {"inputs": {"episodes": ["results/in/none"], "weights": ["weights"]}},
            "its input results/in/none is missing",
        ),
        (
            {"inputs": {"episodes": ["weights"], "weights": ["weights"]}},
            "its input weights differs",
        ),
    ],
)
def test_another_request_makes_it_stale(results, changes, reason):
    assert reason_to_remake(request(**changes), "results") == reason


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("weights", "its input weights differs"),
        ("results/in/episodes", "its input results/in/episodes differs"),
        ("results/out/stats", "results/out/stats is not as it was written"),
    ],
)
def test_another_content_of_the_same_size_and_date_makes_it_stale(results, file, reason):
    before = os.stat(file)
    Path(file).write_text(Path(file).read_text().upper())
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert reason_to_remake(request(), "results") == reason


def test_missing_outputs_and_sidecars_and_edited_sidecars_make_it_stale(results):
    sidecar = results / "out" / f"stats{SUFFIX}"
    text = sidecar.read_text()
    sidecar.write_text(text.replace("0.95", "0.96"))
    assert "is not as it was written" in reason_to_remake(request(), "results")
    sidecar.write_text(text[:-20])
    assert sidecar.name in reason_to_remake(request(), "results")
    sidecar.unlink()
    assert sidecar.name in reason_to_remake(request(), "results")
    (results / "out" / "stats").unlink()
    assert reason_to_remake(request(), "results") == "results/out/stats is missing"


def test_two_given_files_are_told_apart_by_content_not_by_order(results, tmp_path):
    (tmp_path / "other").write_text("light")
    asked = request(inputs={"weights": ["weights", "other"]})
    make(asked)
    turned = request(inputs={"weights": ["other", "weights"]})
    assert reason_to_remake(turned, "results") is None
    twice = request(inputs={"weights": ["other", "other"]})
    assert reason_to_remake(twice, "results") == "its input other differs"


def test_dates_follow_the_sidecar_and_content_is_not_read_twice(results, monkeypatch):
    end = Sidecar.read(results / "out" / f"stats{SUFFIX}").end.timestamp()
    for file in ("stats", f"stats{SUFFIX}"):
        os.utime(results / "out" / file, (end + 7200, end + 7200))
    assert reason_to_remake(request(), "results") is None
    read = []
    monkeypatch.setattr("daf.provenance.staleness.file_digest", lambda path: read.append(path))
    assert restore_dates(request()) == ["results/out/stats", f"results/out/stats{SUFFIX}"]
    assert (results / "out" / "stats").stat().st_mtime == pytest.approx(end, abs=1e-6)
    assert restore_dates(request()) == []
    assert reason_to_remake(request(), "results") is None and read == []


def test_a_job_with_parts_is_as_many_requests(tmp_path):
    files = {"x": ["p/a.x", "p/b.x", "q/a.x", "q/b.x"]}
    parts = split_request(
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
    assert [part.sidecar for part in parts] == [f"{file}{SUFFIX}" for file in files["x"]]
    assert [part.inputs for part in parts] == [{"weights": ["w1"]}] * 2 + [{"weights": ["w2"]}] * 2
    assert parts[3].parameters == {"policy": "q", "mission": "b", "seed": 7}


def test_parameters_of_a_job_without_parts_may_bear_the_names_of_lists():
    [one] = split_request(
        "report",
        {"stats": "s", "runs": ["r"]},
        {"report": "x.html", "provenance": f"x.html{SUFFIX}"},
        {
            "missions": [{"name": "a"}, {"name": "b"}],
            "external_inputs": ExternalFiles(runs=["mine"]),
        },
    )
    assert one.inputs == {"stats": ["s"], "runs": ["r", "mine"]}
    assert one.parameters == {"missions": [{"name": "a"}, {"name": "b"}]}


def test_the_text_of_given_files_is_that_of_their_content(tmp_path):
    for name, text in {"a": "1", "b": "1", "c": "2"}.items():
        (tmp_path / name).write_text(text)
    a, b, c = (repr(ExternalFiles(weights=[str(tmp_path / name)])) for name in "abc")
    assert a == b != c


def test_differences_are_named_by_their_keys():
    assert first_difference({"a": (1, 2)}, {"a": [1, 2]}) is None
    assert first_difference({"a": 1}, {"a": 1.0}) == "a"
    assert first_difference({"a": None}, {}) == "a"
    assert first_difference([{"k": 1}, {"k": 2}], [{"k": 1}, {"k": 3}]) == "1.k"


def test_copies_are_up_to_date(results, tmp_path):
    shutil.copytree(results, tmp_path / "copy")  # with other dates
    asked = request(
        inputs={"episodes": ["copy/in/episodes"], "weights": ["weights"]},
        outputs={"stats": "copy/out/stats"},
        sidecar=f"copy/out/stats{SUFFIX}",
    )
    assert reason_to_remake(asked, "copy") is None
