"""Output of the training benchmark; its speed is not tested."""

import json
import os
import sys

import pytest
import torch

from daf.learn import benchmark


@pytest.fixture
def restored_threads():
    cores, threads = os.sched_getaffinity(0), torch.get_num_threads()
    yield
    os.sched_setaffinity(0, cores)
    torch.set_num_threads(threads)


def call(monkeypatch, *arguments) -> int:
    monkeypatch.setattr(sys, "argv", ["benchmark", *arguments])
    return benchmark.main()


def test_phases_add_up_to_the_wall_time(monkeypatch, tmp_path, capsys, restored_threads):
    file = tmp_path / "speed.json"
    small = ("--mission", "assembler_1", "--worlds", "4", "--updates", "1", "--repeats", "2")
    assert call(monkeypatch, *small, "--json", str(file)) == 0
    result = json.loads(file.read_text())
    seconds = result["seconds_per_update"]
    assert set(seconds) == {"all", "cpu", *benchmark.PHASES}
    for repeat in range(2):
        parts = sum(seconds[name][repeat] for name in benchmark.PHASES)
        assert parts == pytest.approx(seconds["all"][repeat])
    rate = result["per_second"]
    # 4 worlds of one agent for 32 steps.
    assert rate["max"] == pytest.approx(4 * 32 / min(seconds["all"]))
    assert rate["min"] <= rate["median"] <= rate["max"]
    assert f"median {rate['median']:,.0f}" in capsys.readouterr().out


@pytest.mark.parametrize("arguments, text", [
    (("--mission", "nowhere"), "unknown mission"),
    (("--policy", "nobody"), "unknown policy"),
    (("--worlds", "0"), "worlds"),
    (("--threads", "5000"), "threads: got 5000; expected 1 to"),
])  # fmt: skip
def test_invalid_arguments_give_one_line(arguments, text, monkeypatch, capsys, restored_threads):
    assert call(monkeypatch, *arguments) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ") and text in error and error.count("\n") == 1
