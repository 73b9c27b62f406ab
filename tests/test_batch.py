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
            rule="demo_of_1",
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


def two_players(folder: Path, *names: str):
    """A call of one job that plays two missions with each of several players, who have weights of
    their own; returns what was done."""
    done = []
    for name in names:
        (folder / f"weights-{name}").touch()
        (folder / "logs" / "demo").mkdir(parents=True, exist_ok=True)
    files = {
        x: [str(folder / f"{name}-e1" / f"{m}.{x}") for name in names for m in "ab"] for x in "xy"
    }
    asked = SimpleNamespace(
        rule="demo_of_1",
        input={f"weights_{n}": [str(folder / f"weights-{name}")] for n, name in enumerate(names)}
        | {"checked": str(folder / "none")},
        output=files | {"provenance": [f"{file}{SUFFIX}" for file in files["x"]]},
        params={
            "mission": [{"name": m} for m in "ab"],
            "jobs": [{"player": name} for name in names],
        },
        log=[str(folder / "logs" / "demo" / f"{len(names)}-players-0.log")],
        threads=1,
        resources={},
        config={"execution": {"results_dir": str(folder)}},
    )
    with batch(asked, over="mission") as parts:
        for part in parts:
            with part as work:
                name = work.parameters.player, work.parameters.mission["name"]
                assert work.inputs["weights"] == [str(folder / f"weights-{name[0]}")]
                assert vars(work.parameters).keys() == {"player", "mission"}
                if work.parameters.player == "broken":
                    raise ValueError("it is broken")
                for output in "xy":
                    work.paths[output].write_text(f"{output} of {name}")
                done.append("".join(name))
    return done


def test_players_who_share_a_job_have_what_each_has_alone(tmp_path):
    assert two_players(tmp_path, "p", "q") == ["pa", "pb", "qa", "qb"]
    alone = tmp_path / "alone"
    alone.mkdir()
    assert two_players(alone, "q") == ["qa", "qb"]
    for file in ("a.x", "a.y", "b.x", "b.y"):
        assert (tmp_path / "q-e1" / file).read_text() == (alone / "q-e1" / file).read_text()
    shared, own = (Record.read(at / "q-e1" / f"b.x{SUFFIX}") for at in (tmp_path, alone))
    assert (shared.rule, shared.parameters) == ("demo", own.parameters)
    assert shared.inputs == own.inputs and list(shared.inputs) == ["weights"]
    assert list(shared.log) == list(own.log) == ["logs/demo/q-e1/b.log"]


def test_players_may_share_another_job_and_play_nothing_again(tmp_path):
    two_players(tmp_path, "p", "q", "r")
    assert two_players(tmp_path, "q") == []
    assert two_players(tmp_path, "s", "r", "p") == ["sa", "sb"]


def test_what_stands_is_never_older_than_the_weights_of_another(tmp_path):
    two_players(tmp_path, "p", "q")
    now = os.stat(tmp_path / "p-e1" / "a.x").st_mtime
    (tmp_path / "weights-q").write_text("others")
    os.utime(tmp_path / "weights-q", (now + 1, now + 1))
    for file in (tmp_path / "p-e1").iterdir():
        os.utime(file, (now - 9, now - 9))
    assert two_players(tmp_path, "p", "q") == ["qa", "qb"]
    assert all(file.stat().st_mtime > now - 9 for file in (tmp_path / "p-e1").iterdir())


def test_a_player_who_fails_loses_no_other(tmp_path):
    with pytest.raises(SystemExit):
        two_players(tmp_path, "p", "broken", "q")
    assert two_players(tmp_path, "p", "q") == [], "finished, and waiting"
    assert (tmp_path / "q-e1" / "b.y").read_text() == "y of ('q', 'b')"
