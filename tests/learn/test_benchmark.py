"""The benchmark of training says what it should; how fast it is, no test can know."""

import json
import os
import sys

import pytest
import torch

from daf.learn import benchmark


@pytest.fixture
def as_before():
    cores, threads = os.sched_getaffinity(0), torch.get_num_threads()
    yield
    os.sched_setaffinity(0, cores)
    torch.set_num_threads(threads)


def call(monkeypatch, *arguments) -> int:
    monkeypatch.setattr(sys, "argv", ["benchmark", *arguments])
    return benchmark.main()


def test_the_shares_are_of_the_whole(monkeypatch, tmp_path, capsys, as_before):
    file = tmp_path / "speed.json"
    small = ("--mission", "assembler_1", "--worlds", "4", "--updates", "1", "--repeats", "2")
    assert call(monkeypatch, *small, "--json", str(file)) == 0
    found = json.loads(file.read_text())
    seconds = found["seconds_per_update"]
    assert set(seconds) == {"all", "cpu", *benchmark.PHASES}
    for repeat in range(2):
        parts = sum(seconds[name][repeat] for name in benchmark.PHASES)
        assert parts == pytest.approx(seconds["all"][repeat])
    rate = found["per_second"]
    # 4 worlds of one agent for 32 steps.
    assert rate["max"] == pytest.approx(4 * 32 / min(seconds["all"]))
    assert rate["min"] <= rate["median"] <= rate["max"]
    assert f"median {rate['median']:,.0f}" in capsys.readouterr().out


@pytest.mark.parametrize("arguments, text", [
    (("--mission", "nowhere"), "unknown mission"),
    (("--policy", "nobody"), "unknown policy"),
    (("--worlds", "0"), "worlds"),
    (("--threads", "5000"), "threads: got 5000; 1 to"),
])  # fmt: skip
def test_bad_arguments_are_one_line(arguments, text, monkeypatch, capsys, as_before):
    assert call(monkeypatch, *arguments) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ") and text in error and error.count("\n") == 1
