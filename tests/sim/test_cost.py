"""Cost of a step, measured by launches, allocations and inlining."""

import re
from pathlib import Path

import torch
import warp as wp

from daf.missions import load_mission
from daf.sim import shard, step
from daf.sim.simulation import Simulation

MISSION = load_mission("training_facility_1")


def test_a_step_replays_five_recorded_launches(monkeypatch):
    simulation = Simulation(MISSION, 4, auto_reset=True)
    launched = []
    for phase, command in simulation._shards[0]._recorded_launches.items():
        monkeypatch.setattr(command, "launch", lambda stream, p=phase: launched.append(p))

    def launch(*_, **__):
        raise AssertionError("a launch was not recorded")

    monkeypatch.setattr(wp, "launch", launch)
    for _ in range(3):
        simulation.step(torch.zeros(4, 4, dtype=torch.int64))
    assert launched == 3 * list(shard.PHASE_KERNELS)


def test_a_step_allocates_nothing_and_does_not_write_empty_tokens():
    simulation = Simulation(MISSION, 4, auto_reset=True)
    max_tokens = int(simulation.state.token_count.max())
    simulation.observations[:, :, max_tokens + 40 :] = 7  # never written by a step
    addresses = {name: tensor.data_ptr() for name, tensor in simulation.state_dict().items()}
    for _ in range(3):
        simulation.step(torch.zeros(4, 4, dtype=torch.int64))
    assert (simulation.observations[:, :, max_tokens + 40 :] == 7).all()
    assert addresses == {name: t.data_ptr() for name, t in simulation.state_dict().items()}


def test_all_functions_of_the_rules_are_inlined():
    """A call copies tables and state by value, which makes a step 1.5 times as long."""
    Simulation(MISSION, 1)
    loaded = [e for e in step.apply_rules.module.execs.values() if e.device.is_cpu]
    compiled = Path(loaded[0].binary_path).read_bytes()
    assert b"_cpu_forward" in compiled
    assert re.findall(rb"_Z\w*Tables_\w*Worlds_\w*", compiled) == [], "not inlined"
