"""Several threads step one simulation: the same bytes, and no thread stays behind."""

import gc
import threading

import pytest
import torch

from daf.missions import load_mission
from daf.sim import simulation as module
from daf.sim.simulation import Simulation

MISSION = load_mission("training_facility_1").model_copy(update={"max_steps": 20})


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(module, "ROWS_PER_THREAD", 4)


def play(threads: int) -> dict[str, torch.Tensor]:
    simulation = Simulation(MISSION, 7, seed=3, auto_reset=True, threads=threads)
    assert len(simulation._shards) == min(threads, 7)
    generator = torch.Generator().manual_seed(0)
    for step in torch.randint(0, 12, (50, 7, 4), generator=generator):
        simulation.step(step)
    seeds = torch.arange(7)
    simulation.reset(seeds % 2 == 0, world_seeds=seeds)
    simulation.step(torch.ones(7, 4, dtype=torch.int64))
    return simulation.state_dict()


@pytest.mark.parametrize("threads", [2, 3, 7, 9])
def test_the_number_of_threads_changes_no_byte(threads):
    alone, together = play(1), play(threads)
    for name in alone:
        assert torch.equal(alone[name], together[name]), name


def test_no_thread_stays_behind():
    before = set(threading.enumerate())
    simulation = Simulation(MISSION, 7, threads=3)
    simulation.step(torch.zeros(7, 4, dtype=torch.int64))
    own = set(threading.enumerate()) - before
    assert 1 <= len(own) <= 2
    del simulation
    gc.collect()
    for thread in own:
        thread.join(timeout=60)
        assert not thread.is_alive()


def test_a_failure_in_any_thread_is_raised(monkeypatch):
    simulation = Simulation(MISSION, 7, threads=3)

    def fail(phases, stream):
        raise RuntimeError("the launch failed")

    monkeypatch.setattr(simulation._shards[-1], "launch", fail)
    with pytest.raises(RuntimeError, match="the launch failed"):
        simulation.step(torch.zeros(7, 4, dtype=torch.int64))


def test_threads_are_torchs_and_only_as_many_as_there_is_work_for(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    assert len(Simulation(MISSION, 7)._shards) == 3
    monkeypatch.setattr(module, "ROWS_PER_THREAD", 14)
    assert len(Simulation(MISSION, 7)._shards) == 2
    assert len(Simulation(MISSION, 2)._shards) == 1
    with pytest.raises(ValueError, match="threads: got 0; at least 1 is needed"):
        Simulation(MISSION, 7, threads=0)
