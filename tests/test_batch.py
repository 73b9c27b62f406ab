"""One job for several parts: what each leaves behind, whatever happens to the others."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from daf.jobs.batch import run_batch, staging_path
from daf.provenance.sidecar import SUFFIX, Sidecar

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
        players = [{"policy": self.player, "weights": [str(self.weights)]}]
        return self.of(players, missions, [self.folder] * len(missions), failing, stopping)

    def of_players(self, *names: str, failing: str = "") -> list[str]:
        """The same of several players, with a file of weights or none, and a folder each."""
        files = {name: [str(f) for f in [self.folder / f"weights_of_{name}"] if f.exists()]
                 for name in names}  # fmt: skip
        players = [{"policy": name, "weights": weights} for name, weights in files.items()]
        return self.of(players, "ab", [self.folder / name for name in names for _ in "ab"], failing)

    def of(self, players, missions, folders, failing="", stopping="") -> list[str]:
        cells = [f"{folder}/{m}" for folder, m in zip(folders, [*missions] * len(players))]
        files = {name: [f"{cell}.{name}" for cell in cells] for name in "xy"}
        weights = [file for player in players for file in player["weights"]]
        asked = SimpleNamespace(
            rule="demo_variant_1",
            input={"weights": weights, "checked": str(self.folder / "none")},
            output=files | {"provenance": [f"{file}{SUFFIX}" for file in files["x"]]},
            params={
                "policies": players,
                "missions": [{"mission": {"name": m}} for m in missions],
                "code": "1",
            },
            log=[str(self.folder / "logs" / "demo" / "p.log")],
            threads=1,
            resources={},
            config={"execution": {"results_dir": str(self.folder)}},
        )
        (self.folder / "logs" / "demo").mkdir(parents=True, exist_ok=True)
        done = []
        with run_batch(asked) as parts:
            for part in parts:
                with part as work:
                    name = work.parameters.mission["name"]
                    if name in failing or work.parameters.policy in failing:
                        raise ValueError(f"{name} is broken")
                    if name in stopping:
                        raise KeyboardInterrupt
                    for output in "xy":
                        work.paths[output].write_text(f"{output} of {name}")
                    done.append(name)
                    assert work.inputs["weights"] == next(
                        player["weights"]
                        for player in players
                        if player["policy"] == work.parameters.policy
                    )
        return done


@pytest.fixture
def call(tmp_path):
    return Call(tmp_path)


def test_every_part_has_a_record_as_if_it_were_alone(call, tmp_path):
    assert call(*MISSIONS) == [*MISSIONS]
    together = {m: Sidecar.read(tmp_path / f"{m}.x{SUFFIX}") for m in MISSIONS}
    (tmp_path / "alone").mkdir()
    alone = Call(tmp_path / "alone")
    for mission, record in together.items():
        alone(mission)
        other = Sidecar.read(tmp_path / "alone" / f"{mission}.x{SUFFIX}")
        assert record.outputs == other.outputs and record.parameters == other.parameters
        assert record.inputs == other.inputs and record.rule == other.rule == "demo"
        assert list(record.log) == [f"logs/demo/{tmp_path.name}/{mission}.log"]
        assert list(other.log) == [f"logs/demo/alone/{mission}.log"]
        assert record.parameters == {"policy": "p", "mission": {"name": mission}, "code": "1"}
        assert list(record.inputs) == ["weights"] and list(record.inputs["weights"]) == ["weights"]
    assert not staging_path(tmp_path, "p/a.x").exists()


def test_players_who_share_a_job_have_what_is_their_own(call, tmp_path):
    for name in "pq":
        (tmp_path / f"weights_of_{name}").write_text(f"of {name}")
    assert call.of_players("p", "q", "r") == [*"ababab"]
    for name in "pqr":
        for mission in "ab":
            record = Sidecar.read(tmp_path / name / f"{mission}.x{SUFFIX}")
            assert record.parameters == {"policy": name, "mission": {"name": mission}, "code": "1"}
            own = [f"weights_of_{name}"] if name != "r" else []
            assert list(record.inputs["weights"]) == own
            assert list(record.output_files()) == [f"{name}/{mission}.x", f"{name}/{mission}.y"]
            assert list(record.log) == [f"logs/demo/{name}/{mission}.log"]
    assert call.of_players("q", "r") == call.of_players("p") == []
    (tmp_path / "weights_of_q").write_text("other")
    assert call.of_players("r", "q", "p") == ["a", "b"]


def test_what_a_job_of_several_left_unfinished_is_taken_up_by_any_other(call, tmp_path):
    with pytest.raises(SystemExit):
        call.of_players("p", "q", failing="q")
    assert not (tmp_path / "p" / "a.x").exists(), "Snakemake would remove it"
    assert call.of_players("p") == [] and (tmp_path / "p" / "b.y").read_text() == "y of b"
    assert call.of_players("q", "r") == [*"abab"]


def test_a_job_with_nothing_to_do_looks_for_no_device(call, monkeypatch):
    call(*MISSIONS)
    monkeypatch.setattr("daf.jobs.batch.job_device", None)
    assert call(*MISSIONS) == []


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
    assert (
        (tmp_path / "logs/demo" / tmp_path.name / "b.log")
        .read_text()
        .endswith("failed: b is broken\n")
    )
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
