"""Benchmarks of the simulator: measured quantities and output."""

import json
from importlib.metadata import version

import pytest
import torch

from daf.missions import load_mission
from daf.report.engine import render_speed_report
from daf.sim import benchmark, scaling
from daf.sim.benchmark import format_speed_summary, measure_speed
from daf.sim.mettagrid_engine import MettagridCppEngine

MISSION = load_mission("assembler_2").model_copy(update={"max_steps": 50})


class IdleEngine:
    """Stand-in for `MettagridCppEngine` that ignores its actions."""

    def __init__(self, mission):
        self.steps = 0

    def step(self, actions):
        assert actions.shape == (4,) and actions.dtype == "int32"
        self.steps += 1

    def mean_nonempty_observation_tokens(self):
        return 7.0


def test_measure_compares_both_engines(monkeypatch):
    monkeypatch.setattr(benchmark, "mettagrid_unavailable_reason", lambda: None)
    monkeypatch.setattr(benchmark, "MettagridCppEngine", IdleEngine)
    monkeypatch.setattr(benchmark, "version", lambda package: "0.26.22")
    result = measure_speed(MISSION, num_worlds=3, num_steps=2)
    assert len(result["rates"]) == len(result["mettagrid"]["rates"]) == benchmark.REPEATS
    assert result["ratios"][2] == result["rates"][2] / result["mettagrid"]["rates"][2]
    assert list(result["phases"]) == ["prepare", "advance", "reset", "describe", "observe"]
    assert 4 < result["tokens_in_use"] < 200
    assert any("speed relative to mettagrid" in line for line in format_speed_summary(result))
    page = render_speed_report(
        [result, measure_speed(MISSION, num_worlds=3, num_steps=2, threads=2)]
    )
    assert "mettagrid 0.26.22" in page and "<svg" in page and "no mettagrid" not in page


def test_output_without_mettagrid_has_the_reason(monkeypatch, capsys, tmp_path):
    reason = "mettagrid, which is not installed: pip install 'daf[mettagrid]'"
    monkeypatch.setattr(benchmark, "mettagrid_unavailable_reason", lambda: reason)
    options = "--mission assembler_2 --worlds 3 --steps 2 --json"
    monkeypatch.setattr("sys.argv", ["benchmark", *options.split(), str(tmp_path / "speed.json")])
    assert benchmark.main() == 0
    assert f"mettagrid: not measured; requires {reason}" in capsys.readouterr().out
    result = json.loads((tmp_path / "speed.json").read_text())
    assert result["mettagrid"] is None and result["ratios"] == []
    assert result["origin"]["versions"]["torch"] == version("torch")
    assert (
        "mettagrid was not measured; this requires mettagrid, which is not installed: pip"
        in render_speed_report([result])
    )


def test_scaling_varies_one_size_at_a_time(monkeypatch):
    for name, values in {"WORLDS": (2, 4), "AGENTS": (1, 2), "SIDES": (12, 15)}.items():
        monkeypatch.setattr(scaling, name, values)
    monkeypatch.setattr(scaling, "BASE_SIZE", {"worlds": 4, "agents": 2, "side": 12})
    monkeypatch.setattr(scaling, "STEPS", 2)
    result = scaling.measure_speed_by_size("cpu")
    sizes = [(point["worlds"], point["agents"], point["side"]) for point in result["points"]]
    assert sizes == [(2, 2, 12), (4, 2, 12), (4, 1, 12), (4, 2, 15)]
    for point in result["points"]:
        assert point["share"] == pytest.approx(point["rate"] * 600 / result["bandwidth"])
    assert len(scaling.format_scaling_table(result)) == 4 + len(sizes)


def test_a_size_without_memory_has_the_reason(monkeypatch):
    def run_out_of_memory(*_, **__):
        raise torch.OutOfMemoryError("too\nlarge")

    monkeypatch.setattr(scaling, "Simulation", run_out_of_memory)
    result = scaling.measure_speed_by_size("cpu")
    assert result["points"][0] == {**scaling.BASE_SIZE, "worlds": 256, "left_out": "too large"}
    assert "| 256 | 4 | 21 | not measured: too large | |" in scaling.format_scaling_table(result)


@pytest.mark.parametrize("options", [["--scaling"], []])
def test_missing_gpu_is_a_one_line_error(options, monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr("sys.argv", ["benchmark", *options, "--device", "cuda"])
    assert benchmark.main() == 1
    captured = capsys.readouterr()
    assert captured.err == "error: device: got 'cuda'; torch has no CUDA device\n"


@pytest.mark.mettagrid
def test_mettagrid_engine_steps_and_resets():
    engine = MettagridCppEngine(MISSION)
    before = engine._buffers["observations"].copy()
    moves = torch.randint(0, 5, (120, 4), generator=torch.Generator().manual_seed(0)).int()
    for step in moves.numpy():
        engine.step(step)
    assert engine._episodes == 3
    assert (engine._buffers["observations"] != before).any()
    assert engine.mean_nonempty_observation_tokens() > 4
