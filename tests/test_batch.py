"""One job for several parts: what each leaves behind, whatever happens to the others."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from daf.batch import batch, waiting
from daf.record import SUFFIX, Record

MISSIONS = ("a", "b", "c")


class Call:
    """A call of a job that writes one word for each mission."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.weights = folder / "weights"
        self.weights.write_text("heavy")
        self.player = "p"

    def __call__(self, *missions: str, failing: str = "", stopping: str = "") -> list[str]:
        """Do it; returns the missions that were done."""
        files = {name: [str(self.folder / f"{m}.{name}") for m in missions] for name in "xy"}
        asked = SimpleNamespace(
            rule="demo_without_1",
            input={"weights": str(self.weights), "checked": str(self.folder / "none")},
            output=files | {"provenance": [f"{file}{SUFFIX}" for file in files["x"]]},
            params={"player": self.player, "mission": [{"name": m} for m in missions]},
            log=[str(self.folder / "logs" / "demo" / "p.log")],
            threads=1,
            resources={},
            config={"execution": {"results_dir": str(self.folder)}},
        )
        (self.folder / "logs" / "demo").mkdir(parents=True, exist_ok=True)
        done = []
        with batch(asked, over="mission") as parts:
            for part in parts:
                with part as work:
                    name = work.parameters.mission["name"]
                    if name in failing:
                        raise ValueError(f"{name} is broken")
                    if name in stopping:
                        raise KeyboardInterrupt
                    for output in "xy":
                        work.paths[output].write_text(f"{output} of {name}")
                    done.append(name)
        return done


@pytest.fixture
def call(tmp_path):
    return Call(tmp_path)


def test_every_part_has_a_record_as_if_it_were_alone(call, tmp_path):
    assert call(*MISSIONS) == [*MISSIONS]
    together = {m: Record.read(tmp_path / f"{m}.x{SUFFIX}") for m in MISSIONS}
    (tmp_path / "alone").mkdir()
    alone = Call(tmp_path / "alone")
    for mission, record in together.items():
        alone(mission)
        other = Record.read(tmp_path / "alone" / f"{mission}.x{SUFFIX}")
        assert record.outputs == other.outputs and record.parameters == other.parameters
        assert record.inputs == other.inputs and record.rule == other.rule == "demo"
        assert list(record.log) == [f"logs/demo/p/{mission}.log"] == list(other.log)
        assert record.parameters["mission"] == {"name": mission}
    assert not waiting(tmp_path, "p.log").exists()


def test_what_stands_there_is_left_alone(call, tmp_path):
    call("a", "b")
    before = {file: os.stat(tmp_path / file).st_ino for file in ("a.x", "a.y", f"a.x{SUFFIX}")}
    assert call("b", "c", "a") == ["c"]
    assert before == {file: os.stat(tmp_path / file).st_ino for file in before}


@pytest.mark.parametrize("change", [
    lambda call: call.weights.write_text("light"),
    lambda call: setattr(call, "player", "q"),
    lambda call: (call.folder / "b.y").write_text("edited"),
    lambda call: (call.folder / "b.y").unlink(),
    lambda call: (call.folder / f"b.x{SUFFIX}").write_text("{}"),
])  # fmt: skip
def test_what_is_stale_is_done_again(call, change):
    call(*MISSIONS)
    change(call)
    assert "b" in call(*MISSIONS)
    assert (call.folder / "b.y").read_text() == "y of b"
    assert call(*MISSIONS) == []


def test_a_part_that_fails_loses_no_other(call, tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        call(*MISSIONS, failing="b")
    assert ended.value.code == 1
    assert "error in demo: b is broken" in capsys.readouterr().err
    assert not (tmp_path / "a.x").exists(), "Snakemake would remove it"
    log = (tmp_path / "logs" / "demo" / "p.log").read_text()
    assert log.endswith("failed: b is broken\n")
    assert (tmp_path / "logs/demo/p/b.log").read_text().endswith("failed: b is broken\n")
    assert call("a", "c") == []
    assert (tmp_path / "c.y").read_text() == "y of c"
    assert call(*MISSIONS) == ["b"]


def test_an_interrupted_job_goes_on(call):
    with pytest.raises(SystemExit) as ended:
        call(*MISSIONS, stopping="b")
    assert ended.value.code == 130
    assert call(*MISSIONS) == ["b", "c"]


def test_what_waits_is_not_taken_for_something_else(call):
    with pytest.raises(SystemExit):
        call(*MISSIONS, failing="c")
    call.weights.write_text("light")
    assert call(*MISSIONS) == [*MISSIONS]
