"""The benchmarks run, and say what they did; how fast they are is not tested here."""

import json

import pytest
import torch

from daf.missions import load_mission
from daf.report.engine import engine_page
from daf.sim import benchmark, scaling
from daf.sim.benchmark import measure, summary
from daf.sim.mettagrid_engine import MettagridEngine

MISSION = load_mission("assembler_2").model_copy(update={"max_steps": 50})


class Standing:
    """As `mettagrid.MettagridEngine`, but nothing happens."""

    def __init__(self, mission):
        self.steps = 0

    def step(self, actions):
        assert actions.shape == (4,) and actions.dtype == "int32"
        self.steps += 1

    def description(self):
        return {"version": "0.26.22", "tokens_in_use": 7.0}


def test_both_engines_are_measured_in_one_run(monkeypatch):
    monkeypatch.setattr(benchmark, "mettagrid_unavailable", lambda: None)
    monkeypatch.setattr(benchmark, "MettagridEngine", Standing)
    found = measure(MISSION, worlds=3, steps=2)
    assert len(found["rates"]) == len(found["mettagrid"]["rates"]) == benchmark.REPEATS
    assert found["ratios"][2] == found["rates"][2] / found["mettagrid"]["rates"][2]
    assert list(found["phases"]) == ["prepare", "advance", "reset", "describe", "observe"]
    assert 4 < found["tokens_in_use"] < 200
    assert any("times the speed of mettagrid" in line for line in summary(found))
    page = engine_page([found, measure(MISSION, worlds=3, steps=2, threads=2)])
    assert "mettagrid 0.26.22" in page and "<svg" in page and "no mettagrid" not in page


def test_without_mettagrid_the_output_says_so(monkeypatch, capsys, tmp_path):
    reason = "mettagrid, which is not installed: pip install 'daf[mettagrid]'"
    monkeypatch.setattr(benchmark, "mettagrid_unavailable", lambda: reason)
    options = "--mission assembler_2 --worlds 3 --steps 2 --json"
    monkeypatch.setattr("sys.argv", ["benchmark", *options.split(), str(tmp_path / "speed.json")])
    assert benchmark.main() == 0
    assert f"not compared with mettagrid; that needs {reason}" in capsys.readouterr().out
    found = json.loads((tmp_path / "speed.json").read_text())
    assert found["mettagrid"] is None and found["ratios"] == []
    assert found["origin"]["versions"]["torch"] == torch.__version__
    assert (
        "no mettagrid beside it; that needs mettagrid, which is not installed: pip"
        in engine_page([found])
    )


def test_scaling_varies_one_size_at_a_time(monkeypatch):
    for name, values in {"WORLDS": (2, 4), "AGENTS": (1, 2), "SIDES": (12, 15)}.items():
        monkeypatch.setattr(scaling, name, values)
    monkeypatch.setattr(scaling, "BASE_SIZE", {"worlds": 4, "agents": 2, "side": 12})
    monkeypatch.setattr(scaling, "STEPS", 2)
    found = scaling.scaling("cpu")
    sizes = [(point["worlds"], point["agents"], point["side"]) for point in found["points"]]
    assert sizes == [(2, 2, 12), (4, 2, 12), (4, 1, 12), (4, 2, 15)]
    for point in found["points"]:
        assert point["share"] == pytest.approx(point["rate"] * 600 / found["bandwidth"])
    assert len(scaling.scaling_table(found)) == 4 + len(sizes)


def test_a_point_that_does_not_fit_is_left_out_by_name(monkeypatch):
    def full(*_, **__):
        raise torch.OutOfMemoryError("too\nlarge")

    monkeypatch.setattr(scaling, "Simulation", full)
    found = scaling.scaling("cpu")
    assert found["points"][0] == {**scaling.BASE_SIZE, "worlds": 256, "left_out": "too large"}
    assert "| 256 | 4 | 21 | left out: too large | |" in scaling.scaling_table(found)


@pytest.mark.parametrize("options", [["--scaling"], []])
def test_without_a_gpu_there_is_one_clear_error(options, monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr("sys.argv", ["benchmark", *options, "--device", "cuda"])
    assert benchmark.main() == 1
    said = capsys.readouterr()
    assert said.err == "error: device: got 'cuda', but torch finds no CUDA device\n"


@pytest.mark.mettagrid
def test_mettagrid_plays_the_nearest_mission():
    engine = MettagridEngine(MISSION)
    before = engine._buffers["observations"].copy()
    moves = torch.randint(0, 5, (120, 4), generator=torch.Generator().manual_seed(0)).int()
    for step in moves.numpy():
        engine.step(step)
    assert engine._episodes == 3
    assert (engine._buffers["observations"] != before).any()
    assert engine.description()["tokens_in_use"] > 4
