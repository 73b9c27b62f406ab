"""What a training or an evaluation asks a cluster for: memory and time, from its configuration.

Generous on purpose: Python, torch and the kernels take about 500 MB before anything happens, the
rest is about twice what was measured, and the speeds are a tenth of those in `docs/benchmarks.md`.
A job that needs more all the same is submitted again with a multiple, and a training goes on from
where it was.
"""

import math
from collections.abc import Collection, Sequence

from daf.config import EvaluationConfig
from daf.missions import Mission
from daf.plan.run import Run

BASE_MB = 1000
CUDA_MB = 2000  # of the machine's memory, for CUDA's libraries; not measured
RECORDING_MB = 500  # a file of recorded episodes holds up to 20 million numbers
OBSERVATION_BYTES = 600  # 200 tokens of 3 bytes
CELL_BYTES = 32
LAYOUT_BYTES = 600  # for each cell of each layout: what is seen from there
ACTIVATIONS_PER_UNIT = (
    16  # numbers of 4 bytes for each unit of the network's width, forward and back
)
DEFAULT_WIDTH = 128  # where the policy does not say

START_MINUTES = 10
TRAINING_SPEED, EVALUATION_SPEED = 5000, 2000
"""Agent-steps per second."""


def run_memory_mb(run: Run, gpus: int) -> int:
    """Memory of a training: rollout, one minibatch in the network, worlds."""
    config = run.training
    rows = config.worlds * max(mission.num_agents for mission in run.missions)
    steps = rows * config.rollout_length
    width = run.init_kwargs.get("hidden_size")
    width = width if isinstance(width, int) else DEFAULT_WIDTH
    needed = steps * OBSERVATION_BYTES
    needed += steps / config.minibatches * width * ACTIVATIONS_PER_UNIT * 4
    needed += config.worlds * max(map(_cells, run.missions)) * CELL_BYTES
    needed += sum(map(_layouts, run.missions))
    return _rounded(_base(gpus) + needed / 1e6)


def run_minutes(run: Run) -> int:
    """Time of a training."""
    return _minutes(run.training.steps, TRAINING_SPEED)


def colocated_memory_mb(runs: Collection[Run], gpus: int) -> int:
    """Memory of several trainings in one process."""
    return sum(run_memory_mb(run, gpus) for run in runs) - (len(runs) - 1) * _base(gpus)


def colocated_minutes(runs: Collection[Run], threads: int) -> int:
    """Time of several trainings, of which each thread advances one at a time. A GPU is driven by
    one thread: it is not counted on that they gain anything from each other there."""
    steps = [run.training.steps for run in runs]
    return _minutes(max(max(steps), math.ceil(sum(steps) / threads)), TRAINING_SPEED)


def evaluation_memory_mb(missions: Sequence[Mission], config: EvaluationConfig, gpus: int) -> int:
    """Memory of an evaluation: all worlds of a mission side by side, and what is recorded."""
    worlds = [
        mission.num_agents * (OBSERVATION_BYTES + DEFAULT_WIDTH * ACTIVATIONS_PER_UNIT * 4)
        + _cells(mission) * CELL_BYTES
        for mission in missions
    ]
    recording = RECORDING_MB if config.recorded_episodes else 0
    needed = config.episodes * max(worlds) + max(map(_layouts, missions))
    return _rounded(_base(gpus) + recording + needed / 1e6)


def evaluation_minutes(
    missions: Sequence[Mission], config: EvaluationConfig, players: int = 1
) -> int:
    """Time of the evaluations of players on one mission after the other."""
    steps = players * sum(mission.num_agents * mission.max_steps for mission in missions)
    return _minutes(config.episodes * steps, EVALUATION_SPEED)


def _base(gpus: int) -> int:
    return BASE_MB + (CUDA_MB if gpus else 0)


def _cells(mission: Mission) -> int:
    return len(mission.map) * len(mission.map[0])


def _layouts(mission: Mission) -> int:
    """Bytes of the tables of the layouts of a mission of several."""
    count = 0 if mission.layout is None else len(mission.layout.seeds)
    return count * _cells(mission) * LAYOUT_BYTES


def _rounded(mb: float) -> int:
    return 100 * math.ceil(mb / 100)


def _minutes(steps: int, speed: int) -> int:
    return START_MINUTES + math.ceil(steps / speed / 60)
