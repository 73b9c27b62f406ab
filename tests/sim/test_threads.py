"""Multi-threaded simulation: equal results, errors and cleanup of threads."""

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


def run_simulation(threads: int) -> dict[str, torch.Tensor]:
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
def test_results_do_not_depend_on_the_number_of_threads(threads):
    single_threaded, multi_threaded = run_simulation(1), run_simulation(threads)
    for name in single_threaded:
        assert torch.equal(single_threaded[name], multi_threaded[name]), name


def test_threads_end_with_their_simulation():
    initial_threads = set(threading.enumerate())
    simulation = Simulation(MISSION, 7, threads=3)
    simulation.step(torch.zeros(7, 4, dtype=torch.int64))
    worker_threads = set(threading.enumerate()) - initial_threads
    assert 1 <= len(worker_threads) <= 2
    del simulation
    gc.collect()
    for thread in worker_threads:
        thread.join(timeout=60)
        assert not thread.is_alive()


def test_an_error_in_a_thread_is_raised(monkeypatch):
    simulation = Simulation(MISSION, 7, threads=3)

    def fail(phases, stream):
        raise RuntimeError("the launch failed")

    monkeypatch.setattr(simulation._shards[-1], "launch", fail)
    with pytest.raises(RuntimeError, match="the launch failed"):
        simulation.step(torch.zeros(7, 4, dtype=torch.int64))


def test_default_threads_are_those_of_torch_limited_by_the_number_of_rows(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    assert len(Simulation(MISSION, 7)._shards) == 3
    monkeypatch.setattr(module, "ROWS_PER_THREAD", 14)
    assert len(Simulation(MISSION, 7)._shards) == 2
    assert len(Simulation(MISSION, 2)._shards) == 1
    with pytest.raises(ValueError, match="threads: got 0; expected at least 1"):
        Simulation(MISSION, 7, threads=0)
