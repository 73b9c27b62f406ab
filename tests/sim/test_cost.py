"""What a step costs, by facts that are the same on every machine."""

import re
from pathlib import Path

import torch
import warp as wp

from daf.missions import load_mission
from daf.sim import shard, step
from daf.sim.simulation import Simulation

MISSION = load_mission("training_facility_1")


def test_a_step_is_five_prepared_launches(monkeypatch):
    simulation = Simulation(MISSION, 4, auto_reset=True)
    launched = []
    for phase, command in simulation._shards[0]._recorded_launches.items():
        monkeypatch.setattr(command, "launch", lambda stream, p=phase: launched.append(p))

    def launch(*_, **__):
        raise AssertionError("a launch was put together anew")

    monkeypatch.setattr(wp, "launch", launch)
    for _ in range(3):
        simulation.step(torch.zeros(4, 4, dtype=torch.int64))
    assert launched == 3 * list(shard.PHASE_KERNELS)


def test_a_step_allocates_nothing_and_writes_only_what_is_not_empty():
    simulation = Simulation(MISSION, 4, auto_reset=True)
    most = int(simulation.state.token_count.max())
    simulation.observations[:, :, most + 40 :] = 7  # nobody writes there, so that it must stay
    addresses = {name: tensor.data_ptr() for name, tensor in simulation.state_dict().items()}
    for _ in range(3):
        simulation.step(torch.zeros(4, 4, dtype=torch.int64))
    assert (simulation.observations[:, :, most + 40 :] == 7).all()
    assert addresses == {name: t.data_ptr() for name, t in simulation.state_dict().items()}


def test_the_rules_are_compiled_without_calls():
    """A call hands over the tables and the state by value: it made a step half as long again."""
    Simulation(MISSION, 1)
    loaded = [e for e in step.apply_rules.module.execs.values() if e.device.is_cpu]
    compiled = Path(loaded[0].binary_path).read_bytes()
    assert b"_cpu_forward" in compiled
    assert re.findall(rb"_Z\w*Tables_\w*Worlds_\w*", compiled) == [], "these are called"
